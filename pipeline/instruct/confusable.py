"""Sets of near labels that are asked whole, whichever of them is positive.

A batch of a positive and its near labels tells which label is positive to whoever knows what is
near to what. So the labels of a dataset are parted into sets of near ones, in many ways; a record
uses the way that its hash names. Sets with a positive are asked, and of the others so many, by hash
again, that every set is asked equally often. Which labels stand together then tells nothing. Which
sets are asked tells something only where a set is nearly always positive.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline.config import Instruct
from pipeline.hashing import fractions, hashes, mix64
from pipeline.instruct.batching import Batches
from pipeline.tables import running

#: Salts: the order of labels in a way, the way of a record, the sets asked, the order in a batch.
_ORDER, _WAY, _ASK, _INSIDE = (np.uint64(n) for n in (0x4F52, 0x5741, 0x4153, 0x494E))
#: More than any distance of labels.
_FAR: Final = 2**60


class Sets(NamedTuple):
    """The sets of labels to ask (ways x sets x labels), and how likely each is asked.

    `chance` is ways x sets: how probably a record is asked a set that holds none of its positives.
    `hashed` are the hashes of what the labels are called in the source.
    """

    labels: Any
    chance: Any
    hashed: Any


def sets_of(
    names: Sequence[str],
    near: Any,
    together: Any,
    held: tuple[Any, Any],
    k: int,
    settings: Instruct,
) -> Sets:
    """Return the sets of a dataset's task, from what its train records hold.

    `names` are what the labels are called in the source; `near` is labels x labels: the rank of the
    second among the neighbors of the first, -1 for none; `together` gives every label a number,
    and labels with the same number go to different sets where possible. `held` is (distinct rows
    of labels, bool; how many records hold each).
    """
    positive, times = held
    sets = parted(names, near, together, k, settings.ways, settings.seed)
    sets = completed(sets, near, together, times @ positive)
    counts = counted(sets, positive, times)
    chance = chances(counts, int(times.sum()), settings.pure_negative_ratio)
    return Sets(sets, chance, hashes(names))


def width(labels: int, k: int) -> int:
    """Return how many labels every instruction asks: the most up to k that is equal for all."""
    return -(-labels // -(-labels // k)) if labels else 0


def parted(names: Sequence[str], near: Any, together: Any, k: int, ways: int, seed: int) -> Any:
    """Return sets of near labels: ways x sets x `width`, -1 where a set is one label short."""
    labels = len(names)
    size, sets = width(labels, k), -(-labels // k)
    salts = mix64(np.arange(ways, dtype=np.uint64) ^ mix64(np.uint64(seed % 2**64) ^ _ORDER))
    keys = mix64(hashes(names)[None, :] ^ salts[:, None])
    # The hash decides where nothing else does; labels that are already placed come last.
    turn = np.argsort(np.argsort(keys, axis=1, kind="stable"), axis=1, kind="stable")
    distance = _distances(near) * labels
    close = distance < 2 * labels * labels
    every = np.arange(ways)
    left = np.tile(np.bincount(together), (ways, 1))
    linked = np.tile(close.sum(axis=0), (ways, 1))
    sets_of_ways = np.full((ways, sets, size), -1, np.int64)
    for number in range(sets):
        short = number >= sets - (sets * size - labels)
        cost = -labels * np.minimum(linked, size - 1)  # one with enough near labels begins a set
        taken = np.zeros(left.shape, bool)
        for place in range(size - short):
            rank = cost + turn
            if left.shape[1] < labels:
                # Of labels that may not meet, one goes into every set that is left.
                must = (left >= sets - number) & ~taken
                rank += (np.where(taken, _FAR // 2, 0) - np.where(must, _FAR // 4, 0))[:, together]
            nearest = rank.argmin(axis=1)
            sets_of_ways[:, number, place] = nearest
            turn[every, nearest] += _FAR
            left[every, together[nearest]] -= 1
            taken[every, together[nearest]] = True
            linked -= close[nearest]
            # Labels near the first one go before labels near the others.
            further = distance[nearest]
            cost = np.minimum(cost, further + labels * labels) if place else further
    return sets_of_ways


def _distances(near: Any) -> Any:
    """Return distances, labels x labels: a label's neighbors first, then those it is near to."""
    labels = len(near)
    there = np.where(near >= 0, near, 3 * labels)
    back = np.where(near.T >= 0, labels + near.T, 3 * labels)
    distance = np.minimum(there, back)
    np.fill_diagonal(distance, 3 * labels)
    return distance


