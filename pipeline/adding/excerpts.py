"""The first rows of files, in files of their own: so a file of any size is judged at once."""

from __future__ import annotations

import json
import shutil
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline.readers._source import decode, opened
from pipeline.readers._tables import batches, is_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BOM: Final = b"\xef\xbb\xbf"
_ZIP: Final = b"PK\x03\x04"
_HEAD: Final = 1 << 16


def excerpts(paths: Sequence[Path], folder: Path, rows: int, size: int) -> list[Path]:
    """The same files; of those with more bytes than `size`, the first rows, copied to `folder`."""
    found = []
    for number, path in enumerate(paths):
        if path.is_dir() or path.stat().st_size <= size or head_of(path).startswith(_ZIP):
            found.append(path)
            continue
        place = folder / str(number) / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        cut(path, place, rows, size)
        found.append(place)
    return found


def cut(path: Path, to: Path, rows: int, size: int) -> None:
    """Write the first rows of a file: of a table or an array of JSON so many, else whole sentences.

    Of one JSON object the first entries of all its long lists and objects are taken; `size` bounds
    the bytes that are read of anything else. A file packed as gzip is unpacked.
    """
    if is_table(path):
        _cut_table(path, to, rows)
        return
    for _, stream in opened(path):
        raw = stream.read(size)
        whole = not stream.read(1)
        break
    if is_array(raw):
        elements = [*islice(_elements(decode(raw)), rows)]
        to.write_text("[\n" + ",\n".join(elements) + "\n]\n", "utf-8", "surrogateescape")
    elif _is_one_object(raw):
        _cut_object(path, to, rows)
    elif whole:
        to.write_bytes(raw)
    else:
        ends = [raw.rfind(mark) for mark in (b"\n\n", b"\n\r\n", b"\n")]
        # What stands after the last empty line is half a sentence, where empty lines part them.
        sentences = raw.count(b"\n\n") * 200 > raw.count(b"\n")
        end = max(ends[:2]) if sentences and max(ends[:2]) > 0 else ends[2]
        to.write_bytes(raw[: end + 1])


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(_HEAD)


def is_array(head: bytes) -> bool:
    """Whether a file that begins so is one array of JSON; text and JSON lines may begin with [."""
    raw = head.removeprefix(_BOM).lstrip()
    if raw[:1] != b"[":
        return False
    first, _, rest = raw.partition(b"\n")
    if rest.strip() and _is_json(first):
        return False
    return next(_elements(decode(raw)), None) is not None


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


def _elements(text: str) -> Iterator[str]:
    """The elements of a JSON array as they are written, as far as the text goes."""
    decoder = json.JSONDecoder()
    place = text.index("[") + 1
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        if place >= len(text) or text[place] == "]":
            return
        try:
            _, end = decoder.raw_decode(text, place)
        except ValueError:
            return
        yield text[place:end]
        place = end


def _is_one_object(raw: bytes) -> bool:
    """Whether a file that begins so is one object over many lines, and no JSON lines."""
    lines = raw.removeprefix(_BOM).strip().split(b"\n", 1)
    return lines[0][:1] == b"{" and (len(lines) == 1 or not _is_json(lines[0]))


def _cut_object(path: Path, to: Path, rows: int) -> None:
    try:
        value = orjson.loads(path.read_bytes().removeprefix(_BOM))
    except ValueError:
        shutil.copyfile(path, to)
        return
    to.write_bytes(orjson.dumps(_shorter(value, max(10, rows // 10), 2)))


def _shorter(value: Any, most: int, depth: int) -> Any:
    """A value whose long lists and objects have only their first entries."""
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
