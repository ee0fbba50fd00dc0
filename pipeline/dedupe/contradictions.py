"""Texts that two datasets annotate differently: found, reported, and dropped only if asked.

A label contradicts itself if a text of two datasets (or editions of one) has different answers
under it. A label that one of them does not know is ignored. So is an absent label if the dataset's
annotation is not complete (see `Dataset.coverage`).

Contradictions go to `contradictions.json` beside the datasets' folders. Where `dedupe.prefer` lists
datasets, best first, the later one's record is dropped as `contradicting`, unless it is in test.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from operator import itemgetter
from typing import Any, Final

import orjson

from pipeline.catalog import Dataset
from pipeline.dedupe.duplicates import Plan, Row
from pipeline.text import comparable

_EXAMPLES: Final = 3
#: Kind of annotation -> the tasks that ask it.
_KINDS: Final = {"entity": ("NER",), "relation": ("RE", "SPO"), "event": ("EE", "EET")}
#: Of a contradiction: (dataset, other dataset, kind, label).
_Key = tuple[str, str, str, str]


def merged(
    same: Sequence[Row], drops: Iterable[int], merges: Iterable[tuple[int, int]]
) -> list[Row]:
    """Return the rows of one text that stay; the first of merged rows gets the facts of all."""
    facts = {row.place: row.facts for row in same}
    for place, first in merges:
        facts[first] = b"\n".join(filter(None, (facts[first], facts[place])))
    gone = {*drops}
    return [row._replace(facts=facts[row.place]) for row in same if row.place not in gone]


class Found:
    """The contradictions of one part of all texts."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._counts: Counter[_Key] = Counter()
        self._examples: dict[_Key, list[dict[str, Any]]] = {}
        self._asked = [_labels(d, complete=False) for d in plan.datasets]
        self._complete = [_labels(d, complete=True) for d in plan.datasets]

    def among(self, rows: Sequence[Row]) -> Iterator[tuple[Row, str, str]]:
        """Count the contradictions among the records of a text.

        Yield (record, reason, partner's id) of each drop; a record may come several times.
        """
        answers = {row.place: _answers(row.facts) for row in rows}
        prefer = self._plan.settings.prefer
        for one, other in combinations(rows, 2):
            if one.dataset == other.dataset:
                continue
            left, right = answers[one.place], answers[other.place]
            asked = self._asked[one.dataset] & self._asked[other.dataset]
            complete = self._complete[one.dataset] & self._complete[other.dataset]
            decided = left.keys() & right.keys() & asked
            decided |= (left.keys() | right.keys()) & complete
            odd = [key for key in sorted(decided) if left.get(key) != right.get(key)]
            names = self._plan.name(one.dataset), self._plan.name(other.dataset)
            for label in odd:
                self._counts[*names, *label] += 1
                said = [sorted(by_label.get(label, ())) for by_label in (left, right)]
                examples = self._examples.setdefault((*names, *label), [])
                examples.append({"ids": [one.id, other.id], "answers": said})
                self._examples[*names, *label] = _first(examples)
            if odd and {*names} <= {*prefer}:
                first = prefer.index(names[0]) < prefer.index(names[1])
                best, worse = (one, other) if first else (other, one)
                if worse.split != "test":
                    yield worse, "contradicting", best.id

    def pairs(self) -> list[Any]:
        """Return the contradictions as JSON."""
        return [[*key, n, self._examples[key]] for key, n in sorted(self._counts.items())]


def _labels(dataset: Dataset, *, complete: bool) -> set[tuple[str, str]]:
    """Return (kind, label) of all labels asked; if `complete`, where absence is an answer too."""
    asked = {
        task
        for task in dataset.tasks
        if not complete or dataset.coverage.get(task, "complete") == "complete"
    }
    return {
        (kind, label)
        for kind, tasks in _KINDS.items()
        if asked & {*tasks}
        for label in dataset.labels_of(kind)
    }


def _answers(facts: bytes) -> dict[tuple[str, str], set[Any]]:
    """Return (kind, label) -> answers of a record, with strings in the form to compare."""
    said: dict[tuple[str, str], set[Any]] = {}
    for kind, label, what, *_ in map(orjson.loads, facts.splitlines()):
        pair = isinstance(what, list)
        answer = tuple(map(comparable, what)) if pair else comparable(what or "")
        said.setdefault((kind, label), set()).add(answer)
    return said


def _first(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(examples, key=itemgetter("ids"))[:_EXAMPLES]


def summary(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """Return an entry per pair of datasets and label: how many texts differ, and examples."""
    counts: Counter[_Key] = Counter()
    examples: dict[_Key, list[dict[str, Any]]] = {}
    for one, other, kind, label, n, some in (entry for part in parts for entry in part):
        key = (one, other, kind, label)
        counts[key] += n
        examples.setdefault(key, []).extend(some)
    names = ("dataset", "other", "kind", "label")
    return [
        {**dict(zip(names, key, strict=True)), "texts": n, "examples": _first(examples[key])}
        for key, n in sorted(counts.items())
    ]
