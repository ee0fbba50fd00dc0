"""Count what a model's answers got right, per task, dataset and label.

The answers to all label batches of a record are pooled; a label's first asking counts, and what is
answered under a label that was not asked is wrong. Annotations (see `assertions`) are compared as
strings. `multiset` counts an annotation as often as it is given, `set` once. `overlap` also counts
as right an annotation that contains a gold string, or is contained in one, where no equal one is
left. `span` compares entities by their offsets; an answer without offsets stands for all places of
its string in the gold. An answer that cannot be read, or is missing, counts as empty.

With `strict`, relations are also counted as right only where the answers to the record's NER rows
give both ends the types that they have in the gold.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

import orjson

from pipeline.errors import RawFileError
from pipeline.scoring import assertions, mistakes
from pipeline.scoring.parsing import merged, parse, reason
from pipeline.tasks.measures import MEASURES

Match = Literal["multiset", "set", "overlap", "span"]
MATCHES: Final = get_args(Match)
#: (correct, predicted, gold)
Counts = tuple[int, int, int]
#: (record, label) -> string -> its places in the text, as "start:end", "" where there is none.
Places = Mapping[tuple[str, str], Mapping[str, Iterable[str]]]
#: Record -> string -> its types, in the gold and in the answers.
Types = dict[str, tuple[dict[str, str], dict[str, str]]]

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
    #: Examples of every kind of mistake and label; 0 lists no mistakes.
    examples: int = 0
    #: Count relations by the types of their ends, too.
    strict: bool = False


class Row(NamedTuple):
    """One label batch of a record, asked and answered."""

    gold: str
    #: The model's text; None where there is none.
    answer: str | None
    #: The keys of the labels asked and how the output calls them, where the two differ (SPO).
    labels: Sequence[str] = ()
    shown: Sequence[str] = ()
    record_id: str = ""


@dataclass
class Group:
    """The counts of one task, dataset and split.

    With `places`, entities are compared by place. With `types`, the group of NER stores the types
    of entities there, and the group of RE also has the measure `strict`.
    """

    task: str
    #: The dictionary of hard negatives.
    near: InitVar[Mapping[str, Sequence[str]] | None] = None
    #: The folder of the corpus.
    config: str = ""
    places: Places | None = None
    types: Types | None = None

    def __post_init__(self, near: Mapping[str, Sequence[str]] | None) -> None:
        self.measures = MEASURES[self.task]
        if self.task == "RE" and self.types is not None:
            self.measures = (*self.measures, "strict")
        self.rows: Counter[str] = Counter()
        #: Reason -> answers that could not be read.
        self.unreadable: Counter[str] = Counter()
        #: Per measure: counts -> how many records have them.
        self.records: list[Counter[Counts]] = [Counter() for _ in self.measures]
        #: Per measure: (counts of this model, of another) -> how many records have them.
        self.pairs: list[Counter[tuple[Counts, Counts]]] = [Counter() for _ in self.measures]
        #: Per measure: label -> counts.
        self.labels = [defaultdict[str, list[int]](lambda: [0, 0, 0]) for _ in self.measures]
        self.mistakes = mistakes.Mistakes(near or {})


def normal(string: str) -> str:
    """A string without the differences that `normalize` ignores."""
    folded = " ".join(unicodedata.normalize("NFKC", string).lower().split())
    return _ARTICLES.sub("", folded)


def add_record(group: Group, rows: Iterable[Row], options: Options) -> list[Counts]:
    """Count one record; `rows` are its label batches in the order in which they were asked.

    Returns the counts of every measure.
    """
    totals = [[0, 0, 0] for _ in group.measures]
    asked: set[str] = set()
    earlier: dict[str, tuple[list[Any], list[Any]]] = {}
    compared: list[tuple[str, list[Any], list[Any]]] = []
    record_id = ""
    for row in rows:
        gold: dict[str, Any] = orjson.loads(row.gold)
        answer = _answer(group, row, gold, normalize=options.normalize)
        record_id = row.record_id
        for label, gold_value in gold.items():
            value = answer.pop(label, None)
            if not gold_value and not value:
                continue
            asks_new, asked_before = _asked(label, row, asked)
            if not asks_new:
                continue
            of_gold = _read(group, gold_value, assertions.IN_GOLD, options)
            of_answer = of_gold
            if group.places is not None:
                of_gold, of_answer = _by_place(group, row, label, of_gold, value, options)
            elif value != gold_value:
                of_answer = _read(group, value, _nothing(of_gold), options, malformed=True)
            if row.shown:
                of_gold, of_answer = _without_earlier(
                    earlier, label, of_gold, of_answer, asked_before=asked_before
                )
            compared.append((label, of_gold, of_answer))
        asked.update(row.labels or gold)
        for value in answer.values():
            stray = _read(group, value, assertions.IN_ANSWERS, options, malformed=True)
            group.rows["answers_not_asked"] += len(stray)
            compared.append((NOT_ASKED, [], stray))
    group.rows["records"] += 1
    if group.types is not None:
        _type(group, record_id, compared)
    left = [_count(group, *entry, totals, options.match) for entry in compared]
    if options.examples:
        pairs = zip(compared, left, strict=True)
        sides = ((label, gold, *rest) for (label, gold, _), rest in pairs)
        group.mistakes.add(record_id, _by_label(group, sides), options.examples)
    counts = [(total[0], total[1], total[2]) for total in totals]
    for records, of_record in zip(group.records, counts, strict=True):
        records[of_record] += 1
    return counts


def _by_label(group: Group, compared: Iterable[tuple[Any, ...]]) -> dict[str, mistakes.Sides]:
    """Sides by label, without the annotations of `strict`, which repeat the mistakes of others."""
    typed = len(group.measures) > len(MEASURES[group.task])
    by_label = defaultdict[str, mistakes.Sides](lambda: ([], [], []))
    for label, *sides in compared:
        for side, items in zip(by_label[label], sides, strict=True):
            side += [item for item in items if not (typed and item[0])]
    return by_label


def _type(group: Group, record_id: str, compared: list[tuple[str, list[Any], list[Any]]]) -> None:
    """Store the types of the entities of NER, or add the relations of RE with the types of ends."""
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    if group.task == "NER":
        assert group.types is not None
        for label, *both in sorted(compared):
            for types, annotations in zip(sides, both, strict=True):
                for _, (string, *_) in annotations:
                    types[string] = f"{types.get(string, '')}/{label}"
        group.types[record_id] = sides
    elif "strict" in group.measures:
        assert group.types is not None
        sides = group.types.get(record_id, sides)
        for number, (label, *both) in enumerate(compared):
            gold, predicted = (
                [*side, *((1, (*ends, *(types.get(end, "") for end in ends))) for _, ends in side)]
                for types, side in zip(sides, both, strict=True)
            )
            compared[number] = (label, gold, predicted)


def _by_place(
    group: Group, row: Row, label: str, gold: list[Any], value: Any, options: Options
) -> tuple[list[Any], list[Any]]:
    """The entities of the gold and of a value as (string, place)."""
    assert group.places is not None
    known: dict[str, list[Any]] = {}
    for string, places in group.places.get((row.record_id, label), {}).items():
        entities = known.setdefault(normal(string) if options.normalize else string, [])
        entities += [(0, (string, place)) for place in places]
    if strange := [string for _, (string,) in gold if string not in known]:
        what = f"the records beside the corpus do not hold the {label} {strange[0]!r}"
        todo = "score against the corpus of a whole run with --match span"
        raise RawFileError(what, where=row.record_id, todo=todo)
    of_gold = [item for _, (string,) in gold for item in known[string]]
    of_answer = []
    for item in assertions.placed(value, _nothing(gold)):
        if item is None:
            group.rows["malformed_items"] += 1
            continue
        string, place = item
        if place:
            there = [entity for entity in of_gold if entity[1][1] == place][:1]
        else:
            there = known.get(normal(string) if options.normalize else string, [])
        of_answer += there or [(0, item)]
    return of_gold, of_answer


def _answer(group: Group, row: Row, gold: dict[str, Any], *, normalize: bool) -> dict[str, Any]:
    """The predicted object; counts whether the text was missing, unreadable or repaired."""
    group.rows["rows"] += 1
    if row.answer == row.gold:
        return {**gold}
    parsed = parse(row.answer, gold)
    if parsed is None:
        group.rows["missing" if row.answer is None else "parse_failures"] += 1
        if row.answer is not None:
            group.unreadable[reason(row.answer)] += 1
        return {}
    if not parsed.strict:
        group.rows["repaired"] += 1
    answer = {**parsed.value}
    if normalize:
        names = {normal(key): key for key in reversed(gold)}
        answer = merged([(names.get(normal(k), k), value) for k, value in answer.items()])
    group.rows["nothing_asked"] += bool(answer) and answer.keys().isdisjoint(gold)
    return answer


def _asked(label: str, row: Row, asked: set[str]) -> tuple[bool, bool]:
    """(whether the row asks something new under this label, whether it repeats something)."""
    if not row.shown:
        return label not in asked, False
    again = [key in asked for key, name in zip(row.labels, row.shown, strict=True) if name == label]
    return not all(again), any(again)


def _nothing(gold: list[Any]) -> frozenset[str]:
    """The strings that stand for nothing in an answer, except those that the gold holds."""
    if not gold:
        return assertions.IN_ANSWERS
    return assertions.IN_ANSWERS.difference(string for _, strings in gold for string in strings)


def _read(
    group: Group, value: Any, nothing: frozenset[str], options: Options, *, malformed: bool = False
) -> list[Any]:
    """The annotations of a value; `malformed` counts the items that are not annotations."""
    if not value:
        return []
    items = [*assertions.READERS[group.task](value, nothing)]
    readable = [item for item in items if item is not None]
    if malformed:
        group.rows["malformed_items"] += len(items) - len(readable)
    if options.normalize:
        readable = [(measure, (*map(normal, strings),)) for measure, strings in readable]
    return readable


def _without_earlier(
    earlier: dict[str, tuple[list[Any], list[Any]]],
    label: str,
    gold: list[Any],
    predicted: list[Any],
    *,
    asked_before: bool,
) -> tuple[list[Any], list[Any]]:
    """The annotations of a predicate, without those of its signatures that were asked before."""
    before = earlier.get(label, ([], []))
    earlier[label] = (before[0] + gold, before[1] + predicted)
    if not asked_before:
        return gold, predicted
    new = [
        Counter(now) - Counter(then) for now, then in zip((gold, predicted), before, strict=True)
    ]
    return [*new[0].elements()], [*new[1].elements()]


def _count(
    group: Group,
    label: str,
    gold: list[Any],
    predicted: list[Any],
    totals: list[list[int]],
    match: Match,
) -> tuple[list[Any], list[Any]]:
    """Count the annotations of a label; return (those of the gold missed, those wrong)."""
    if match == "set":
        gold, predicted = [*dict.fromkeys(gold)], [*dict.fromkeys(predicted)]
    left = [] if gold == predicted else [*gold]
    wrong = []
    for annotation in predicted if gold != predicted else ():
        if annotation in left:
            left.remove(annotation)
        else:
            wrong.append(annotation)
    if match == "overlap":
        for annotation in [*wrong]:
            near = next((other for other in left if mistakes.overlap(annotation, other)), None)
            if near is not None:
                left.remove(near)
                wrong.remove(annotation)
    # Every correct annotation matches one of the gold of the same measure.
    for measure, of_measure in enumerate(totals):
        sizes = [
            len(items) if len(totals) == 1 else sum(number == measure for number, _ in items)
            for items in (gold, left, predicted)
        ]
        for sums in (of_measure, group.labels[measure][label]) if any(sizes) else ():
            for column, number in enumerate((sizes[0] - sizes[1], sizes[2], sizes[0])):
                sums[column] += number
    return left, wrong
