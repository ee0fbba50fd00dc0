"""Count what the train records of a dataset hold, to make the sets of labels they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tasks
from pipeline.instruct import batching, confusable, coverage, pairs

if TYPE_CHECKING:
    from pipeline.catalog import Dataset
    from pipeline.instruct.asking import Asking
    from pipeline.instruct.confusable import Sets


def held(table: Any, asking: Asking) -> tuple[bytes, list[int]]:
    """Return the distinct label rows of train records, as bits, and how many records hold each.

    `table` needs the columns id, mentions, relations and events, and text where pairs are asked
    about. Records that are not asked at all are left out. `sets_of` adds up the counts of several
    tables.
    """
    if asking.way == "pair":
        table = pairs.by_pair(table)
    row, code = tasks.held(asking.dataset, asking.task, table)
    positive = np.zeros((table.num_rows, len(asking.labels)), bool)
    positive[row, asking.numbers()[code]] = True
    if asking.settings.negative_record_rate < 1:
        positive = positive[batching.to_ask(pairs.unit_ids(table), positive, asking.settings)]
    bits = np.packbits(positive, axis=1)
    kind = pa.binary(bits.shape[1])
    rows = pa.Array.from_buffers(kind, len(bits), [None, pa.py_buffer(bits)])
    counted = pc.value_counts(rows)  # by hash: sorting the rows would take ten times as long
    return b"".join(counted.field("values").to_pylist()), counted.field("counts").to_pylist()


def sets_of(asking: Asking, held_by_table: Sequence[tuple[bytes, list[int]]]) -> Sets:
    """Return the label sets to ask of train records, from the results of `held` for each table."""
    labels = len(asking.labels)
    packed = np.frombuffer(b"".join(bits for bits, _ in held_by_table), np.uint8)
    rows, at = np.unique(packed.reshape(-1, -(-labels // 8)), axis=0, return_inverse=True)
    times = np.zeros(len(rows), np.int64)
    np.add.at(times, at, np.array([n for _, counts in held_by_table for n in counts], np.int64))
    positive = np.unpackbits(rows, axis=1, count=labels).astype(bool)
    called = tasks.sources(asking.dataset, asking.task)
    return confusable.sets_of(
        [called.get(key, key) for key in asking.labels],
        asking.near_matrix(),
        _groups(asking.answer_keys(), _partners(asking)),
        (positive, times),
        asking.k,
        asking.settings,
    )


def implied(dataset: Dataset, task: str) -> dict[str, list[str]]:
    """Return key -> the keys that it implies; a predicate stands for all of its signatures."""
    if task != "SPO":
        return dataset.implied
    keys: dict[str, list[str]] = {}
    for signature in dataset.signatures_of():
        keys.setdefault(signature[1], []).append("_".join(signature))
    return {
        key: [other for label in others for other in keys.get(label, ())]
        for name, others in dataset.implied.items()
        for key in keys.get(name, ())
    }


def _partners(asking: Asking) -> list[tuple[int, int]]:
    """Return pairs of labels of which one makes the other doubtful.

    If both were asked together, a row that lacks one would reveal that the other is positive.
    """
    if asking.way not in coverage.WITHOUT_DOUBTFUL:
        return []
    number = {key: n for n, key in enumerate(asking.labels)}
    brought = implied(asking.dataset, asking.task)
    linked = ((key, other) for key, others in brought.items() for other in others)
    return [(number[a], number[b]) for a, b in linked if a in number and b in number]


def _groups(keys: Sequence[str], partners: Sequence[tuple[int, int]]) -> Any:
    """Return the group number of every label: equal keys share a group, and so do partners."""
    number = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    group = [number[key] for key in keys]
    for one, other in partners:
        old, new = group[other], group[one]
        group = [new if current == old else current for current in group]
    return np.unique(group, return_inverse=True)[1]
