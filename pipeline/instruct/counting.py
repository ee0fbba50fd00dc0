"""Count what the train records of a dataset hold, to make the sets of labels they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import tasks
from pipeline.instruct import batching, confusable
from pipeline.instruct.assembly import answer_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.catalog import Dataset
    from pipeline.config import Instruct
    from pipeline.instruct.confusable import Sets


def held(
    table: Any, dataset: Dataset, task: str, asked_keys: Sequence[str], settings: Instruct
) -> tuple[bytes, list[int]]:
    """The distinct rows of labels that train records hold, as bits, and how many hold each.

    `table` needs the columns id, mentions, relations and events. Records that are not asked at all
    are left out. Counts of several tables stand side by side in `sets_of`.
    """
    row, code = tasks.held(dataset, task, table)
    code = numbers(tasks.inventory(dataset, task), asked_keys)[code]
    positive = np.zeros((table.num_rows, len(asked_keys)), bool)
    positive[row, code] = True
    if settings.negative_record_rate < 1:
        positive = positive[asked(table["id"].to_pylist(), positive, settings)]
    bits, times = np.unique(np.packbits(positive, axis=1), axis=0, return_counts=True)
    return bits.tobytes(), times.tolist()


def sets_of(
    dataset: Dataset,
    task: str,
    asked_keys: Sequence[str],
    near: Mapping[str, Sequence[str]],
    found: Sequence[tuple[bytes, list[int]]],
    settings: Instruct,
) -> Sets:
    """The sets of labels that train records are asked, from what is `held` in their tables.

    `near` gives each key's near labels, best first.
    """
    labels = len(asked_keys)
    packed = np.frombuffer(b"".join(bits for bits, _ in found), np.uint8)
    rows, at = np.unique(packed.reshape(-1, -(-labels // 8)), axis=0, return_inverse=True)
    times = np.zeros(len(rows), np.int64)
    np.add.at(times, at, np.array([n for _, own in found for n in own], np.int64))
    positive = np.unpackbits(rows, axis=1, count=labels).astype(bool)
    called = tasks.sources(dataset, task)
    keys = answer_keys(dataset, tasks.module(task), asked_keys)
    number = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return confusable.sets_of(
        [called.get(key, key) for key in asked_keys],
        near_matrix(asked_keys, near),
        np.array([number[key] for key in keys]),
        (positive, times),
        settings.k(task),
        settings,
    )


def asked(ids: Sequence[str], positive: Any, settings: Instruct) -> Any:
    """Which train records are asked at all: all with a positive, and a share of the others."""
    rate, seed = settings.negative_record_rate, settings.seed
    return positive.any(axis=1) | batching.kept_without_positives(ids, rate, seed)


def numbers(inventory: Sequence[str], asked_keys: Sequence[str]) -> Any:
    """The number among the labels asked of every label of the inventory, -1 for none."""
    number = {key: i for i, key in enumerate(asked_keys)}
    return np.array([number.get(key, -1) for key in inventory], np.int64)


def near_matrix(asked_keys: Sequence[str], near: Mapping[str, Sequence[str]]) -> Any:
    """The rank of every label among the near ones of another: labels x labels, -1 for none."""
    number = {key: i for i, key in enumerate(asked_keys)}
    matrix = np.full((len(asked_keys), len(asked_keys)), -1, np.int64)
    for key, others in near.items():
        if key in number:
            ranked = [number[o] for o in others if o in number and o != key]
            matrix[number[key], ranked] = np.arange(len(ranked))
    return matrix
