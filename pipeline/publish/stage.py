"""Stage 6: gather the instructions of all datasets into the corpus that `load_dataset` opens.

`corpus/<task>-<language>/<split>-SSSSS-of-NNNNN.parquet`, held-out sets under `heldout-...`, and a
card whose `configs:` name them. Train rows may be capped or repeated per dataset, and are in a
global order by hash, part by part (see `shuffle`), so that memory holds one part. Dev and test rows
keep the order of their datasets, so that a record's batches stay together.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa

from pipeline import catalog, hashing
from pipeline.catalog import Dataset, editions, raw_files
from pipeline.config import check_known
from pipeline.dedupe.tags import account
from pipeline.execution import shards, shuffle
from pipeline.execution.freshness import Done, Step, building, scratch, steps
from pipeline.publish import lengths, loading, shares
from pipeline.publish.card import Published, card
from pipeline.records import SPLITS, TASKS
from pipeline.tables import INSTRUCTIONS

if TYPE_CHECKING:
    from pipeline.config import Publish, Settings
    from pipeline.execution.engines import Workers
    from pipeline.publish.shares import Share

#: Rows that are read at once.
_ROWS: Final = 20_000


class Source(NamedTuple):
    """A shard of instructions, and which of its rows are published how often."""

    dataset: str
    path: Path
    share: Share


class Group(NamedTuple):
    """One config and split: its sources by dataset, and how its rows are parted on the way.

    Train rows are parted by their hashes (`bounds`, see `shuffle`); others stay as they stand.
    """

    config: str
    split: str
    sources: tuple[Source, ...]
    bounds: tuple[int, ...]
    rows_per_shard: int

    @property
    def name(self) -> str:
        """What it is called in messages, and its folder in between."""
        return f"{self.config}/{self.split}"


class _Shard(NamedTuple):
    """One shard to be written: which of how many, and the rows of every part of its group."""

    group: Group
    number: int
    of: int
    parts: tuple[int, ...]


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
    Raises CountError where `datasets` would not find what was written.
    """
    check(datasets, settings.publish)
    all_groups = groups(datasets, folders["instruct"], settings.publish)
    with building(out) as folder:
        pieces = [(group, n) for group in all_groups for n in range(len(group.sources))]
        todo = [Step(folder, f"{g.name}: {g.sources[n].path}", (g, n)) for g, n in pieces]
        parts_by_group: dict[str, list[list[int]]] = {group.name: [] for group in all_groups}
        rows_of_parts = steps(partial(_part, scratch=scratch(folder)), todo, workers)
        for (group, _), rows in zip(pieces, rows_of_parts, strict=True):
            parts_by_group[group.name].append(rows)
        planned = [shard for group in all_groups for shard in _shards(group, parts_by_group)]
        todo = [Step(folder, f"{s.group.name} {s.number + 1} of {s.of}", s) for s in planned]
        write = partial(_write, settings=settings.publish, folder=folder)
        lengths_by_group: dict[str, list[Any]] = {}
        for shard, counts in zip(planned, steps(write, todo, workers), strict=True):
            lengths_by_group.setdefault(shard.group.name, []).append(counts)
        made = {
            group.name: Published(
                _by_dataset(group, parts_by_group[group.name]),
                lengths.summary(lengths_by_group[group.name]),
                *_sizes(folder, group),
            )
            for group in all_groups
            if group.name in lengths_by_group
        }
        records = {
            d.id: account(folders["clean"] / d.id, folders["dedupe"] / d.id) for d in datasets
        }
        edition = editions.used((d.id for d in datasets), folders["normalize"])
        first = next((path for key in made for path in sorted(folder.glob(f"{key}-*"))), None)
        rows = shards.read(first).slice(0, 1000).to_pylist() if first else [None]
        example = max(rows, key=lambda row: row is not None and row["n_positive"] > 0)
        text = card(datasets, made, records, settings, corpus_hash(folder), edition, code, example)
        shards.write_text(text, folder / "README.md")
        rows_by_split = {key: sum(published.rows.values()) for key, published in made.items()}
        loading.check(folder, rows_by_split)
    return rows_by_split


def check(datasets: Sequence[Dataset], settings: Publish) -> None:
    """Refuse shares of unknown datasets; shares of known datasets that are not run do nothing."""
    known = {*catalog.ids(), *(d.id for d in datasets)}
    for key, by_dataset in (("max_rows", settings.max_rows), ("repeat", settings.repeat)):
        check_known(sorted(by_dataset), sorted(known), "dataset", f"params.yaml: publish.{key}")


def groups(datasets: Sequence[Dataset], instructions: Path, settings: Publish) -> list[Group]:
    """Every config and split that any dataset has instructions for, in the order of tasks."""
    sources: dict[tuple[str, str], list[Source]] = {}
    for dataset in sorted(datasets, key=lambda d: d.id):
        prefix = "heldout-" if dataset.use == "held-out" else ""
        for task, split in product(dataset.tasks, SPLITS):
            paths = shards.listed(instructions / dataset.id / task, f"{split}-*.parquet")
            share = shares.share(paths, dataset.id, settings) if split == "train" else shares.ALL
            group = sources.setdefault((f"{prefix}{task}-{dataset.language}", split), [])
            group += (Source(dataset.id, path, share) for path in paths)
    languages = sorted({d.language for d in datasets}, key=lambda g: (g not in ("en", "zh"), g))
    order = [f"{h}{t}-{g}" for h in ("", "heldout-") for t in TASKS for g in languages]
    keys = sorted(sources, key=lambda key: (order.index(key[0]), SPLITS.index(key[1])))
    return [_group(*key, sources[key], settings) for key in keys]


