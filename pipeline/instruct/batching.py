"""Label batches: which labels each instruction asks. Pure numpy over a records x labels matrix.

Every order inside a record follows from the priorities of its labels (`hashing`), so batches do not
depend on shards, workers, engines or the other records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from pipeline.hashing import fractions, hashes, mix64
from pipeline.tables import elements, running, shuffled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config import Instruct

POSITIVE, HARD, OTHER = 0, 1, 2
#: Salts of the second mixes: one order inside a record must not follow from another.
_SHUFFLE, _INSIDE, _RATE = (np.uint64(n) for n in (0x5348, 0x494E, 0x5241))
_NONE: Final = -1


class Batches(NamedTuple):
    """Label batches as rows: the record of each, its number in the record, and its labels.

    `labels` is batches x width, int64, padded with -1 where batches are of different sizes.
    """

    row: Any
    number: Any
    labels: Any


def kept_without_positives(record_ids: Sequence[str], rate: float, seed: int) -> Any:
    """Which records would be asked although no label is present: a share `rate`, by hash."""
    return fractions(mix64(hashes(record_ids) ^ mix64(np.uint64(seed % 2**64) ^ _RATE))) < rate


def polled(rows: int, labels: int, k: int) -> Batches:
    """Every record asked for every label in fixed order, k at a time; the last batch wraps."""
    k = min(k, labels)
    count = -(-labels // k)
    batch = (np.arange(count * k) % labels).reshape(count, k)
    return Batches(
        np.repeat(np.arange(rows), count),
        np.tile(np.arange(count), rows),
        np.tile(batch, (rows, 1)),
    )


def dealt(positive: Any, near: Any, keys: Any, k: int, settings: Instruct) -> tuple[Batches, Any]:
    """Label batches of train records, and the class of every (record, label).

    `positive` is records x labels, bool; `near` labels x labels, int64: the rank (from 0) of the
    second label among the neighbours of the first, -1 where it is none; `keys` the priorities.
    """
    rows, labels = positive.shape
    k = min(k, labels)
    kind = kinds(positive, near)
    hard = kind == HARD
    order = _order((kind.astype(np.uint64) << np.uint64(62)) | (keys >> np.uint64(2)))
    n_positive, n_hard = positive.sum(axis=1), hard.sum(axis=1)
    chosen = n_positive + n_hard + np.minimum(labels - n_positive - n_hard, k)
    if settings.remainder == "reference":
        return _reference(order, chosen, keys, k), kind
    count = -(-chosen // k)
    first = np.concatenate([[0], np.cumsum(count)])
    batches = np.full((first[-1], k), _NONE, np.int64)
    row, place = elements(chosen)
    label = order[row, place]
    if settings.grouping == "contrast":
        slot = _contrast(row, label, place, kind, near, count, n_positive, first, k)
        batch, column = slot
    else:
        if settings.grouping == "shuffle":
            place = shuffled(row, mix64(keys[row, label] ^ _SHUFFLE))
            batch, column = place // k, place % k
        else:
            column, batch = np.divmod(place, count[row])
        batch = first[row] + batch
    batches[batch, column] = label
    owner = np.repeat(np.arange(rows), count)
    _fill(batches, owner, order, chosen, n_positive)
    keep = _capped(batches, owner, kind, first, settings.pure_negative_ratio)
    number = np.arange(len(owner)) - first[owner]
    batches, owner, number = batches[keep], owner[keep], number[keep]
    inside = _order(mix64(keys[owner[:, None], batches] ^ _INSIDE))
    return Batches(owner, number, np.take_along_axis(batches, inside, axis=1)), kind


def _order(keys: Any) -> Any:
    """Which places the lowest keys of each row have, and the next, rows x places.

    Places stand in the last bits of the keys, and keys are sorted by themselves, which takes a
    fifth of the time. Hashes are told apart long before these bits.
    """
    last = np.uint64((1 << keys.shape[1].bit_length()) - 1)
    placed = (keys & ~last) | np.arange(keys.shape[1], dtype=np.uint64)
    placed.sort(axis=1)
    return (placed & last).astype(np.int64)


def kinds(positive: Any, near: Any) -> Any:
    """The class of every (record, label); HARD are those near one of the record's positives.

    By gathering bits, not by a matrix product: BLAS would start threads that spin beside the
    workers.
    """
    hard = np.zeros_like(positive)
    row, label = np.nonzero(positive)
    if len(row):
        starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
        bits = np.bitwise_or.reduceat(np.packbits(near >= 0, axis=1)[label], starts)
        hard[row[starts]] = np.unpackbits(bits, axis=1, count=near.shape[1])
    return np.where(positive, POSITIVE, np.where(hard, HARD, OTHER)).astype(np.int8)


def _contrast(
    row: Any,
    label: Any,
    place: Any,
    kind: Any,
    near: Any,
    count: Any,
    n_positive: Any,
    first: Any,
    k: int,
) -> tuple[Any, Any]:
    """(batch, column) so that a hard negative stands beside the positive it is nearest to.

    Positives are dealt round-robin. Hard negatives follow, nearest first, into the batch of their
    positive while it has room; what found none, and the others, take the places that are left.
    """
    batch = np.full(len(row), _NONE, np.int64)
    column = np.zeros(len(row), np.int64)
    is_positive = place < n_positive[row]
    batch[is_positive] = first[row[is_positive]] + place[is_positive] % count[row[is_positive]]
    hard = np.flatnonzero(kind[row, label] == HARD)
    rank, wanted = _nearest(row, label, hard, is_positive, near, batch)
    order = np.lexsort((place[hard], rank, wanted))
    used = np.bincount(batch[is_positive], minlength=first[-1])
    position = used[wanted[order]] + running(wanted[order])
    fits = position < k
    batch[hard[order[fits]]] = wanted[order[fits]]
    rest = np.flatnonzero(batch == _NONE)
    sizes = np.bincount(batch[batch != _NONE], minlength=first[-1])
    free, column_of_free = elements(k - sizes)
    # Free places of a record, emptiest batches first in turn, as round-robin would deal them.
    owner = np.repeat(np.arange(len(count)), count)[free]
    turn = np.lexsort((free, column_of_free, owner))
    free, owner = free[turn], owner[turn]
    start = np.searchsorted(owner, np.arange(len(count)))
    rest = rest[np.lexsort((place[rest], row[rest]))]
    batch[rest] = free[start[row[rest]] + running(row[rest])] if len(rest) else batch[rest]
    order = np.lexsort((place, batch))
    column[order] = running(batch[order])
    return batch, column


def _nearest(
    row: Any, label: Any, hard: Any, is_positive: Any, near: Any, batch: Any
) -> tuple[Any, Any]:
    """(rank, batch) of the positive that each hard negative is nearest to in its record."""
    rank = np.full(len(hard), np.iinfo(np.int64).max)
    wanted = np.full(len(hard), _NONE, np.int64)
    positives = np.flatnonzero(is_positive)
    bounds = np.searchsorted(row[positives], np.arange(row[-1] + 2)) if len(row) else [0]
    most = int(np.diff(bounds).max(initial=0))
    for turn in range(most):
        at = bounds[row[hard]] + turn
        exists = at < bounds[row[hard] + 1]
        candidate = positives[np.minimum(at, len(positives) - 1)]
        distance = near[label[candidate], label[hard]]
        better = exists & (distance >= 0) & (distance < rank)
        rank[better], wanted[better] = distance[better], batch[candidate[better]]
    return rank, wanted


def _fill(batches: Any, owner: Any, order: Any, chosen: Any, n_positive: Any) -> None:
    """Fill every batch to full width: unused labels first, each once, then labels asked elsewhere.

    Among labels asked elsewhere negatives come before positives.
    """
    labels = order.shape[1]
    batch, column = np.nonzero(batches == _NONE)
    if not len(batch):
        return
    row = owner[batch]
    turn = running(row)
    fresh = chosen[row] + turn < labels
    batches[batch[fresh], column[fresh]] = order[row[fresh], chosen[row[fresh]] + turn[fresh]]
    short, need = np.unique(batch[~fresh], return_counts=True)
    if not len(short):
        return
    row = owner[short]
    place = (np.arange(labels)[None, :] + n_positive[row][:, None]) % labels
    candidates = np.take_along_axis(order[row], place, axis=1)
    asked = np.zeros((len(short), labels + 1), bool)
    np.put_along_axis(asked, batches[short], values=True, axis=1)  # -1 lands in the spare column
    free = ~np.take_along_axis(asked[:, :labels], candidates, axis=1)
    taken = free & (np.cumsum(free, axis=1) <= need[:, None])
    batches[batch[~fresh], column[~fresh]] = candidates[taken]


def _capped(batches: Any, owner: Any, kind: Any, first: Any, ratio: float | None) -> Any:
    """Which batches stay: at most `ratio` pure-negative ones per positive one in each record.

    Those without hard negatives go first. A record without positives keeps its only batch.
    """
    asked = kind[owner, batches.T]
    pure = ~(asked == POSITIVE).any(axis=0)
    if ratio is None:
        return np.ones(len(owner), bool)
    rows = len(first) - 1
    positive = np.bincount(owner[~pure], minlength=rows)
    allowed = np.where(positive > 0, np.floor(ratio * positive), 1)
    candidates = np.flatnonzero(pure)
    plain = ~(asked[:, candidates] == HARD).any(axis=0)
    order = candidates[np.lexsort((candidates, plain, owner[candidates]))]
    keep = ~pure
    keep[order] = running(owner[order]) < allowed[owner[order]]
    return keep


def _reference(order: Any, chosen: Any, keys: Any, k: int) -> Batches:
    """The reference's batches: shuffled labels cut by k; a small remainder joins the last batch.

    n // k full batches; a remainder of at least max(1, k // 2) labels is a batch of its own, a
    smaller one merges into the last (where there is one), so sizes run up to k + k // 2 - 1.
    """
    row, place = elements(chosen)
    label = order[row, place]
    place = shuffled(row, mix64(keys[row, label] ^ _SHUFFLE))
    count = reference_batches(chosen, k)
    number = np.minimum(place // k, count[row] - 1)
    first = np.concatenate([[0], np.cumsum(count)])
    batches = np.full((first[-1], k + max(1, k // 2)), _NONE, np.int64)
    batches[first[row] + number, place - number * k] = label
    owner = np.repeat(np.arange(len(count)), count)
    return Batches(owner, np.arange(len(owner)) - first[owner], batches)


def reference_batches(labels: Any, k: int) -> Any:
    """How many batches the reference makes of so many labels."""
    full, rest = np.divmod(np.asarray(labels), k)
    return np.where((rest >= max(1, k // 2)) | (full == 0), full + (rest > 0), full)
