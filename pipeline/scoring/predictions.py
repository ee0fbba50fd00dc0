"""Read a model's answers.

They are rows with an `id` of the corpus, and a text in `prediction` or else `output`: JSON lines, a
JSON array or Parquet, a file or a folder of them, in any order.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import RawFileError, explained
from pipeline.readers._source import json_rows
from pipeline.records import Reject
from pipeline.tables import INSTRUCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Where the model's text stands, the first that is there.
FIELDS: Final = ("prediction", "output")
_STRINGS: Final = (pa.string(), pa.large_string(), pa.string_view())
#: Rows held as Python objects at once.
AT_ONCE: Final = 50_000


class Answers(NamedTuple):
    """The answers of a model, in the order of their files."""

    ids: Any
    texts: Any


def read(path: Path, field: str | None = None) -> Answers:
    """The answers of a file, or of all files in a folder."""
    pieces = [piece for file in files(path) for piece in _answers(file, field)]
    if not pieces:
        raise RawFileError(
            "no predictions here",
            where=path,
            todo="name a file of answers, or a folder of .jsonl, .json or .parquet files",
        )
    ids = pa.chunked_array([piece[0] for piece in pieces], pa.string())
    texts = pa.chunked_array([piece[1] for piece in pieces], pa.large_string())
    counted = pc.value_counts(ids)
    twice = counted.filter(pc.greater(counted.field("counts"), 1))
    if len(twice):
        raise RawFileError(
            f"{len(twice)} ids are answered more than once, the first is "
            f"{twice[0]['values'].as_py()!r}",
            where=path,
            todo="keep one answer of each id",
        )
    return Answers(ids, texts)


def files(path: Path) -> list[Path]:
    """The file, or all files of rows in the folder, in their order."""
    if path.is_dir():
        kinds = (".parquet", ".jsonl", ".json")
        return sorted(p for p in path.rglob("[!.]*") if p.suffix in kinds and p.is_file())
    if not path.is_file():
        todo = "name the model's answers first, and the folder of the corpus with --gold"
        raise RawFileError("there is no such file or folder", where=path, todo=todo)
    return [path]


def _answers(path: Path, field: str | None) -> Iterator[tuple[Any, Any]]:
    """(ids, texts) piece by piece."""
    if path.suffix == ".parquet":
        with parquet(path) as file:
            names = file.schema_arrow.names
            name = _field(names, field, path)
            kind = file.schema_arrow.field(name).type
            values = kind.value_type if pa.types.is_dictionary(kind) else kind
            if values not in _STRINGS:
                todo = "write the model's text as it is"
                raise RawFileError(f"{name} is {kind}, not a string", where=path, todo=todo)
            for batch in file.iter_batches(AT_ONCE, columns=["id", name]):
                batch.validate(full=True)
                yield batch["id"].cast(pa.string()), batch[name].cast(pa.large_string())
        return
    rows = json_rows(path)
    while piece := [*islice(rows, AT_ONCE)]:
        ids: list[str] = []
        texts: list[str | None] = []
        for origin, row in piece:
            if isinstance(row, Reject):
                todo = "write one JSON object a line: an id and the model's text"
                raise RawFileError(f"not JSON: {row.detail}", where=origin, todo=todo)
            value = row[_field(row if isinstance(row, dict) else (), field, origin)]
            ids.append(str(row["id"]))
            texts.append(value if isinstance(value, str | None) else _written(value))
        yield pa.array(ids, pa.string()), pa.array(texts, pa.large_string())


def _written(value: Any) -> str:
    """The text of an answer that was written as a value; none where it is nested beyond measure."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return ""  # counted as unreadable


def _field(names: Any, field: str | None, where: object) -> str:
    """The name of the column that holds the model's text."""
    wanted = (field,) if field else FIELDS
    name = next((n for n in wanted if n in names), None)
    if name is None or "id" not in names:
        raise RawFileError(
            f"a prediction needs the fields id and {' or '.join(wanted)}",
            where=where,
            todo="keep the column id of the corpus; name the model's text with --field",
        )
    other = [n for n in names if n not in INSTRUCTIONS.names]
    if not field and name == "output" and "instruction" in names and other:
        raise RawFileError(
            f"is the model's text in output, which is the gold of the corpus, or in {other[0]}?",
            where=where,
            todo="name the field with --field",
        )
    return name


@contextmanager
def parquet(path: Path) -> Iterator[Any]:
    """Open a Parquet file; what is broken in it, or no string, is told when it is read."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException, UnicodeDecodeError) as problem:
        raise explained(problem, path) or RawFileError(
            f"cannot read this Parquet file: {problem}",
            where=path,
            todo="write it again: ids and texts are strings in UTF-8, and .parquet means Parquet",
        ) from None
