"""Label batches: which labels each instruction asks, from a records x labels matrix.

Every order inside a record follows from the priorities of its labels (`hashing`), so batches do not
depend on shards, workers, engines or the other records.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline.config import Instruct
from pipeline.hashing import fractions, hashes, mix64
from pipeline.tables import running

POSITIVE, HARD, OTHER = 0, 1, 2
#: Salts of the second mixes: one order inside a record must not follow from another.
_SHUFFLE, _INSIDE, _RATE = (np.uint64(n) for n in (0x5348, 0x494E, 0x5241))
_NONE: Final = -1


class Batches(NamedTuple):
    """Label batches as rows: the record of each batch, its number in the record, its labels.

    `labels` is batches x width, int64, padded with -1 where batches are of different sizes.
    """

    row: Any
    number: Any
    labels: Any


def to_ask(ids: Sequence[str], positive: Any, settings: Instruct) -> Any:
    """Return which train records are asked: all with a positive, a share of the others by hash."""
    salt = mix64(np.uint64(settings.seed % 2**64) ^ _RATE)
    drawn = fractions(mix64(hashes(ids) ^ salt)) < settings.negative_record_rate
    return positive.any(axis=1) | drawn


def polled(rows: int, labels: int, k: int) -> Batches:
    """Ask every record for every label in fixed order, k at a time; the last batch wraps."""
    k = min(k, labels)
    count = -(-labels // k)
    batch = (np.arange(count * k) % labels).reshape(count, k)
    return Batches(
        np.repeat(np.arange(rows), count),
        np.tile(np.arange(count), rows),
        np.tile(batch, (rows, 1)),
    )


def dealt(positive: Any, near: Any, keys: Any, k: int, settings: Instruct) -> tuple[Batches, Any]:
    """Return the label batches that an older grouping deals train records, and all classes.

    `positive` is records x labels, bool; `near` labels x labels, int64: the rank (from 0) of the
    second label among the neighbors of the first, -1 where it is none; `keys` the priorities. The
    classes are records x labels. These groupings serve only for comparison, so the code is simple
    rather than fast: it takes records one by one.
    """
    k = min(k, positive.shape[1])
    kind = kinds(positive, near)
    order = np.lexsort((keys, kind), axis=-1)
    columns = (kind, order, mix64(keys ^ _SHUFFLE), mix64(keys ^ _INSIDE))
    of_reference = settings.remainder == "reference"
    batch_rows: list[tuple[int, int, list[int]]] = []
    for row, lists in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        classes, labels, shuffle, inside = lists
        # To be asked are all positives, all hard negatives, and `k` others.
        chosen = labels[: len(labels) - max(0, classes.count(OTHER) - k)]
        if of_reference or settings.grouping == "shuffle":
            chosen = sorted(chosen, key=shuffle.__getitem__)
        if of_reference:
            batches = [*enumerate(_reference(chosen, k))]
        else:
            sets = _grouped(chosen, classes, near, k, settings.grouping)
            sets = _filled(sets, labels, classes, k)
            sets = [sorted(batch, key=inside.__getitem__) for batch in sets]
            batches = _capped(sets, classes, settings.pure_negative_ratio)
        batch_rows += [(row, number, batch) for number, batch in batches]
    width = k + max(1, k // 2) if of_reference else k
    padded = [batch + [_NONE] * (width - len(batch)) for _, _, batch in batch_rows]
    owner, numbers = np.array([each[:2] for each in batch_rows], np.int64).reshape(-1, 2).T
    return Batches(owner, numbers, np.array(padded, np.int64).reshape(-1, width)), kind


def _grouped(
    chosen: list[int], classes: list[int], near: Any, k: int, grouping: str
) -> list[list[int]]:
    """Return the chosen labels in as few batches as hold them, each of at most `k` labels."""
    count = -(-len(chosen) // k)
    if grouping == "shuffle":
        return [chosen[n * k : (n + 1) * k] for n in range(count)]
    if grouping == "round_robin":
        return [chosen[n::count] for n in range(count)]
    # By "contrast" a hard negative stands beside the positive that it is nearest to, nearest first,
    # while there is room. The others take the places that are left, as round-robin deals them.
    positive = [label for label in chosen if classes[label] == POSITIVE]
    batches = [positive[n::count] for n in range(count)]
    wanted = []
    for place, label in enumerate(chosen):
        if classes[label] == HARD:
            ranks = near[positive, label].tolist()
            rank, n = min((rank, n) for n, rank in enumerate(ranks) if rank >= 0)
            wanted.append((n % count, rank, place, label))
    for batch, _, _, label in sorted(wanted):
        if len(batches[batch]) < k:
            batches[batch].append(label)
    placed = {label for batch in batches for label in batch}
    rooms = [k - len(batch) for batch in batches]
    free = (n for turn in range(k) for n in range(count) if turn < rooms[n])
    for label, n in zip((x for x in chosen if x not in placed), free, strict=False):
        batches[n].append(label)
    return batches


def _filled(
    batches: list[list[int]], labels: list[int], classes: list[int], k: int
) -> list[list[int]]:
    """Fill every batch up to `k`: unused labels first, each once, then labels asked elsewhere.

    Among labels asked elsewhere negatives come before positives.
    """
    fresh = iter(labels[sum(map(len, batches)) :])
    again = sorted(labels, key=lambda label: classes[label] == POSITIVE)
    for batch in batches:
        batch.extend(islice(fresh, k - len(batch)))
        if len(batch) < k:
            batch.extend([x for x in again if x not in batch][: k - len(batch)])
    return batches


def _capped(
    batches: list[list[int]], kind: Sequence[int], ratio: float | None
) -> list[tuple[int, list[int]]]:
    """Return the batches that stay, numbered: at most `ratio` pure-negative ones per positive one.

    Batches without hard negatives are cut first. A record without positives keeps its only batch.
    """
    best = [min(kind[label] for label in batch) for batch in batches]
    positive = best.count(POSITIVE)
    pure = sorted((best_kind, n) for n, best_kind in enumerate(best) if best_kind != POSITIVE)
    if ratio is not None:
        pure = pure[: int(ratio * positive) if positive else 1]
    stay = {n for _, n in pure}
    return [(n, b) for n, b in enumerate(batches) if best[n] == POSITIVE or n in stay]


def _reference(labels: list[int], k: int) -> list[list[int]]:
    """Return the reference's batches: shuffled labels, cut by k.

    A remainder of at least max(1, k // 2) labels is a batch of its own, a smaller one joins the
    last batch (where there is one), so sizes run up to k + k // 2 - 1.
    """
    batches = [labels[at : at + k] for at in range(0, len(labels), k)]
    if len(batches) > 1 and len(batches[-1]) < max(1, k // 2):
        batches[-2:] = [batches[-2] + batches[-1]]
    return batches


def doubtful(positive: Any, implied: Sequence[tuple[int, int]]) -> Any:
    """Return which labels cannot be called absent with certainty: records x labels, bool.

    `implied` has pairs of labels of which the second usually holds where the first does, whether or
    not the source notes it. A positive label is not doubtful.
    """
    unsure = np.zeros_like(positive)
    for label, other in implied:
        unsure[:, other] |= positive[:, label]
    return unsure & ~positive


def without(batches: Batches, unsure: Any, keys: Any) -> Batches:
    """Return the batches with every label that is doubtful for its record replaced by another.

    The other label is the first in the order of `keys` (records x labels) that is neither doubtful
    nor in the batch. If there is none, the batch asks fewer labels; an empty batch is left out.
    """
    labels = batches.labels.copy()
    odd = (labels >= 0) & np.take_along_axis(unsure[batches.row], np.maximum(labels, 0), axis=1)
    for batch in np.flatnonzero(odd.any(axis=1)):
        row, places = batches.row[batch], np.flatnonzero(odd[batch])
        free = ~unsure[row]
        free[labels[batch][labels[batch] >= 0]] = False
        order = np.argsort(keys[row], kind="stable")
        fillers = order[free[order]][: len(places)]
        labels[batch, places] = -1
        labels[batch, places[: len(fillers)]] = fillers
    stay = (labels >= 0).any(axis=1)
    row = batches.row[stay]
    return Batches(row, running(row), labels[stay])


def present(positive: Any, k: int | None = None) -> Batches:
    """Return batches of exactly the labels present: one per record, or of at most `k` labels."""
    row, label = np.nonzero(positive)
    place = running(row)
    size = k or int(positive.sum(axis=1).max(initial=0)) or 1
    first = place % size == 0
    batch = np.cumsum(first) - 1
    labels = np.full((int(first.sum()), size), -1, np.int64)
    labels[batch, place % size] = label
    return Batches(row[first], running(row[first]), labels[:, : int(place.max(initial=0)) + 1])


def kinds(positive: Any, near: Any) -> Any:
    """Return the class of every (record, label); HARD: near one of the record's positives.

    It gathers bits instead of multiplying matrices: BLAS would start threads that compete with
    the workers.
    """
    hard = np.zeros_like(positive)
    row, label = np.nonzero(positive)
    if len(row):
        starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
        bits = np.bitwise_or.reduceat(np.packbits(near >= 0, axis=1)[label], starts)
        hard[row[starts]] = np.unpackbits(bits, axis=1, count=near.shape[1])
    return np.where(positive, POSITIVE, np.where(hard, HARD, OTHER)).astype(np.int8)
