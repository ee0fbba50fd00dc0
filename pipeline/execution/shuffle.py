"""The one shuffle of all steps over the whole corpus: rows parted by a key, then part by part.

A first pass calls `write` for each of its items: files that hold the rows of every part as a record
batch. A second pass calls `read` for each part. Parts are ranges of keys, unsigned numbers
of 64 bits: `even` ranges of hashes, or ranges of places, which keep the order of what they place.

A part that is too large to be held is parted again by the pass that reads it. So memory is bounded,
a file has at most `FAN` parts however large the corpus is, and work grows with the rows alone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from pipeline.execution import atomic, shards

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Parts of one file at most.
FAN = 256
#: Into how many a part that is too large is parted.
_FINER: Final = 16
#: Bytes that a reader holds of a part, about.
LIMIT = 16 << 20
#: The column that `keyed` adds.
KEY: Final = "key"


def even(size: int) -> list[int]:
    """The bounds of ranges of hashes for rows of `size` bytes together, as far as that is known."""
    parts = min(FAN, max(1, -(-2 * size // LIMIT)))
    return [2**64 * n // parts for n in range(parts + 1)]


def keyed(table: Any, keys: Any) -> Any:
    """The table with its keys (uint64) as the last column."""
    return table.append_column(KEY, pa.array(keys, pa.uint64()))


def write(tables: Iterable[Any], bounds: Sequence[int], path: Path) -> list[Path]:
    """Write the rows of keyed tables, parted by their keys, as files `<path>-NNNNNN.arrow`.

    Part n has the keys from `bounds[n]` up to, not including, `bounds[n + 1]`. Small tables go into
    one file of about `LIMIT` bytes; where there are no rows, there is no file.
    """
    files: list[Path] = []
    for number, table in enumerate(_gathered(tables)):
        files.append(path.with_name(f"{path.name}-{number:06d}.arrow"))
        _write(table, bounds, files[-1])
    return files


def _write(table: Any, bounds: Sequence[int], path: Path) -> None:
    inner = np.array(bounds[1:-1], np.uint64)
    part = np.searchsorted(inner, table[KEY].to_numpy(), side="right")
    order = np.argsort(part, kind="stable")
    ends = np.searchsorted(part[order], np.arange(len(bounds)))
    table = table.take(pa.array(order)).combine_chunks()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        atomic.writing(path) as partial,
        atomic.stream(partial, "wb") as stream,
        pa.ipc.new_file(stream, table.schema, options=options) as file,
    ):
        for start, end in pairwise(ends):
            rows = table.slice(start, end - start).to_batches()
            (batch,) = rows or [pa.RecordBatch.from_pylist([], table.schema)]
            file.write_batch(batch)


def rows(files: Iterable[Path], parts: int) -> list[int]:
    """How many rows of each part are in files that `write` wrote."""
    counts = np.zeros(parts, np.int64)
    for path in files:
        with _opened(path) as file:
            counts += [file.get_batch(part).num_rows for part in range(parts)]
    found: list[int] = counts.tolist()
    return found


def read(folder: Path, part: int, bounds: Sequence[int]) -> Iterator[Any]:
    """Yield the rows of one part of all files in a folder, in tables that can be held.

    Tables and rows are in the order of their keys; rows of one key are in one table, in the order
    of the files' names. The key is the last column.
    """
    aside = folder / f".{part:06d}-{os.getpid()}"  # two may read one part
    atomic.remove(aside)  # of a process that was killed
    yield from _parted(shards.listed(folder, "*.arrow"), part, bounds, aside)


def _parted(paths: list[Path], part: int, bounds: Sequence[int], aside: Path) -> Iterator[Any]:
    low, high = bounds[part : part + 2]
    tables = _gathered(_batches(paths, part))
    head = [*islice(tables, 2)]
    if len(head) < 2 or high - low == 1:
        if head:
            table = pa.concat_tables([*head, *tables])
            order = np.argsort(table[KEY].to_numpy(), kind="stable")
            yield table.take(pa.array(order))
        return
    finer = _finer(head, low, high)
    write(chain(head, tables), finer, aside / "rows")
    inner = shards.listed(aside, "*.arrow")
    for n in range(len(finer) - 1):
        yield from _parted(inner, n, finer, aside / f"{n:06d}")
    atomic.remove(aside)


def _finer(tables: Sequence[Any], low: int, high: int) -> list[int]:
    """The bounds of finer parts, from the keys of some rows; a frequent key is one alone."""
    keys = np.sort(np.concatenate([table[KEY].to_numpy() for table in tables]))
    chosen = keys[:: -(-len(keys) // _FINER)].tolist()
    often = (key + 1 for key, later in pairwise(chosen) if key == later)
    return sorted({low, high, *chosen, *often})


def _batches(paths: Sequence[Path], part: int) -> Iterator[Any]:
    """The rows of one part, file by file."""
    for path in paths:
        with _opened(path) as file:
            yield pa.Table.from_batches([file.get_batch(part)])


@contextmanager
def _opened(path: Any) -> Iterator[Any]:
    source = pa.memory_map(str(path)) if isinstance(path, Path) else path.open("rb")
    with source, pa.ipc.open_file(source) as file:
        yield file


def _gathered(tables: Iterable[Any]) -> Iterator[Any]:
    """The rows of tables in tables of about `LIMIT` bytes, the last one smaller."""
    held: list[Any] = []
    size = 0
    for table in tables:
        if table.num_rows:
            held.append(table)
            size += table.nbytes
        if size > LIMIT:
            yield pa.concat_tables(held)
            held, size = [], 0
    if held:
        yield pa.concat_tables(held)
