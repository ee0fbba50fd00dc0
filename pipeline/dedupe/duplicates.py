"""Equal texts: which of their records are dropped, and how their annotations are merged."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.catalog import Dataset
from pipeline.config import Dedupe, Policy
from pipeline.dedupe.tags import TAGS, tagged, with_drops
from pipeline.execution import shards, shuffle
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Step, steps
from pipeline.records import Record, merge
from pipeline.tables import from_table, to_table
from pipeline.text import aligned

#: Bytes, before compression, that a group has at least as long as there are more shards.
_GROUP: Final = 32 << 20
#: About how many records to be merged are held at once.
_AT_ONCE: Final = 5_000


class Shard(NamedTuple):
    """A shard of records. Its number times 2**32, plus the row, is the place of a record.

    Shards are numbered by dataset, split and name, so that places are in the order of records
    however these are cut into shards.
    """

    number: int
    dataset: int
    split: str
    path: Path
    rows: int
    #: Bytes before compression.
    size: int


#: Neighboring shards: one job reads them, one at a time.
Group = tuple[Shard, ...]


def listing(datasets: Sequence[Dataset], clean: Path) -> tuple[Shard, ...]:
    """Return all shards of the datasets; `clean` has a folder for each dataset."""
    listed: list[Shard] = []
    for n, dataset in enumerate(datasets):
        for split, path in shards.record_shards(clean / dataset.id):
            file = shards.metadata(path)
            size = shards.bytes_of(file)
            listed.append(Shard(len(listed), n, split, path, file.num_rows, size))
    return tuple(listed)


def grouped(listed: Sequence[Shard]) -> list[Group]:
    """Return the shards in groups, one for each job: no more groups than a file has parts."""
    most = max(_GROUP, 2 * sum(shard.size for shard in listed) // shuffle.FAN)
    groups: list[list[Shard]] = []
    left = 0
    for shard in listed:
        if shard.size > left:
            groups.append([])
            left = most
        groups[-1].append(shard)
        left -= shard.size
    return [tuple(group) for group in groups]


class Plan(NamedTuple):
    """What every pass over all datasets must know."""

    datasets: tuple[Dataset, ...]
    settings: Dedupe
    found: tuple[Shard, ...]
    #: The folder that the stage writes, and one for temporary files between passes.
    folder: Path
    work: Path
    #: The bounds of the parts of all texts, and of the places in each group of shards.
    hashes: list[int]
    places: list[int]

    def name(self, dataset: int) -> str:
        """Return the id of a dataset by its number."""
        return self.datasets[dataset].id

    def shard_of(self, place: int) -> Shard:
        """Return the shard that holds the record of a place."""
        return self.found[place >> 32]

    def tags(self, shard: Shard) -> Path:
        """Return where the tags of a shard are written."""
        return self.folder / self.name(shard.dataset) / shard.path.name

    def tagged(self, shard: Shard, columns: Sequence[str]) -> Any:
        """Return some columns of a shard with the tags that are written so far."""
        return tagged(shard.path, self.tags(shard).parent, columns)

    def drop(self, shard: Shard, rows: Any, reasons: Any, partners: Any) -> Path:
        """Tag more rows of a shard as dropped; return the file. A second time changes nothing."""
        path = self.tags(shard)
        columns = (pa.array(column) for column in (rows, reasons, partners))
        shards.write(with_drops(shards.read(path, TAGS.names), *columns), path)
        return path

    def policy(self, dataset: int, split: str) -> Policy:
        """Return what to do with a text that has different annotations in one split."""
        declared = self.datasets[dataset]
        default = "merge" if declared.one_annotation_per_row else self.settings.conflicts[split]
        return declared.conflicts.get(split, default)


def one_pass(
    what: str, job: Any, items: Iterable[Any], plan: Plan, workers: Workers | int
) -> list[Any]:
    """Run a step for each part of the texts or group of shards; return each one's result."""
    todo = [Step(plan.folder, f"{what} of {_named(item)}", item) for item in items]
    return [*steps(partial(job, plan=plan), todo, workers)]


def _named(item: int | tuple[int, Group]) -> str:
    """Return what an error calls an item of any pass."""
    if isinstance(item, int):
        return f"part {item} of all texts"
    _, group = item
    return f"{group[0].path} to {group[-1].path}" if len(group) > 1 else str(group[0].path)


def bounds(firsts: Iterable[Shard]) -> list[int]:
    """Return the bounds of the places in the groups that begin with these shards."""
    return [*(shard.number << 32 for shard in firsts), 2**64]


def by_shard(group: Group, tables: Iterable[Any]) -> Iterator[tuple[Shard, Any, Any]]:
    """Yield (shard, some rows of the tables, the rows of the shard that they are about).

    The tables are keyed by the places of records of the group, and in their order.
    """
    for table in tables:
        places = table[shuffle.KEY].to_numpy().astype(np.int64)
        firsts = [shard.number << 32 for shard in group]
        edges = [0, *np.searchsorted(places, firsts[1:]), len(places)]
        for shard, first, (start, end) in zip(group, firsts, pairwise(edges), strict=True):
            if start < end:
                yield shard, table.slice(start, end - start), places[start:end] - first


