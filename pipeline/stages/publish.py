"""Stage 6: gather the instructions of all datasets into the corpus that `load_dataset` opens.

`corpus/<task>-<language>/<split>-SSSSS-of-NNNNN.parquet`, held-out sets under `heldout-...`, and a
card whose `configs:` name them. Train rows may be capped or repeated per dataset, and are in a
global order by hash, part by part (see `shuffle`), so that memory holds one part. Dev and test rows
keep the order of their datasets, so that a record's batches stay together.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from pipeline import atomic, catalog, editions, hashing, raw_files, shards, shuffle
from pipeline.corpus import lengths, shares
from pipeline.corpus.card import Published, card
from pipeline.errors import DeclarationError
from pipeline.execution.freshness import Done, Step, building, scratch, steps
from pipeline.kept import account
from pipeline.records import SPLITS
from pipeline.tables import INSTRUCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Publish, Settings
    from pipeline.corpus.shares import Share
    from pipeline.engines import Workers

#: Rows that are read at once.
_ROWS: Final = 20_000


class Group(NamedTuple):
    """The instruction shards of one config and split, by dataset in the order of names."""

    config: str
    split: str
    paths: dict[str, list[Path]]

    @property
    def size(self) -> int:
        """About how much work it is."""
        return sum(path.stat().st_size for paths in self.paths.values() for path in paths)


def publish(
    datasets: Sequence[Dataset],
    folders: Mapping[str, Path],
    settings: Settings,
    out: Path,
    workers: Workers | int = 1,
    code: str = "unknown",
) -> dict[str, int]:
    """Write the corpus into the folder `out`; return the rows of every "config/split".

    `folders` maps each stage before this one to its output; `code` is a digest for the card.
    """
    check(datasets, settings.publish)
    found = groups(datasets, folders["instruct"])
    largest_first = sorted(found, key=lambda group: -group.size)
    with building(out) as folder:
        job = partial(_group, settings=settings.publish, folder=folder)
        todo = [Step(folder, f"{g.config}/{g.split}", g) for g in largest_first]
        done = (Published(*own) for own in steps(job, todo, workers))
        by_key = {g[:2]: own for g, own in zip(largest_first, done, strict=True) if own.rows}
        made = {f"{g.config}/{g.split}": by_key[g[:2]] for g in found if g[:2] in by_key}
        records = {
            d.id: account(folders["clean"] / d.id, folders["dedupe"] / d.id) for d in datasets
        }
        invented = editions.invented((d.id for d in datasets), folders["normalize"])
        text = card(datasets, made, records, settings, corpus_hash(folder), invented, code)
        shards.write_text(text, folder / "README.md")
    return {key: sum(own.rows.values()) for key, own in made.items()}


def check(datasets: Sequence[Dataset], settings: Publish) -> None:
    """Refuse shares of datasets that there are not; those of datasets not run do nothing."""
    known = {*catalog.ids(), *(d.id for d in datasets)}
    for key, own in (("max_rows", settings.max_rows), ("repeat", settings.repeat)):
        if strange := sorted({*own} - known):
            raise DeclarationError(
                f"there is no dataset {strange[0]!r}",
                where=f"params.yaml: publish.{key}",
                todo=f"use one of: {', '.join(sorted(known))}",
            )


def groups(datasets: Sequence[Dataset], instructions: Path) -> list[Group]:
    """Every config and split that any dataset has instructions for, in the order of tasks."""
    found: dict[tuple[str, str], dict[str, list[Path]]] = {}
    for dataset in sorted(datasets, key=lambda d: d.id):
        prefix = "heldout-" if dataset.use == "held-out" else ""
        for task in dataset.tasks:
            for split in SPLITS:
                paths = shards.listed(instructions / dataset.id / task, f"{split}-*.parquet")
                key = (f"{prefix}{task}-{dataset.language}", split)
                found.setdefault(key, {})[dataset.id] = paths
    order = {
        f"{h}{t}-{g}": None for h in ("", "heldout-") for t in catalog.TASKS for g in ("en", "zh")
    }
    place = {config: i for i, config in enumerate(order)}
    keys = sorted(found, key=lambda key: (place[key[0]], SPLITS.index(key[1])))
    return [Group(*key, found[key]) for key in keys]


def _group(group: Group, settings: Publish, folder: Path) -> Done:
    """Write one config's split, part by part."""
    own = {
        dataset: shares.share(paths, dataset, settings) if group.split == "train" else shares.ALL
        for dataset, paths in group.paths.items()
    }
    sources = [(path, own[d]) for d, paths in group.paths.items() for path in paths]
    counted = [(d, shares.rows(p, own[d])) for d, paths in group.paths.items() for p in paths]
    rows = {d: sum(n for dataset, n in counted if dataset == d) for d in group.paths}
    total = sum(rows.values())
    found: list[Any] = []
    if total:
        parts = scratch(folder) / f"{group.config}-{group.split}"
        train = group.split == "train"
        size, held = _bytes_and_rows(group)
        tables = _shuffled(sources, size * total // held, parts) if train else _tables(sources)
        per_shard = settings.rows_per_shard
        if settings.bytes_per_shard is not None:
            per_shard = max(1, int(settings.bytes_per_shard * held // max(size, 1)))
        pieces = _written(tables, total, per_shard, folder / group.config, group.split)
        found = [lengths.measured(piece, settings.tokenizer) for piece in pieces]
        atomic.remove(parts)
    files = [*(folder / group.config).glob(f"{group.split}-*.parquet")]
    return Done(files, [{d: n for d, n in rows.items() if n}, lengths.summary(found)])


def _bytes_and_rows(group: Group) -> tuple[int, int]:
    """What the shards of a group hold: bytes before compression, and rows."""
    files = [shards.metadata(path) for paths in group.paths.values() for path in paths]
    size = sum(f.row_group(i).total_byte_size for f in files for i in range(f.num_row_groups))
    return size, sum(f.num_rows for f in files)


def _tables(sources: Iterable[tuple[Path, Share]]) -> Iterator[Any]:
    """The published rows of all shards in their order, in tables of bounded size."""
    for path, share in sources:
        with shards.opened(path) as file:
            for batch in file.iter_batches(_ROWS):
                table = pa.Table.from_batches([batch], schema=INSTRUCTIONS)
                yield table if share == shares.ALL else shares.copied(table, share)


def _order(ids: Any) -> Any:
    """The place of every row in the global order, as 64 bits."""
    return hashing.mix64(hashing.hashes(ids.to_pylist()))


def _shuffled(sources: Iterable[tuple[Path, Share]], size: int, folder: Path) -> Iterator[Any]:
    """The rows of all shards, about `size` bytes, in the order of their hashes."""
    bounds = shuffle.even(size)
    tables = (shuffle.keyed(table, _order(table["id"])) for table in _tables(sources))
    shuffle.write(tables, bounds, folder / "rows")
    for part in range(len(bounds) - 1):
        for table in shuffle.read(folder, part, bounds):
            yield table.select(INSTRUCTIONS.names)


def _written(
    tables: Iterable[Any], total: int, per_shard: int, folder: Path, split: str
) -> Iterator[Any]:
    """Write tables as shards of `per_shard` rows, the last one shorter; yield what is written."""
    count = -(-total // per_shard)
    pieces = _chunks(tables, shards.MAX_ROWS_PER_GROUP, per_shard)
    for number in range(count):
        path = folder / f"{split}-{number:05d}-of-{count:05d}.parquet"
        left = min(per_shard, total - number * per_shard)
        with shards.writer(path, INSTRUCTIONS) as write:
            while left > 0:
                piece = next(pieces)
                write(piece)
                yield piece
                left -= piece.num_rows


def _chunks(tables: Iterable[Any], rows: int, per_shard: int) -> Iterator[Any]:
    """The same rows in tables of `rows` rows, so that row groups do not depend on the parts.

    A chunk also ends where a shard of `per_shard` rows does.
    """
    rest, written = INSTRUCTIONS.empty_table(), 0
    for table in tables:
        rest = pa.concat_tables([rest, table])
        while rest.num_rows >= (size := min(rows, per_shard - written % per_shard)):
            # Where a table begins would show in the pages of the file.
            yield rest.slice(0, size).combine_chunks()
            rest, written = rest.slice(size), written + size
        rest = rest.combine_chunks()
    if rest.num_rows:
        yield rest


def corpus_hash(folder: Path) -> str:
    """The sha256 over the hashes of all shards, by which two corpora can be compared."""
    paths = sorted(folder.glob("*/*.parquet"))
    listing = "".join(f"{raw_files.digest(p)}  {p.relative_to(folder).as_posix()}\n" for p in paths)
    return hashlib.sha256(listing.encode()).hexdigest()
