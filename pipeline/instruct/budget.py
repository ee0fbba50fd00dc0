"""Choose train records for a budget of instructions, evenly by label, dataset and length.

Whole records are chosen, before any set of labels is made or asked. Every label of every dataset
("none" is one more), every dataset, and every range of lengths is owed an even share of the records
of its kind. Whichever has the least of its share takes its next record, until the chosen records
are expected to make as many instructions as wanted. Each takes records in the order of their
hashes; a record whose text nearly equals another one comes after all others.

One pass over the shards counts labels. Another yields the records of each label that have the
lowest hashes: several times as many as the budget needs. So memory grows with the budget,
not with the corpus, and the choice does not depend on shards, workers or engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from heapq import heappop, heapreplace
from operator import add
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.compute as pc

from pipeline import tasks
from pipeline.config import Instruct
from pipeline.dedupe.tags import kept
from pipeline.execution import engines
from pipeline.execution.engines import Workers
from pipeline.hashing import fractions, hashes, mix64
from pipeline.instruct import pairs
from pipeline.instruct.asking import Asking
from pipeline.records import TASKS
from pipeline.tables import running
from pipeline.text import characters, like

#: How many annotations to choose from, for each instruction wanted.
_CHOICE: Final = 8
#: Expected instructions are counted in 1024ths, as whole numbers, so that sums are exact.
_PARTS: Final = 1024
#: Characters in the n-grams by which near-duplicates are recognized.
_NGRAM: Final = {"en": 12, "zh": 5}
_COLUMNS: Final = ("id", "text", "mentions", "relations", "events", "dropped")
#: Salts of the order of records, of the random choice to compare with, of the n-grams.
_ORDER, _RANDOM, _GRAM = (np.uint64(n) for n in (0x4255, 0x5241, 0x4E47))
_QUANTILES: Final = (5, 25, 50, 75, 95)


class Shard(NamedTuple):
    """A shard of train records, and how each task asks them."""

    asked: tuple[Asking, ...]
    path: Path
    dedupe: Path | None

    @property
    def dataset(self) -> str:
        """The id of the dataset."""
        return self.asked[0].dataset.id

    @property
    def language(self) -> str:
        """The language whose n-grams and ranges of lengths are used."""
        return like(self.asked[0].dataset.language)


class Records(NamedTuple):
    """Some records: arrays with a value per record, and their labels as pairs (`row`, `code`)."""

    key: Any
    length: Any
    #: records x tasks x 2: sets that hold a positive, sets that hold none, in `_PARTS`.
    sets: Any
    row: Any
    code: Any
    #: Equal for texts that are nearly the same.
    cluster: Any

    def only(self, keep: Any) -> Records:
        """Return the records for which the boolean array `keep` is true."""
        inside = keep[self.row]
        row = (np.cumsum(keep) - 1)[self.row[inside]]
        key, length, sets, cluster = (
            part[keep] for part in (self.key, self.length, self.sets, self.cluster)
        )
        return Records(key, length, sets, row, self.code[inside], cluster)


class Covered(NamedTuple):
    """What some records of a dataset cover: counts of records by label and length, and sets."""

    labels: Any
    lengths: Counter[int]
    sets: Any


def order(ids: Any) -> Any:
    """Return the hashes that order records, and that name them in the result of `chosen`."""
    return mix64(hashes(ids.to_pylist()) ^ _ORDER)


def chosen(
    listed_shards: Sequence[Shard], settings: Instruct, workers: Workers | int = 1
) -> tuple[dict[Path, bytes], dict[str, Any]]:
    """Return (path -> the `order` of the records to ask, as bytes; what the choice covers).

    Where the budget has room for all records, there are no paths, and all records are asked.
    """
    budget = settings.budget or 0
    whole = _summed(listed_shards, engines.run(_counted, listed_shards, workers, _name))
    rows = sum(_rows(covered.sets, settings) for covered in whole.values())
    there = np.concatenate([covered.labels[:-1] > 0 for covered in whole.values()])
    summary = {"rows": budget, "all": _summary(whole.values(), there)}
    if rows <= budget * _PARTS:
        return {}, summary
    most = _level(np.concatenate([covered.labels for covered in whole.values()]), _CHOICE * budget)
    draw = partial(_drawn, most=most, share=budget * _PARTS / rows)
    drawn = [*engines.run(draw, listed_shards, workers, _name)]
    random = _summed(listed_shards, [covered for _, covered in drawn])
    pool: dict[str, Records] = {}
    for shard, (records, _) in zip(listed_shards, drawn, strict=True):
        before = [pool[shard.dataset]] if shard.dataset in pool else []
        pool[shard.dataset] = _lowest(_joined([*before, records]), most)
    languages = {shard.dataset: shard.language for shard in listed_shards}
    taken = _taken(pool, languages, settings)
    keys = {name: np.sort(records.key[taken[name]]) for name, records in pool.items()}
    covered = {
        name: _covered(records.only(taken[name]), len(whole[name].labels))
        for name, records in pool.items()
    }
    summary["random"] = _summary(random.values(), there)
    summary["chosen"] = _summary(covered.values(), there)
    return {shard.path: keys[shard.dataset].tobytes() for shard in listed_shards}, summary


def _name(shard: Shard) -> str:
    return f"{shard.dataset}/{shard.path.stem}, counted for the budget"


def _counted(shard: Shard) -> Covered:
    return _covered(*_read(shard))


def _drawn(shard: Shard, most: int, share: float) -> tuple[Records, Covered]:
    """Return the first `most` records of each label, and what a random `share` would cover."""
    records, labels = _read(shard)
    random = fractions(mix64(records.key ^ _RANDOM)) < share
    return _lowest(records, most), _covered(records.only(random), labels)


def _read(shard: Shard) -> tuple[Records, int]:
    """Return (the kept records of a shard, the number of its dataset's labels and "none").

    The labels are those of the first task of each kind of annotation.
    """
    table = kept(shard.path, shard.dedupe, _COLUMNS)
    count, labels = table.num_rows, 0
    sets = np.zeros((count, len(TASKS), 2), np.int64)
    places_by_column: dict[str, Any] = {}
    for asking in shard.asked:
        units = pairs.by_pair(table) if asking.way == "pair" else table
        owner = pc.index_in(units["id"], value_set=table["id"].combine_chunks()).to_numpy()
        size = len(asking.labels)
        held = np.unique(np.stack(tasks.held(asking.dataset, asking.task, units), 1), axis=0)
        positives = np.bincount(held[:, 0], minlength=len(owner))
        np.add.at(sets[:, TASKS.index(asking.task)], owner, _sets(asking, positives))
        if tasks.COLUMNS[asking.task] not in places_by_column:
            place = np.unique(np.stack([owner[held[:, 0]], held[:, 1] + labels], 1), axis=0)
            places_by_column[tasks.COLUMNS[asking.task]] = place
            labels += size
    marks = np.concatenate([np.zeros((0, 2), np.int64), *places_by_column.values()])
    bare = np.setdiff1d(np.arange(count), marks[:, 0])
    row = np.concatenate([marks[:, 0], bare])
    code = np.concatenate([marks[:, 1], np.full(len(bare), labels)])
    length = pc.utf8_length(table["text"]).to_numpy()
    cluster = _clusters(table["text"].to_pylist(), _NGRAM[shard.language])
    return Records(order(table["id"]), length, sets, row, code, cluster), labels + 1


def _sets(asking: Asking, positives: Any) -> Any:
    """Return how many sets with and without a positive each text or pair should have: n x 2.

    The estimate assumes that positives fall into sets by chance.
    """
    if asking.absent is None:
        held, empty = (positives > 0).astype(float), np.zeros(len(positives))
    elif asking.way == "present":
        held, empty = np.ceil(positives / asking.k), np.zeros(len(positives))
    else:
        sets = -(-len(asking.labels) // asking.k)
        held = sets * (1 - (1 - 1 / sets) ** positives)
        empty = (sets - held) * np.where(positives, 1, asking.settings.negative_record_rate)
    return np.rint(np.stack([held, empty], 1) * _PARTS).astype(np.int64)


def _clusters(texts: Sequence[str], n: int) -> Any:
    """Return the lowest hash of each text's n-grams: similar texts mostly have the same one."""
    padded = [text.casefold().ljust(n, "\0") for text in texts]
    codes, begins = characters(padded)
    codes = codes.astype(np.uint64)
    if not texts:
        return np.zeros(0, np.uint64)
    grams = np.zeros(len(codes) - n + 1, np.uint64)
    for k in range(n):
        grams = grams * np.uint64(0x100000001B3) + codes[k : len(codes) - n + 1 + k]
    grams = mix64(grams ^ _GRAM)
    for k in range(1, n):  # n-grams that reach into the next text belong to no text
        grams[begins[1:-1] - k] = np.uint64(2**64 - 1)
    return np.minimum.reduceat(grams, begins[:-1])


def _joined(parts: Sequence[Records]) -> Records:
    """Return the records of several tables as one table."""
    begins = np.cumsum([0, *(len(part.key) for part in parts[:-1])])
    moved = [p._replace(row=p.row + begin) for p, begin in zip(parts, begins, strict=True)]
    return Records(*map(np.concatenate, zip(*moved, strict=True)))


def _lowest(records: Records, most: int) -> Records:
    """Return the records that are among the first `most` for at least one of their labels."""
    by_label = np.lexsort((records.key[records.row], records.code))
    stay = np.zeros(len(records.key), bool)
    stay[records.row[by_label[running(records.code[by_label]) < most]]] = True
    return records.only(stay)


def _level(counts: Any, wanted: int) -> int:
    """Return the lowest limit such that counts cut to it still sum to `wanted`, if any does."""
    with_at_least = np.cumsum(np.bincount(counts, minlength=2)[::-1])[::-1][1:]
    return min(int(np.searchsorted(np.cumsum(with_at_least), wanted)) + 1, len(with_at_least))


def _rows(sets: Any, settings: Instruct) -> int:
    """Return the instructions that a dataset's sets (tasks x 2) should give, in `_PARTS`."""
    held, empty = np.asarray(sets).T.tolist()
    ratio = settings.pure_negative_ratio
    return sum(
        h + (e if ratio is None else min(e, int(ratio * h)))
        for h, e in zip(held, empty, strict=True)
    )


def _taken(
    pool: dict[str, Records], languages: dict[str, str], settings: Instruct
) -> dict[str, Any]:
    """Return dataset -> which of its records are taken, as a boolean array."""
    every = _joined([*pool.values()])
    sizes = [len(records.key) for records in pool.values()]
    dataset = np.repeat(np.arange(len(pool)), sizes)
    script = np.array([languages[name] == "zh" for name in pool], np.int64)[dataset]
    # Half octaves are the ranges of lengths.
    span = np.floor(2 * np.log2(np.maximum(every.length, 1))).astype(np.int64)
    alone = np.arange(len(dataset))
    record, owed, weight = _owed(
        [
            (every.row, np.stack([dataset[every.row], every.code], 1)),
            (alone, dataset[:, None]),
            (alone, np.stack([script, span], 1)),
        ]
    )
    queues = _grouped(owed, record, _turns(every)[record], len(weight))
    owed_of = _grouped(record, owed, owed, len(dataset))
    counts, taken = [0] * len(weight), np.zeros(len(dataset), bool)
    totals = np.zeros((len(pool), *every.sets.shape[1:]), np.int64)
    rows, spent = [0] * len(pool), 0
    heap = [(0, n) for n in range(len(weight))]
    while heap and spent < (settings.budget or 0) * _PARTS:
        share, n = heap[0]
        if share < counts[n] * weight[n]:  # it has gained records that others took
            heapreplace(heap, (counts[n] * weight[n], n))
            continue
        while queues[n] and taken[queues[n][-1]]:
            queues[n].pop()
        if not queues[n]:
            heappop(heap)
            continue
        picked = queues[n].pop()
        taken[picked] = True
        for other in owed_of[picked]:
            counts[other] += 1
        at = int(dataset[picked])
        totals[at] += every.sets[picked]
        before, rows[at] = rows[at], _rows(totals[at], settings)
        spent += rows[at] - before
    ends = np.cumsum(sizes)
    return dict(zip(pool, np.split(taken, ends[:-1]), strict=True))


def _owed(kinds: Sequence[tuple[Any, Any]]) -> tuple[Any, Any, list[int]]:
    """Return (record, number of its category) of all kinds, and each category's weight.

    The weight is how many categories its kind has. A kind is (record, its category as rows of
    integers).
    """
    numbers: list[Any] = []
    weight: list[int] = []
    for _, categories in kinds:
        distinct, number = np.unique(categories, axis=0, return_inverse=True)
        numbers.append(number.ravel() + len(weight))
        weight += [len(distinct)] * len(distinct)
    return np.concatenate([record for record, _ in kinds]), np.concatenate(numbers), weight


def _turns(records: Records) -> Any:
    """Return the turn of each record, highest first: one of each cluster, then a second one..."""
    key = records.key
    inside = np.empty(len(key), np.int64)
    by_cluster = np.lexsort((key, records.cluster))
    inside[by_cluster] = running(records.cluster[by_cluster])
    turn = np.empty(len(key), np.int64)
    turn[np.lexsort((key, inside))[::-1]] = np.arange(len(key))
    return turn


def _grouped(group: Any, value: Any, turn: Any, groups: int) -> list[list[int]]:
    """Return the values of each group, the highest turn last."""
    at = np.lexsort((turn, group))
    bounds = np.searchsorted(group[at], np.arange(1, groups))
    return [values.tolist() for values in np.split(value[at], bounds)]


def _covered(records: Records, labels: int) -> Covered:
    lengths = np.unique(records.length, return_counts=True)
    return Covered(
        np.bincount(records.code, minlength=labels),
        Counter(dict(zip(*(part.tolist() for part in lengths), strict=True))),
        records.sets.sum(axis=0),
    )


def _summed(listed_shards: Sequence[Shard], parts: Iterable[Covered]) -> dict[str, Covered]:
    """Return dataset -> what its shards cover together."""
    whole: dict[str, Covered] = {}
    for shard, part in zip(listed_shards, parts, strict=True):
        before = whole.get(shard.dataset)
        whole[shard.dataset] = part if before is None else Covered(*map(add, before, part))
    return whole


def _summary(covered: Iterable[Covered], there: Any) -> dict[str, Any]:
    """Summarize what records cover: labels (only those in `there`), datasets and lengths."""
    covered = [*covered]
    labels = np.concatenate([part.labels[:-1] for part in covered])[there]
    datasets = np.array([part.lengths.total() for part in covered])
    lengths = sum((part.lengths for part in covered), Counter())
    every = np.sort(np.repeat([*lengths.keys()], [*lengths.values()])).astype(np.int64)
    at = np.percentile(every, _QUANTILES, method="inverted_cdf").tolist() if len(every) else ()
    return {
        "records": int(datasets.sum()),
        "labels": _spread(labels),
        "datasets": _spread(datasets),
        "lengths": {f"{q} %": length for q, length in zip(_QUANTILES, at, strict=False)},
    }


def _spread(counts: Any) -> dict[str, Any]:
    """Return how many counts are not 0, and the least, the median and the highest count."""
    counts = counts if len(counts) else np.zeros(1, np.int64)
    return {
        "covered": int((counts > 0).sum()),
        "least": int(counts.min()),
        "median": float(np.median(counts)),
        "most": int(counts.max()),
    }