def completed(sets: Any, near: Any, together: Any, frequency: Any) -> Any:
    """Return the sets, with one more label in each set that is one label short.

    It is a near label among the half that is least often positive; all records of a way share it.
    """
    if sets.min() >= 0:
        return sets
    labels = len(frequency)
    distance = _distances(near)
    common = np.argsort(np.argsort(frequency, kind="stable"), kind="stable") >= labels // 2
    sets = sets.copy()
    for way in sets:
        number = np.flatnonzero(way[:, -1] < 0)
        members = way[number, :-1]
        cost = np.tile(4 * labels * common, (len(members), 1))
        cost += np.min([distance[column] for column in members.T], axis=0)
        alike = np.zeros((len(members), together.max() + 1), bool)
        np.put_along_axis(alike, together[members], values=True, axis=1)
        cost += 16 * labels * alike[:, together]
        np.put_along_axis(cost, members, _FAR, axis=1)
        way[number, -1] = cost.argmin(axis=1)
    return sets


def counted(sets: Any, positive: Any, times: Any) -> Any:
    """Return in how many records each set holds a positive: ways x sets.

    `positive` is rows x labels, bool; `times` says how many records each row stands for.
    """
    times_of_sets = np.zeros(sets.shape[:2], np.int64)
    for way, labels_of_sets in enumerate(sets):
        times_of_sets[way] = times @ positive[:, labels_of_sets].any(axis=2)
    return times_of_sets


def chances(counts: Any, records: int, ratio: float | None) -> Any:
    """Return the chance of each set without a positive, so that sets are asked equally often.

    `counts` is `counted`, of so many records. A set that holds a positive in the share p of them is
    asked in q, or in 1.25 p where that is more, where q is such that there are `ratio` times as
    many batches without a positive as with one; None asks all. Where no record holds a positive,
    each is asked about one set. Counts are whole, in quarters of a record: alike on every machine.
    """
    if ratio is None or not records:
        return np.ones(counts.shape)
    if not counts.any():
        return np.full(counts.shape, 1 / counts.shape[1])
    often = np.minimum(5 * counts, 4 * records)
    ordered = np.sort(often, axis=None)
    below = np.concatenate([[0], np.cumsum(ordered)])
    wanted = 4 * int(counts.sum()) * (1 + ratio)
    # With q between two of them those above stay as they are, and the others are asked in q.
    above = below[-1] - below
    number = np.arange(1, len(ordered) + 1)
    share = (wanted - above[1:]) / number
    fits = np.flatnonzero(share >= ordered)
    asked = np.maximum(often, min(share[fits[-1]], 4 * records) if len(fits) else 0)
    rest = 4 * (records - counts)
    return np.where(rest > 0, (asked - 4 * counts) / np.maximum(rest, 1), 1.0)


def asked(sets: Sets, positive: Any, ids: Sequence[str], seed: int) -> Batches:
    """Return the batches of train records: sets with a positive, and others by their chance.

    `positive` is records x labels, bool; `ids` are those of the records.
    """
    hashed = hashes(ids)
    salt = mix64(np.uint64(seed % 2**64))
    way = (mix64(hashed ^ salt ^ _WAY) % np.uint64(len(sets.labels))).astype(np.int64)
    count = sets.labels.shape[1]
    held = np.zeros((len(ids), count), bool)
    for place in range(sets.labels.shape[2]):
        held |= np.take_along_axis(positive, sets.labels[way, :, place], axis=1)
    drawn = mix64((mix64(hashed ^ salt ^ _ASK)[:, None]) + np.arange(count, dtype=np.uint64))
    row, number = np.nonzero(held | (fractions(drawn) < sets.chance[way]))
    labels = sets.labels[way[row], number]
    keys = mix64(mix64(hashed[row, None] ^ salt ^ _INSIDE) ^ sets.hashed[labels])
    inside = np.argsort(keys, axis=1, kind="stable")
    return Batches(row, running(row), np.take_along_axis(labels, inside, axis=1))
