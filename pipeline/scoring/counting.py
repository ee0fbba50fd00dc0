"""Count what a model's answers got right, per task, dataset and label.

The answers to all label batches of a record are pooled; a label's first asking counts, and what is
answered under a label that was not asked is wrong. Facts (see `facts`) are compared as strings:
`multiset` counts a fact as often as it is given, `set` once. An answer that cannot be read, or is
missing, answers nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import orjson

from pipeline.scoring import facts
from pipeline.scoring.parsing import merged, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Match = Literal["multiset", "set"]
#: (correct, predicted, gold)
Counts = tuple[int, int, int]

#: Stands for all labels that were answered without being asked.
NOT_ASKED: Final = "(not asked)"
_ARTICLES: Final = re.compile(r"^(?:a|an|the) ")


class Options(NamedTuple):
    """How predictions are compared."""

    match: Match = "multiset"
    #: Compare without letter case, width, white space and leading articles.
    normalize: bool = False
    #: Bootstrap samples; 0 gives no intervals.
    samples: int = 1000


class Row(NamedTuple):
    """One label batch of a record, asked and answered."""

    gold: str
    #: The model's text; None where there is none.
    answer: str | None
    #: The keys of the labels asked and how the output calls them, where the two differ (SPO).
    labels: Sequence[str] = ()
    shown: Sequence[str] = ()


class Group:
    """What is counted for one task, dataset and split."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.measures = facts.MEASURES[task]
        self.rows: Counter[str] = Counter()
        #: Per measure: how many records have these counts.
        self.records: list[Counter[Counts]] = [Counter() for _ in self.measures]
        #: Per measure: label -> counts.
        self.labels = [defaultdict[str, list[int]](lambda: [0, 0, 0]) for _ in self.measures]


def normal(string: str) -> str:
    """A string without what `normalize` sets aside."""
    folded = " ".join(unicodedata.normalize("NFKC", string).lower().split())
    return _ARTICLES.sub("", folded)


def add_record(group: Group, rows: Iterable[Row], options: Options) -> None:
    """Count one record: its label batches in the order in which they were asked."""
    totals = [[0, 0, 0] for _ in group.measures]
    read = facts.reader(group.task)
    asked: set[str] = set()
    before: dict[str, tuple[list[Any], list[Any]]] = {}
    for row in rows:
        gold: dict[str, Any] = orjson.loads(row.gold)
        found = _answer(group, row, gold)
        if options.normalize:
            names = {normal(key): key for key in reversed(gold)}
            found = merged([(names.get(normal(k), k), value) for k, value in found.items()])
        group.rows["nothing_asked"] += bool(found) and not any(key in gold for key in found)
        for label, true in gold.items():
            value = found.pop(label, None)
            if not true and not value:
                continue
            fresh, stale = _asked(label, row, asked)
            if not fresh:
                continue
            one = _facts(read, true, group, options, gold=True)
            two = _facts(read, value, group, options)
            if row.labels:
                one, two = _without_earlier(before, label, one, two, stale=stale)
            _count(group, label, one, two, totals, options.match)
        asked.update(row.labels or gold)
        for value in found.values():
            stray = _facts(read, value, group, options)
            group.rows["answers_not_asked"] += len(stray)
            _count(group, NOT_ASKED, [], stray, totals, options.match)
    group.rows["records"] += 1
    for records, own in zip(group.records, totals, strict=True):
        records[own[0], own[1], own[2]] += 1


def _answer(group: Group, row: Row, gold: dict[str, Any]) -> dict[str, Any]:
    """The predicted object; what became of the text is counted."""
    group.rows["rows"] += 1
    if row.answer == row.gold:
        return {**gold}
    parsed = parse(row.answer, gold)
    if parsed is None:
        group.rows["missing" if row.answer is None else "parse_failures"] += 1
        return {}
    if not parsed.strict:
        group.rows["repaired"] += 1
    return {**parsed.value}


def _asked(label: str, row: Row, asked: set[str]) -> tuple[bool, bool]:
    """(whether the row asks something new under this label, something that was asked before)."""
    if not row.shown:
        return label not in asked, False
    again = [key in asked for key, name in zip(row.labels, row.shown, strict=True) if name == label]
    return not all(again), any(again)


def _facts(
    read: Any, value: Any, group: Group, options: Options, *, gold: bool = False
) -> list[Any]:
    """The facts of a value; what is none is counted where a model wrote it."""
    if not value:
        return []
    found = [*read(value)]
    kept = [fact for fact in found if fact is not None]
    if not gold:
        group.rows["malformed_items"] += len(found) - len(kept)
    if options.normalize:
        kept = [(measure, (*map(normal, strings),)) for measure, strings in kept]
    return kept


def _without_earlier(
    before: dict[str, tuple[list[Any], list[Any]]],
    label: str,
    one: list[Any],
    two: list[Any],
    *,
    stale: bool,
) -> tuple[list[Any], list[Any]]:
    """Facts under a predicate of which some signatures were asked before, without those of then."""
    old = before.get(label, ([], []))
    before[label] = (old[0] + one, old[1] + two)
    if not stale:
        return one, two
    parts = [Counter(now) - Counter(then) for now, then in zip((one, two), old, strict=True)]
    return [*parts[0].elements()], [*parts[1].elements()]


def _count(
    group: Group,
    label: str,
    one: list[Any],
    two: list[Any],
    totals: list[list[int]],
    match: Match,
) -> None:
    """Compare the gold facts of a label with those predicted."""
    if match == "set":
        one, two = [*dict.fromkeys(one)], [*dict.fromkeys(two)]
    left: dict[Any, int] = {}
    for fact in one:
        left[fact] = left.get(fact, 0) + 1
        totals[fact[0]][2] += 1
        group.labels[fact[0]][label][2] += 1
    for fact in two:
        own, counts = totals[fact[0]], group.labels[fact[0]][label]
        own[1] += 1
        counts[1] += 1
        if left.get(fact):
            left[fact] -= 1
            own[0] += 1
            counts[0] += 1
