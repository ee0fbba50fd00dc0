"""The labels of all datasets on one map: which names mean the same, which name means two things.

Within a language and task every label is one vector: its name, its guideline, and strings that it
marks, each embedded over all labels of the map. One FAISS index finds the nearest labels. Names
that differ and are each other's nearest in two datasets mean the same. A name that two datasets
share means two things if one marks what the other, in its own texts, leaves or calls otherwise, and
more often than the one does so itself; or if neither guidelines nor strings are alike, and no text
shows that both mark the same.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import hstack

from pipeline.dedupe import tags
from pipeline.execution import shards
from pipeline.hashing import hashes, mix64
from pipeline.negatives.encoders import LENGTH, CorpusEncoder, nearest
from pipeline.negatives.evidence import gather
from pipeline.records import SPLITS
from pipeline.text import like

if TYPE_CHECKING:
    from pipeline.catalog import Dataset
    from pipeline.negatives.overrides import Pair

#: Strings kept of each label, and texts of each dataset in which those of others are looked for.
_STRINGS, _TEXTS = 60, 1000
#: Task -> the task under which its labels stand on the map.
KINDS: Final = {"NER": "NER", **dict.fromkeys(("RE", "SPO", "KG"), "RE")} | dict.fromkeys(
    ("EE", "EET", "EEA"), "EE"
)
#: Part -> its share in the vector of a label.
_SHARES: Final = {"name": 0.3, "guideline": 0.3, "mentions": 0.4}
_NEAREST: Final = 12
#: From which similarity on labels of different names mean the same.
ALIKE: Final = 0.35
#: A name means two things if the other does not mark at least so many places with strings of the
#: one, and this share of them, and marks less than this share of what the one marks of its own.
_PLACES, _LEFT, _OWN = 5, 0.5, 0.5
#: Or if guidelines (by language) and strings are less alike than this. So many places of which both
#: mark most speak against it.
_UNLIKE: Final = {"en": 0.1, "zh": 0.2}
_STRINGS_UNLIKE, _AGREED = 0.3, 3
#: Words, or Chinese characters, of the longest string that is looked for.
_LONGEST: Final = {"en": 4, "zh": 8}
_UNIT: Final = {"en": re.compile(r"\w+"), "zh": re.compile(r"\S")}
_EXAMPLES: Final = 5
#: (string, "marked" by the label of that name, "left", or marked by another label) -> places.
_Places = Counter[tuple[str, str]]


class Label(NamedTuple):
    """A label of a dataset: what it is said to mean, and strings that it marks."""

    dataset: str
    task: str
    name: str
    guideline: str
    strings: list[str]


class Labels(NamedTuple):
    """The labels of one dataset, and for each task some texts: (text, string -> its labels)."""

    language: str
    labels: list[Label]
    texts: dict[str, list[tuple[str, dict[str, list[str]]]]]
    #: The tasks of which a string that is not marked has no label.
    complete: frozenset[str]


def gathered(dataset: Dataset, clean: Path, dedupe: Path | None) -> Labels:
    """The labels of a dataset with strings and texts drawn by hash."""
    tasks = [*dict.fromkeys(KINDS[task] for task in dataset.tasks)]
    labels = [
        Label(
            dataset.id,
            evidence.task,
            name,
            dataset.descriptions.get(name, ""),
            # Of an event the trigger alone, of a relation both ends.
            [*dict.fromkeys(s for e in examples for s in e.mentions[: _ENDS[evidence.task]])],
        )
        for evidence in gather(dataset, tasks, clean, dedupe, _STRINGS)
        for name, examples in zip(evidence.labels, evidence.examples, strict=True)
    ]
    table = _drawn(clean, dedupe)
    texts = {task: [*_marked(table, task)] for task in tasks if task != "RE"}
    partial = {KINDS[t] for t, part in dataset.coverage.items() if part != "complete"}
    return Labels(dataset.language, labels, texts, frozenset(tasks) - partial)


_ENDS: Final = {"NER": 1, "RE": 2, "EE": 1}


def _drawn(clean: Path, dedupe: Path | None) -> Any:
    """Some kept records of the first split that has any, those of the lowest hashes."""
    columns = ("id", "text", "mentions", "events", "dropped")
    for split in SPLITS:
        lowest = None
        for _, path in shards.record_shards(clean, [split]):
            table = tags.kept(path, dedupe, columns)
            table = table if lowest is None else pa.concat_tables([lowest, table])
            keys = mix64(hashes(table["id"].to_pylist()))
            lowest = table.take(pa.array(np.sort(np.argsort(keys, kind="stable")[:_TEXTS])))
        if lowest is not None and lowest.num_rows:
            return lowest
    return None


def _marked(table: Any, task: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for record in [] if table is None else table.to_pylist():
        mentions = record["mentions"]
        marked: dict[str, list[str]] = {}
        for mention in mentions if task == "NER" else ():
            if mention["label"]:
                marked.setdefault(mention["text"], []).append(mention["label"])
        for event in record["events"] if task == "EE" else ():
            if event["trigger"] is not None:
                marked.setdefault(mentions[event["trigger"]]["text"], []).append(event["label"])
        yield record["text"], marked


def compared(datasets: Mapping[str, Labels], pairs: Sequence[Pair] = ()) -> dict[str, Any]:
    """What all labels of all datasets say of each other, by dataset id: `same` and `conflicts`.

    `pairs` are those that a person joined or parted, whatever the map says.
    """
    result: dict[str, Any] = {"same": [], "conflicts": []}
    for language in sorted({x.language for x in datasets.values()}):
        sets = {id_: x for id_, x in sorted(datasets.items()) if x.language == language}
        for task in ("NER", "RE", "EE"):
            labels = [x for each in sets.values() for x in each.labels if x.task == task]
            if len(labels) > 1:
                place = Map(labels)
                about = {"language": language, "task": task}
                by_hand = [*place.by_hand(pair for pair in pairs if pair.task == task)]
                left = _left(sets, task, labels)
                conflicts = place.conflicts(left, _UNLIKE[like(language)])
                for key, entries in (("same", place.same()), ("conflicts", conflicts)):
                    result[key] += [about | pair for pair in _judged(key, entries, by_hand)]
    result["same"].sort(key=lambda pair: (-pair["similarity"], pair["a"], pair["b"]))
    result["conflicts"].sort(
        key=lambda pair: (-pair["left"], pair["similarity"], pair["a"], pair["b"])
    )
    return result


class Map:
    """Labels of one language and task as vectors, in one index."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self.labels = labels
        bags = {
            "name": [[x.name] for x in labels],
            "guideline": [[x.guideline] if x.guideline else [] for x in labels],
            "mentions": [x.strings for x in labels],
        }
        encoder = CorpusEncoder(chain.from_iterable(chain.from_iterable(bags.values())))
        # Integers, whose inner products are exact in float32.
        self.parts = {
            part: (encoder.embed(bag) * (LENGTH * _SHARES[part] ** 0.5)).rint()
            for part, bag in bags.items()
        }

    def similarity(self, first: Any, second: Any, parts: Sequence[str] = (*_SHARES,)) -> Any:
        """Cosines of pairs over the parts that both have, in the mean of their shares."""
        total, shares = np.zeros(len(first)), np.zeros(len(first))
        for part in parts:
            rows = self.parts[part]
            there = np.diff(rows.indptr) > 0
            inner = np.asarray((rows[first] * rows[second]).sum(axis=1)).ravel() / LENGTH**2
            both = there[first] & there[second]
            total += np.where(both, inner, 0)
            shares += np.where(both, _SHARES[part], 0)
        return np.round(total / np.where(shares == 0, 1, shares), 4)

    def same(self) -> Iterator[dict[str, Any]]:
        """Labels of different names and datasets that are each other's nearest in those."""
        near = nearest(hstack([*self.parts.values()]).toarray(), _NEAREST + 1)
        first, second = np.repeat(np.arange(len(near)), near.shape[1]), near.ravel()
        first, second = first[first != second], second[first != second]
        score = self.similarity(first, second)
        best: dict[tuple[int, str], tuple[float, int]] = {}
        for a, b, s in zip(first.tolist(), second.tolist(), score.tolist(), strict=True):
            key = (a, self.labels[b].dataset)
            best[key] = max(best.get(key, (-1.0, 0)), (s, -b))
        for (a, dataset), (s, b) in sorted(best.items()):
            one, other = self.labels[a], self.labels[-b]
            back = best.get((-b, one.dataset))
            apart = one.dataset < dataset and _plain(one.name) != _plain(other.name)
            if apart and s >= ALIKE and back is not None and -back[1] == a:
                yield {**_pair(one, other), "similarity": s}

    def conflicts(self, left: defaultdict[Any, _Places], unlike: float) -> Iterator[dict[str, Any]]:
        """Labels of one name that mark different things.

        `left` is, by (label, dataset), what became of places of its strings there: see `_left`.
        Guidelines less alike than `unlike` may mean different things.
        """
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for n, label in enumerate(self.labels):
            groups[_plain(label.name)].append(n)
        pairs = [
            (a, b)
            for group in groups.values()
            for a, b in combinations(group, 2)
            if self.labels[a].dataset != self.labels[b].dataset
        ]
        first, second = np.array(pairs, np.int64).reshape(-1, 2).T
        alike = self.similarity(first, second, ("guideline", "mentions"))
        apart = self.apart(first, second, unlike)
        for (a, b), s, far in zip(pairs, alike.tolist(), apart.tolist(), strict=True):
            x, y = self.labels[a], self.labels[b]
            sides = [left[p.dataset, p.name, q.dataset, q.name] for p, q in ((x, y), (y, x))]
            alone = [left[(p.dataset, p.name) * 2] for p in (x, y)]
            shares = [_share(*pair) for pair in zip(sides, alone, strict=True)]
            if max(shares) >= _LEFT or (far and not any(map(_agreed, sides))):
                yield {
                    **_pair(x, y),
                    "similarity": s,
                    "left": max(shares),
                    "left_by_b": _told(sides[0]),
                    "left_by_a": _told(sides[1]),
                }

    def by_hand(self, pairs: Iterable[Pair]) -> Iterator[tuple[str, dict[str, Any]]]:
        """("same" or "conflicts", entry) of the pairs whose labels are on this map."""
        number = {(x.dataset, x.name): n for n, x in enumerate(self.labels)}
        for pair in pairs:
            at = sorted(number[key] for key in map(tuple, pair.labels) if key in number)
            if len(at) == len(pair.labels):
                entry = _pair(*(self.labels[n] for n in at)) | {"reason": pair.reason}
                entry["similarity"] = float(self.similarity(*np.array(at)[:, None])[0])
                if pair.verdict == "part":
                    entry |= {"left": 0.0, "left_by_b": [], "left_by_a": []}
                yield "same" if pair.verdict == "join" else "conflicts", entry

    def apart(self, first: Any, second: Any, unlike: float) -> Any:
        """Of which pairs neither guidelines nor strings are alike; both labels must have both."""
        there = np.ones(len(first), bool)
        for part in ("guideline", "mentions"):
            has = np.diff(self.parts[part].indptr) > 0
            there &= has[first] & has[second]
        guidelines = self.similarity(first, second, ["guideline"])
        strings = self.similarity(first, second, ["mentions"])
        return there & (guidelines < unlike) & (strings < _STRINGS_UNLIKE)


