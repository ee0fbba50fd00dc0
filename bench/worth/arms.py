"""The arms: which labels each instruction asks of train records, equally many in every arm.

`random` parts the labels of every record into sets by hash, whatever is near to what; it asks the
sets that hold a positive, and of the others as many as `confusable` does on average. `all` asks
every label at once. The others are the groupings of `instruct.grouping`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.config import Instruct
from pipeline.hashing import fractions, hashes, mix64, priorities
from pipeline.instruct import batching, confusable
from pipeline.instruct.asking import near_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ARMS = ("random", "all", "confusable", "round_robin", "shuffle", "contrast")
#: Label batches without a positive for one with; the older groupings take it as a cap.
RATIO, OLDER_RATIO = 1.5, 3
#: Neighbors of a label in the dictionary that is drawn by hash.
_NEIGHBORS = 6
_ASK, _BUDGET = (np.uint64(n) for n in (0x5241, 0x4255))


class Asked(NamedTuple):
    """Instructions: the record of each, and which labels it asks (instructions x labels, bool)."""

    record: np.ndarray
    member: np.ndarray


def instructions(
    arm: str,
    ids: Sequence[str],
    positive: np.ndarray,
    labels: Sequence[str],
    called: Sequence[str],
    near: Mapping[str, Sequence[str]],
    k: int,
    seed: int,
) -> Asked:
    """All instructions of an arm, at most `k` labels each but in the arm `all`.

    `positive` is records x labels, bool; `called` are the names of the labels in the source.
    """
    rows, size = positive.shape
    matrix = near_matrix(labels, near)
    keys = priorities(ids, called, seed)
    if arm == "all":
        return Asked(np.arange(rows), np.ones((rows, size), bool))
    if arm == "random":
        batches = _random(positive, keys, confusable.width(size, k))
    elif arm == "confusable":
        settings = Instruct(seed=seed, pure_negative_ratio=RATIO)
        held = np.unique(positive, axis=0, return_counts=True)
        sets = confusable.sets_of(called, matrix, np.arange(size), held, k, settings)
        batches = confusable.asked(sets, positive, ids, seed)
    else:
        settings = Instruct(seed=seed, grouping=arm, pure_negative_ratio=OLDER_RATIO)
        batches, _ = batching.dealt(positive, matrix, keys, k, settings)
    member = np.zeros((len(batches.row), size), bool)
    np.put_along_axis(member, batches.labels, values=True, axis=1)
    return Asked(batches.row, member)


def _random(positive: np.ndarray, keys: np.ndarray, width: int) -> batching.Batches:
    """Sets of `width` labels by hash of the record; the last wraps around to the first labels."""
    rows, size = positive.shape
    count = -(-size // width)
    order = np.argsort(keys, axis=1, kind="stable")[:, np.arange(count * width) % size]
    held = np.take_along_axis(positive, order, axis=1).reshape(rows, count, width).any(axis=2)
    share = min(1.0, RATIO * held.sum() / max((~held).sum(), 1))
    drawn = fractions(mix64(mix64(keys[:, :1] ^ _ASK) + np.arange(count, dtype=np.uint64)))
    row, number = np.nonzero(held | (drawn < share))
    return batching.Batches(row, number, order.reshape(rows, count, width)[row, number])


def equal(asked: Asked, ids: Sequence[str], number: int, seed: int) -> Asked:
    """So many of the instructions, by hash; where there are fewer, all are taken several times."""
    place = np.arange(len(asked.record), dtype=np.uint64)
    salt = mix64(np.uint64(seed) ^ _BUDGET)
    order = np.argsort(mix64(hashes(ids)[asked.record] ^ mix64(place ^ salt)), kind="stable")
    taken = np.sort(order[np.arange(number) % len(order)])
    return Asked(asked.record[taken], asked.member[taken])


def drawn_dictionary(labels: Sequence[str]) -> dict[str, list[str]]:
    """A dictionary of near labels that are near to nothing: each has the same ones, by hash."""
    keys = priorities(labels, labels, 0)
    order = np.argsort(keys, axis=1, kind="stable")
    return {
        label: [labels[n] for n in own if n != row][:_NEIGHBORS]
        for row, (label, own) in enumerate(zip(labels, order.tolist(), strict=True))
    }


def polled(labels: int, k: int) -> np.ndarray:
    """The sets that test records are asked, sets x labels, bool: all labels, `k` at a time."""
    batches = batching.polled(1, labels, confusable.width(labels, k)).labels
    member = np.zeros((len(batches), labels), bool)
    np.put_along_axis(member, batches, values=True, axis=1)
    return member