def write_rows(
    rows: Sequence[tuple[Any, ...]], schema: Any, bounds: Sequence[int], path: Path
) -> list[Path]:
    """Write (key, columns of the schema...) rows, split by key; return the files, if any."""
    if not rows:
        return []
    keys, *columns = zip(*rows, strict=True)
    return shuffle.write([shuffle.keyed(pa.table(columns, schema), keys)], bounds, path)


class Row(NamedTuple):
    """A record. Their places are in the order that decides who is first."""

    dataset: int
    split: str
    #: The digest of the text with its white space; texts that differ only in white space are
    #: not duplicates of each other.
    exact: bytes
    place: int
    id: str
    #: What the record asserts, see `facts_of`.
    facts: bytes


def resolve(
    rows: list[Row], plan: Plan, merges: list[tuple[int, int]]
) -> Iterator[tuple[Row, str, str]]:
    """Decide about all records of one text: yield (record, reason, partner's id) of each drop.

    It adds to `merges` (place, place of the first) of every record that is merged into the first.
    """
    drops = [*_within_splits([row for row in rows if row.split == "test"], plan, merges)]
    yield from drops
    # A test text that is dropped, because its rows contradict each other, drops no other text.
    gone = {row for row, _, _ in drops}
    tests: dict[int, Row] = {}
    for row in rows:
        if row.split == "test" and row not in gone:
            tests.setdefault(row.dataset, row)
    first = next(iter(tests.values()), None) if plan.settings.across_datasets else None
    left: list[Row] = []
    for row in rows:
        if row.split == "test":
            continue
        if partner := tests.get(row.dataset, first):
            yield row, "train_text_in_test", partner.id
        else:
            left.append(row)
    yield from _within_splits(left, plan, merges)


def _within_splits(
    rows: list[Row], plan: Plan, merges: list[tuple[int, int]]
) -> Iterator[tuple[Row, str, str]]:
    groups: dict[tuple[int, str, bytes], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.dataset, row.split, row.exact), []).append(row)
    for (dataset, split, _), same in groups.items():
        if len(same) > 1:
            yield from _within_split(same, plan.policy(dataset, split), merges)


def _within_split(
    rows: list[Row], policy: Policy, merges: list[tuple[int, int]]
) -> Iterable[tuple[Row, str, str]]:
    firsts: dict[bytes, Row] = {}
    for row in rows:
        firsts.setdefault(row.facts, row)
    first = rows[0]
    if len(firsts) > 1 and policy == "drop":
        one, other = [*firsts.values()][:2]
        for row in rows:
            partner = other if row.facts == one.facts else one
            yield row, "conflicting_duplicate", partner.id
        return
    if len(firsts) > 1 and policy == "merge":
        merges += [(row.place, first.place) for row in firsts.values()]
    for row in rows[1:]:
        earliest = firsts[row.facts]
        if earliest is not row:
            yield row, "duplicate", earliest.id
        elif policy == "first":
            yield row, "conflicting_duplicate", first.id
        elif policy == "merge":
            yield row, "merged_duplicate", first.id


def merged(table: Any) -> Iterator[Any]:
    """Yield tables of the first record of each text, with the annotations of all its records.

    `table` has the columns of RECORDS and is keyed by the place of the first record: the records of
    a text stand together, the first record first.
    """
    ends = np.flatnonzero(np.diff(table[shuffle.KEY].to_numpy().astype(np.int64), append=-1)) + 1
    start = 0
    for piece in np.split(ends, np.flatnonzero(np.diff(ends // _AT_ONCE)) + 1):
        rows = table.slice(start, int(piece[-1]) - start)
        records = from_table(rows)
        firsts = np.concatenate([[0], piece[:-1] - start]).astype(np.int64)
        made = []
        for begin, end in zip(firsts, piece - start, strict=True):
            first, *others = records[begin:end]
            made.append(merge([first, *(_moved(other, first.text) for other in others)]))
        head = (
            rows.select(["id", "dataset", "split", "language"]).take(pa.array(firsts)).to_pydict()
        )
        ids = head.pop("id")
        yield to_table(made, ids, **{name: values[0] for name, values in head.items()})
        start = int(piece[-1])


def _moved(record: Record, text: str) -> Record:
    """Return the record with its mentions moved to another text of the same normal form."""
    if record.text == text:
        return record
    mentions = []
    for m in record.mentions:
        span = None
        if m.start is not None and m.end is not None:
            span = aligned(record.text, text, m.start, m.end)
        start, end = span or (None, None)
        mentions.append(m._replace(text=text[start:end] if span else m.text, start=start, end=end))
    return record._replace(text=text, mentions=mentions)
