"""Rows of files in Parquet and Arrow, with the names of classes in the place of their numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline.errors import RawFileError

_PARQUET: Final = b"PAR1"
_ARROW: Final = b"ARROW1"
#: How an Arrow stream begins, as `save_to_disk` of Hugging Face writes it.
_STREAM: Final = b"\xff\xff\xff\xff"
_BATCH: Final = 1000


def is_table(path: Path) -> bool:
    """Whether the first bytes are those of Parquet or Arrow."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(8).startswith((_PARQUET, _ARROW, _STREAM))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table. What is a number of a class there is the name of the class here."""
    import pyarrow as pa

    try:
        for schema, batch in batches(path):
            features = _features(schema.metadata or {})
            for row in batch.to_pylist():
                yield {name: _named(value, features.get(name)) for name, value in row.items()}
    except (pa.ArrowException, OSError) as problem:
        what = f"not a whole table in Parquet or Arrow: {' '.join(str(problem).split())[:200]}"
        raise RawFileError(what, where=path, todo="get the file again") from None


def batches(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield (schema, batch of rows)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as stream:
        head = stream.read(8)
        stream.seek(0)
        if head.startswith(_PARQUET):
            file = pq.ParquetFile(stream)
            for batch in file.iter_batches(_BATCH):
                yield file.schema_arrow, batch
            return
        if head.startswith(_ARROW):
            with pa.ipc.open_file(stream) as reader:
                for number in range(reader.num_record_batches):
                    yield reader.schema, reader.get_batch(number)
            return
        with pa.ipc.open_stream(stream) as reader:
            for batch in reader:
                yield reader.schema, batch


def _features(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """What `datasets` says of the columns: {column: {"_type": "ClassLabel", "names": [...]}}."""
    try:
        features = orjson.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _named(value: Any, feature: Any) -> Any:
    """A value with the numbers of classes replaced by their names, as far as they have names."""
    if isinstance(feature, list):
        feature = {"feature": feature[0]} if feature else None
    if not isinstance(feature, dict) or value is None:
        return value
    names: Any = feature.get("names")
    of_class = feature.get("_type") == "ClassLabel" and isinstance(names, list)
    inner = feature.get("feature", None if "_type" in feature else feature)
    if isinstance(value, list):  # Of a class: in an object of lists, see below.
        return [_named(part, feature if of_class else inner) for part in value]
    if of_class:
        return names[value] if type(value) is int and 0 <= value < len(names) else value
    if isinstance(value, dict) and isinstance(inner, dict):
        # A `Sequence` of an object is an object of lists.
        return {name: _named(part, inner.get(name)) for name, part in value.items()}
    return value
