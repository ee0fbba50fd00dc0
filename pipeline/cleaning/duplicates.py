"""Equal texts: which of their records go, and what their annotations make together."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import invariant, shards
from pipeline.kept import record_shards
from pipeline.records import SPLITS, Record, merge, place, record_id
from pipeline.tables import from_table, to_table
from pipeline.text import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Policy


class Row(NamedTuple):
    """A record, in the order that decides who is first. `dataset` counts the ids in their order."""

    dataset: int
    split: int
    ordinal: int
    window: int
    annotations: bytes


class Plan(NamedTuple):
    """What the second pass must know: dataset ids in order, their policies, and the scope."""

    names: tuple[str, ...]
    policies: Mapping[str, Mapping[str, Policy]]
    across: bool

    def id(self, row: Row) -> str:
        """The id of a record."""
        return record_id(self.names[row.dataset], SPLITS[row.split], row.ordinal, row.window)


def resolve(
    rows: list[Row], plan: Plan, merges: list[tuple[Any, ...]]
) -> Iterator[tuple[Row, str, str]]:
    """Decide about all records of one text: yield (record, reason, partner) of each drop."""
    test = SPLITS.index("test")
    found = [*_within_splits([row for row in rows if row.split == test], plan, merges)]
    yield from found
    # A test text that goes itself, as its rows contradict each other, is no reason to drop another.
    gone = {row for row, _, _ in found}
    tests: dict[int, Row] = {}
    for row in rows:
        if row.split == test and row not in gone:
            tests.setdefault(row.dataset, row)
    first = next(iter(tests.values()), None) if plan.across else None
    left: list[Row] = []
    for row in rows:
        if row.split == test:
            continue
        if partner := tests.get(row.dataset, first):
            yield row, "train_text_in_test", plan.id(partner)
        else:
            left.append(row)
    yield from _within_splits(left, plan, merges)


def _within_splits(
    rows: list[Row], plan: Plan, merges: list[tuple[Any, ...]]
) -> Iterator[tuple[Row, str, str]]:
    for (dataset, split), group in groupby(rows, key=itemgetter(0, 1)):
        same = [*group]
        if len(same) > 1:
            policy = plan.policies[plan.names[dataset]][SPLITS[split]]
            yield from _within_split(same, policy, plan, merges)


def _within_split(
    rows: list[Row], policy: Policy, plan: Plan, merges: list[tuple[Any, ...]]
) -> Iterable[tuple[Row, str, str]]:
    firsts: dict[bytes, Row] = {}
    for row in rows:
        firsts.setdefault(row.annotations, row)
    first = rows[0]
    if len(firsts) > 1 and policy == "drop":
        one, other = [*firsts.values()][:2]
        for row in rows:
            partner = other if row.annotations == one.annotations else one
            yield row, "conflicting_duplicate", plan.id(partner)
        return
    if len(firsts) > 1 and policy == "merge":
        merges.append((*first[:4], [plan.id(row) for row in firsts.values()]))
    for row in rows[1:]:
        earliest = firsts[row.annotations]
        if earliest is not row:
            yield row, "duplicate", plan.id(earliest)
        elif policy == "first":
            yield row, "conflicting_duplicate", plan.id(first)
        elif policy == "merge":
            yield row, "merged_duplicate", plan.id(first)


def merged(dataset: Dataset, groups: Sequence[list[str]], clean: Path) -> Any:
    """The first record of each group of ids, with the annotations of all."""
    wanted = pa.array([identifier for group in groups for identifier in group])
    records: dict[str, Record] = {}
    for _, shard in record_shards(clean / dataset.id):
        rows = pc.is_in(shards.read(shard, ["id"])["id"], value_set=wanted)
        if pc.any(rows).as_py():
            table = shards.read(shard).filter(rows)
            records.update(zip(table["id"].to_pylist(), from_table(table), strict=True))
    tables = []
    for group in groups:
        first = records[group[0]]
        own = merge([first, *(_moved(records[i], first.text) for i in group[1:])])
        split = place(group[0])[1]
        names = {"dataset": dataset.id, "split": split, "language": dataset.language}
        tables.append(to_table([own], group[:1], **names))
    return invariant.checked(pa.concat_tables(tables), dataset)


def _moved(record: Record, text: str) -> Record:
    """The record with its mentions where they stand in another text of the same normal form."""
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