def _group(config: str, split: str, sources: Sequence[Source], settings: Publish) -> Group:
    files = [shards.metadata(source.path) for source in sources]
    size = sum(map(_bytes, files))
    per_shard = settings.rows_per_shard
    if settings.bytes_per_shard is not None:
        rows = sum(f.num_rows for f in files)
        per_shard = max(1, int(settings.bytes_per_shard * rows // max(size, 1)))
    bounds = shuffle.even(size) if split == "train" else []
    return Group(config, split, tuple(sources), tuple(bounds), per_shard)


def _bytes(file: Any) -> int:
    """The bytes of the rows of a shard, before they are compressed for storing."""
    return sum(file.row_group(i).total_byte_size for i in range(file.num_row_groups))


def _part(item: tuple[Group, int], scratch: Path) -> Done:
    """First pass: part the rows of one source by hash; return how many each part has."""
    group, number = item
    source = group.sources[number]
    if not group.bounds:
        return Done([], [shares.rows(source.path, source.share)])
    tables = (shuffle.keyed(table, _order(table["id"])) for table in _tables(source))
    path = scratch / group.name / f"{number:06d}"
    files = shuffle.write(tables, group.bounds, path)
    return Done(files, shuffle.rows(files, len(group.bounds) - 1))


def _by_dataset(group: Group, parted: Sequence[Sequence[int]]) -> dict[str, int]:
    """Dataset -> the rows that it gives to a group."""
    rows: Counter[str] = Counter()
    for source, parts in zip(group.sources, parted, strict=True):
        rows[source.dataset] += sum(parts)
    return {dataset: n for dataset, n in rows.items() if n}


def _sizes(folder: Path, group: Group) -> tuple[int, int]:
    """The bytes of a group's rows, and of its files."""
    paths = shards.listed(folder / group.config, f"{group.split}-*.parquet")
    rows = sum(_bytes(shards.metadata(path)) for path in paths)
    return rows, sum(path.stat().st_size for path in paths)


def _shards(group: Group, parts_by_group: Mapping[str, list[list[int]]]) -> Iterator[_Shard]:
    """The shards that a group becomes."""
    by_source = parts_by_group[group.name]
    rows = tuple(map(sum, zip(*by_source, strict=True) if group.bounds else by_source))
    count = -(-sum(rows) // group.rows_per_shard)
    yield from (_Shard(group, number, count, rows) for number in range(count))


def _write(shard: _Shard, settings: Publish, folder: Path) -> Done:
    """Second pass: write one shard; return how long its rows are."""
    group = shard.group
    start = shard.number * group.rows_per_shard
    end = min(start + group.rows_per_shard, sum(shard.parts))
    name = f"{group.split}-{shard.number:05d}-of-{shard.of:05d}.parquet"
    path = folder / group.config / name
    row_lengths = []
    with shards.writer(path, INSTRUCTIONS) as write:
        for piece in _chunks(_rows(shard, start, end, folder), shards.MAX_ROWS_PER_GROUP):
            write(piece)
            row_lengths.append(lengths.measured(piece, settings.tokenizer))
    return Done([path], lengths.counted(row_lengths))


def _rows(shard: _Shard, start: int, end: int, folder: Path) -> Iterator[Any]:
    """The rows of a group from `start` up to `end`, in their order, in tables of bounded size."""
    group, place = shard.group, 0
    for number, size in enumerate(shard.parts):
        if place < end and start < place + size:
            at = place
            if group.bounds:
                parts = shuffle.read(scratch(folder) / group.name, number, group.bounds)
                tables: Iterator[Any] = (table.select(INSTRUCTIONS.names) for table in parts)
            else:
                tables = _tables(group.sources[number])
            for table in tables:
                first = max(start - at, 0)
                piece = table.slice(first, max(min(end - at, table.num_rows) - first, 0))
                at += table.num_rows
                if piece.num_rows:
                    yield piece
        place += size


def _tables(source: Source) -> Iterator[Any]:
    """The published rows of a shard in their order, in tables of bounded size."""
    with shards.opened(source.path) as file:
        for batch in file.iter_batches(_ROWS):
            table = pa.Table.from_batches([batch], schema=INSTRUCTIONS)
            yield table if source.share == shares.ALL else shares.copied(table, source.share)


def _order(ids: Any) -> Any:
    """The place of every row in the global order, as 64 bits."""
    return hashing.mix64(hashing.hashes(ids.to_pylist()))


def _chunks(tables: Iterable[Any], rows: int) -> Iterator[Any]:
    """The same rows in tables of `rows` rows, so that row groups do not depend on the parts."""
    rest = INSTRUCTIONS.empty_table()
    for table in tables:
        rest = pa.concat_tables([rest, table])
        while rest.num_rows >= rows:
            yield rest.slice(0, rows).combine_chunks()
            rest = rest.slice(rows)
        rest = rest.combine_chunks()
    if rest.num_rows:
        yield rest


def corpus_hash(folder: Path) -> str:
    """The sha256 over the hashes of all shards, by which two corpora can be compared."""
    paths = sorted(folder.glob("*/*.parquet"))
    listing = "".join(f"{raw_files.digest(p)}  {p.relative_to(folder).as_posix()}\n" for p in paths)
    return hashlib.sha256(listing.encode()).hexdigest()