def _judged(
    key: str, entries: Iterable[dict[str, Any]], by_hand: Sequence[tuple[str, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """The pairs without those that a person judged, then those judged to be `key`."""
    judged = [(entry["a"], entry["b"]) for _, entry in by_hand]
    left = [entry for entry in entries if (entry["a"], entry["b"]) not in judged]
    return left + [entry for verdict, entry in by_hand if verdict == key]


def qualified(conflicts: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(dataset id, kind of task) of the labels in conflict."""
    return {(pair[side][0], pair["task"]) for pair in conflicts for side in "ab"}


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _pair(a: Label, b: Label) -> dict[str, Any]:
    return {
        "a": [a.dataset, a.name],
        "b": [b.dataset, b.name],
        "strings": [a.strings[:_EXAMPLES], b.strings[:_EXAMPLES]],
    }


def _marked_of(places: _Places) -> tuple[int, int]:
    """(places, those that are marked by the label of that name)."""
    return places.total(), sum(n for (_, how), n in places.items() if how == "marked")


def _share(side: _Places, home: _Places) -> float:
    """The share of places that are not marked by the label of that name.

    0 for few places, or where its own dataset, `home`, marks hardly more of its places.
    """
    whole, marked = _marked_of(side)
    home_whole, home_marked = _marked_of(home)
    more = marked * home_whole < _OWN * home_marked * whole
    return round((whole - marked) / whole, 3) if whole - marked >= _PLACES and more else 0.0


def _agreed(side: _Places) -> bool:
    """Whether some places speak for one meaning: both mark most of them."""
    whole, marked = _marked_of(side)
    return marked >= _AGREED and 2 * marked >= whole


def _told(side: _Places) -> list[list[Any]]:
    """[string, "left" or its label, times] of the most frequent that are not marked."""
    gone = [(n, s, how) for (s, how), n in side.items() if how != "marked"]
    return [[s, how, n] for n, s, how in sorted(gone, key=lambda x: (-x[0], x[1:]))[:_EXAMPLES]]


def _left(
    sets: Mapping[str, Labels], task: str, labels: Sequence[Label]
) -> defaultdict[Any, _Places]:
    """(dataset A, its label, dataset B, its label of that name) -> (string, how) -> places.

    Places are those in texts of B, or of A itself, of strings that A marks; `how` is "marked" where
    B's label of the same name does, "left" where nothing does, else the label that does.
    """
    counts: defaultdict[Any, _Places] = defaultdict(Counter)
    by_name: defaultdict[str, list[Label]] = defaultdict(list)
    for label in labels:
        by_name[_plain(label.name)].append(label)
    for dataset, its in sets.items():
        names = {_plain(x.name): x.name for x in its.labels if x.task == task}
        wanted: defaultdict[str, list[Label]] = defaultdict(list)
        for label in chain.from_iterable(by_name[name] for name in names):
            for string in label.strings:
                wanted[string].append(label)
        first_units = _first_units(wanted, its.language)
        for text, marked in its.texts.get(task, ()):
            for string in _strings(text, its.language, first_units) & wanted.keys():
                by = marked.get(string, [])
                if not by and any(
                    string in longer and string in _strings(longer, its.language, first_units)
                    for longer in marked
                ):  # a part of a longer one, which is no verdict
                    continue
                for label in wanted[string]:
                    if not by and task not in its.complete and label.dataset != dataset:
                        continue  # nobody looked for it there
                    name = names[_plain(label.name)]
                    how = "marked" if name in by else by[0] if by else "left"
                    counts[label.dataset, label.name, dataset, name][string, how] += 1
    return counts


def _first_units(strings: Iterable[str], language: str) -> dict[str, int]:
    """First word, or Chinese character, of strings -> the most units that one of them has."""
    pattern = _UNIT.get(language, _UNIT["en"])
    most: dict[str, int] = {}
    for string in strings:
        if units := pattern.findall(string):
            most[units[0]] = max(most.get(units[0], 0), len(units))
    return most


def _strings(text: str, language: str, first_units: Mapping[str, int]) -> set[str]:
    """All strings of whole units in a text that begin as some string that is looked for does."""
    longest = _LONGEST.get(language, _LONGEST["en"])
    units = [*_UNIT.get(language, _UNIT["en"]).finditer(text)]
    ends = [unit.end() for unit in units]
    return {
        text[unit.start() : end]
        for n, unit in enumerate(units)
        if (most := first_units.get(unit[0]))
        for end in ends[n : n + min(most, longest)]
    }
