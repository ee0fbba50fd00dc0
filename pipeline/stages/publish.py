"""Stage 6: gather the instructions of all datasets into the corpus that `load_dataset` opens.

`corpus/<task>-<language>/<split>-SSSSS-of-NNNNN.parquet`, held-out sets under `heldout-...`, and a
card whose `configs:` name them. Train rows are in a global order by hash: rows are parted by the
high bits of their hash, then each part is sorted by itself, so that memory holds one part.
Dev and test rows keep the order of their datasets, so that a record's batches stay together.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import batching, catalog, shards
from pipeline.card import card
from pipeline.records import INSTRUCTIONS, SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Settings

_ROWS_PER_PART: Final = 100_000


class Group(NamedTuple):
    """The shards of one config and split, in the order of datasets and records."""

    config: str
    split: str
    paths: list[Path]


def publish(
    datasets: Sequence[Dataset],
    instructions: Path,
    settings: Settings,
    out: Path,
    progress: Callable[[Iterable[Group]], Iterable[Group]] = iter,
) -> dict[str, int]:
    """Write the corpus into the folder `out`; return the rows of every "config/split"."""
    rows: dict[str, int] = {}
    with shards.replacing(out) as folder:
        for group in progress(groups(datasets, instructions)):
            total = sum(pq.read_metadata(path).num_rows for path in group.paths)
            if not total:
                continue
            source = (
                _shuffled(group.paths, total, folder / ".parts")
                if group.split == "train"
                else map(shards.read, group.paths)
            )
            _write(
                source, total, settings.publish.rows_per_shard, folder / group.config, group.split
            )
            rows[f"{group.config}/{group.split}"] = total
        text = card(datasets, rows, settings, corpus_hash(folder))
        (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    return rows


def groups(datasets: Sequence[Dataset], instructions: Path) -> list[Group]:
    """Every config and split that any dataset has instructions for, in the order of tasks."""
    found: dict[tuple[str, str], list[Path]] = {}
    for dataset in sorted(datasets, key=lambda d: d.id):
        prefix = "heldout-" if dataset.use == "held-out" else ""
        for task in dataset.tasks:
            for split in SPLITS:
                paths = shards.listed(instructions / dataset.id / task, f"{split}-*.parquet")
                key = (f"{prefix}{task}-{dataset.language}", split)
                found.setdefault(key, []).extend(paths)
    order = {
        f"{h}{t}-{g}": None for h in ("", "heldout-") for t in catalog.TASKS for g in ("en", "zh")
    }
    place = {config: i for i, config in enumerate(order)}
    keys = sorted(found, key=lambda key: (place[key[0]], SPLITS.index(key[1])))
    return [Group(*key, found[key]) for key in keys]


def _order(table: Any) -> Any:
    """The place of every row in the global order, as 64 bits."""
    return batching.mix64(batching.hashes(table["id"].to_pylist()))


def _shuffled(paths: Sequence[Path], total: int, folder: Path) -> Iterator[Any]:
    """The rows of all shards in the order of their hashes, part by part."""
    parts = -(-total // _ROWS_PER_PART)
    if parts > 1:
        for number, path in enumerate(paths):
            for table in _row_groups(path):
                part = (_order(table) >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)
                for p in np.unique(part):
                    own = table.filter(pa.array(part == p))
                    name = f"{p:05d}/{number:06d}-{own['id'][0].as_py().replace('/', '+')}.parquet"
                    shards.write(own, folder / name)
        sources = [shards.listed(folder / f"{p:05d}") for p in range(parts)]
    else:
        sources = [[*paths]]
    for source in sources:
        tables = [shards.read(path) for path in source]
        if tables:
            table = pa.concat_tables(tables)
            yield table.take(pa.array(np.lexsort((table["id"].to_numpy(), _order(table)))))
    shutil.rmtree(folder, ignore_errors=True)


def _row_groups(path: Path) -> Iterator[Any]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_PER_PART):
            yield pa.Table.from_batches([batch], schema=INSTRUCTIONS)


def _write(tables: Iterable[Any], total: int, per_shard: int, folder: Path, split: str) -> None:
    """Write tables as shards of `per_shard` rows, the last one shorter."""
    count = -(-total // per_shard)
    pieces = _chunks(tables, shards.MAX_ROWS_PER_GROUP, per_shard)
    for number in range(count):
        path = folder / f"{split}-{number:05d}-of-{count:05d}.parquet"
        left = min(per_shard, total - number * per_shard)
        with shards.writer(path, INSTRUCTIONS) as write:
            while left > 0:
                piece = next(pieces)
                write(piece)
                left -= piece.num_rows


def _chunks(tables: Iterable[Any], rows: int, per_shard: int) -> Iterator[Any]:
    """The same rows in tables of `rows` rows, so that row groups do not depend on the parts.

    A chunk also ends where a shard of `per_shard` rows does.
    """
    rest, written = INSTRUCTIONS.empty_table(), 0
    for table in tables:
        rest = pa.concat_tables([rest, table])
        while rest.num_rows >= (size := min(rows, per_shard - written % per_shard)):
            yield rest.slice(0, size)
            rest, written = rest.slice(size), written + size
        rest = rest.combine_chunks()
    if rest.num_rows:
        yield rest


def corpus_hash(folder: Path) -> str:
    """The sha256 over the hashes of all shards, by which two corpora can be compared."""
    paths = sorted(folder.glob("*/*.parquet"))
    listing = "".join(f"{catalog.digest(p)}  {p.relative_to(folder).as_posix()}\n" for p in paths)
    return hashlib.sha256(listing.encode()).hexdigest()
