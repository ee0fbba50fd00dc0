"""The shuffle that every step over the whole corpus uses: group rows by a key, in bounded memory.

The first pass calls `write` for each of its items; the files hold one record batch for each part.
The second pass calls `read` for each part. A part is a range of keys, which are unsigned 64-bit
numbers: hashes in `even` ranges, or positions, if the rows are to come back in order.

If a part is too large for memory, the pass that reads it splits it further. So memory is bounded, a
file has at most `FAN` parts however large the corpus is, and work grows linearly with the rows.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from pipeline.execution import atomic, shards

#: The most parts that one file has.
FAN = 256
#: About how many parts a part that is too large is split into.
_FINER: Final = 16
#: About how many bytes of a part are in memory at once.
LIMIT = 16 << 20
#: The column that `keyed` adds.
KEY: Final = "key"


def even(size: int) -> list[int]:
    """Return the bounds of equal ranges of hashes, for rows of about `size` bytes in all."""
    parts = min(FAN, max(1, -(-2 * size // LIMIT)))
    return [2**64 * n // parts for n in range(parts + 1)]


def keyed(table: Any, keys: Any) -> Any:
    """Return the table with its keys (uint64) as the last column."""
    return table.append_column(KEY, pa.array(keys, pa.uint64()))


def write(tables: Iterable[Any], bounds: Sequence[int], path: Path) -> list[Path]:
    """Write the rows of keyed tables, grouped into parts, as files `<path>-NNNNNN.arrow`.

    Part n has the keys from `bounds[n]` up to, not including, `bounds[n + 1]`. Small tables share a
    file of about `LIMIT` bytes; no rows make no file.
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
    """Return how many rows of each part are in files that `write` wrote."""
    counts = np.zeros(parts, np.int64)
    for path in files:
        with _opened(path) as file:
            counts += [file.get_batch(part).num_rows for part in range(parts)]
    return [int(count) for count in counts]


def read(folder: Path, part: int, bounds: Sequence[int]) -> Iterator[Any]:
    """Yield the rows of one part, from all files in a folder, in tables that fit into memory.

    Tables and rows are sorted by key. All rows of a key are in one table, in the order of the
    files' names. The key is the last column.
    """
    scratch = folder / f".{part:06d}-{os.getpid()}"  # two processes may read the same part
    atomic.remove(scratch)  # left by a process that was killed
    yield from _read(shards.listed(folder, "*.arrow"), part, bounds, scratch)


def _read(paths: list[Path], part: int, bounds: Sequence[int], scratch: Path) -> Iterator[Any]:
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
    write(chain(head, tables), finer, scratch / "rows")
    inner = shards.listed(scratch, "*.arrow")
    for n in range(len(finer) - 1):
        yield from _read(inner, n, finer, scratch / f"{n:06d}")
    atomic.remove(scratch)


def _finer(tables: Sequence[Any], low: int, high: int) -> list[int]:
    """Return the bounds of smaller parts, from some rows' keys; a frequent key gets its own."""
    keys = np.sort(np.concatenate([table[KEY].to_numpy() for table in tables]))
    chosen = keys[:: -(-len(keys) // _FINER)].tolist()
    often = (key + 1 for key, later in pairwise(chosen) if key == later)
    return sorted({low, high, *chosen, *often})


def _batches(paths: Sequence[Path], part: int) -> Iterator[Any]:
    """Yield the rows of one part, file by file."""
    for path in paths:
        with _opened(path) as file:
            yield pa.Table.from_batches([file.get_batch(part)])


@contextmanager
def _opened(path: Any) -> Iterator[Any]:
    source = pa.memory_map(str(path)) if isinstance(path, Path) else path.open("rb")
    with source, pa.ipc.open_file(source) as file:
        yield file


def _gathered(tables: Iterable[Any]) -> Iterator[Any]:
    """Yield the same rows in tables of about `LIMIT` bytes; the last one may be smaller."""
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
