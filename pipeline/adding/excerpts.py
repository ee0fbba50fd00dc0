"""Copy the first rows of files to smaller files, so that files of any size are judged quickly."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline.errors import RawFileError
from pipeline.readers._source import HEAD, json_rows, opened, shape
from pipeline.readers._tables import batches, is_table

_BOM: Final = b"\xef\xbb\xbf"
_ZIP: Final = b"PK\x03\x04"


def excerpts(paths: Sequence[Path], folder: Path, rows: int, size: int) -> list[Path]:
    """Return the files, but copies in `folder` of the first rows of those larger than `size`."""
    places = []
    for number, path in enumerate(paths):
        place = path
        if path.is_file() and path.stat().st_size > size and not head_of(path).startswith(_ZIP):
            place = folder / str(number) / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            cut(path, place, rows, size)
        places.append(place)
    return places


def cut(path: Path, to: Path, rows: int, size: int) -> None:
    """Write the first `rows` rows of a table or JSON array, or the first sentences of other files.

    Of one JSON object, the first entries of all its long lists and objects are kept. `size` limits
    the bytes that are read of anything else. A gzip file is unpacked.
    """
    if is_table(path):
        _cut_table(path, to, rows)
        return
    for _, stream in opened(path):
        raw = stream.read(size)
        whole = not stream.read(1)
        break
    if is_array(path):
        to.write_bytes(b"[\n" + b",\n".join(_first(path, rows, size)) + b"\n]\n")
    elif shape(raw) == "object":
        _cut_object(path, to, rows)
    elif whole:
        to.write_bytes(raw)
    else:
        ends = [raw.rfind(mark) for mark in (b"\n\n", b"\n\r\n", b"\n")]
        # If empty lines separate sentences, what follows the last one is cut off.
        sentences = raw.count(b"\n\n") * 200 > raw.count(b"\n")
        end = max(ends[:2]) if sentences and max(ends[:2]) > 0 else ends[2]
        to.write_bytes(raw[: end + 1])


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(HEAD)


def is_array(path: Path) -> bool:
    """Whether a file is one JSON array; text and JSON lines may also begin with [."""
    try:
        heads = [shape(stream.peek(HEAD)[:HEAD]) for _, stream in opened(path)]
        return heads == ["array"] and next(json_rows(path), None) is not None
    except RawFileError:
        return False


def _first(path: Path, rows: int, size: int) -> Iterator[bytes]:
    """Yield at most `rows` elements of a JSON array; stop early once they fill `size` bytes."""
    for _, value in islice(json_rows(path), rows):
        raw = orjson.dumps(value)
        yield raw
        size -= len(raw)
        if size < 0:
            return


def _cut_object(path: Path, to: Path, rows: int) -> None:
    try:
        value = orjson.loads(path.read_bytes().removeprefix(_BOM))
    except ValueError:
        shutil.copyfile(path, to)
        return
    to.write_bytes(orjson.dumps(_shorter(value, max(10, rows // 10), 2)))


def _shorter(value: Any, most: int, depth: int) -> Any:
    """Return the value with only the first entries of long lists and objects."""
    if isinstance(value, dict):
        kept = list(value.items())[: 4 * most]
        return {k: _shorter(v, most, depth - 1) if depth else v for k, v in kept}
    return value[:most] if isinstance(value, list) else value


def _cut_table(path: Path, to: Path, rows: int) -> None:
    """Write the first rows of Parquet as Parquet, and of Arrow as an Arrow stream."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = []
    for _, batch in batches(path):
        kept.append(batch)
        if sum(map(len, kept)) >= rows:
            break
    table = pa.Table.from_batches(kept).slice(0, rows)
    if head_of(path).startswith(b"PAR1"):
        pq.write_table(table, to)
        return
    with pa.ipc.new_stream(to, table.schema) as writer:
        writer.write_table(table)
