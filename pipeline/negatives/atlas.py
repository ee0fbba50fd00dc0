"""The labels of all datasets on one map: which names mean the same, which name means two things.

Within a language and task every label is one vector: its name, its guideline, and strings that it
marks, each embedded over all labels of the map. One FAISS index finds the nearest labels. Names
that differ and are each other's nearest in two datasets mean the same. A name that two datasets
share means two things if one marks what the other, in its own texts, leaves or calls otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import hstack

from pipeline.dedupe import tags
from pipeline.hashing import hashes, mix64
from pipeline.negatives.encoders import CorpusEncoder
from pipeline.negatives.evidence import gather
from pipeline.negatives.fusion import LENGTH
from pipeline.records import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

#: Strings kept of each label, and texts of each dataset in which those of others are looked for.
_STRINGS, _TEXTS = 60, 1000
#: Part -> its share in the vector of a label.
_SHARES: Final = {"name": 0.3, "guideline": 0.3, "mentions": 0.4}
_NEAREST: Final = 12
#: From which similarity on labels of different names mean the same.
ALIKE: Final = 0.35
#: A name means two things if at least so many places, and this share of all places with strings of
#: the one, are not marked by the other; or if guidelines and strings are less alike than this.
_PLACES, _LEFT, _UNLIKE = 5, 0.5, 0.02
#: Words, or Chinese characters, of the longest string that is looked for.
_LONGEST: Final = {"en": 4, "zh": 8}
_UNIT: Final = {"en": re.compile(r"\w+"), "zh": re.compile(r"\S")}
_EXAMPLES: Final = 5


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


def gathered(dataset: Dataset, clean: Path, dedupe: Path | None) -> Labels:
    """The labels of a dataset with strings and texts drawn by hash."""
    wanted = {"NER": "NER", "RE": "RE", "SPO": "RE", "EE": "EE", "EET": "EE"}
    tasks = [*dict.fromkeys(wanted[task] for task in dataset.tasks if task in wanted)]
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
    return Labels(dataset.language, labels, texts)


_ENDS: Final = {"NER": 1, "RE": 2, "EE": 1}


def _drawn(clean: Path, dedupe: Path | None) -> Any:
    """Some kept records of the first split that has any, those of the lowest hashes."""
    columns = ("id", "text", "mentions", "events", "dropped")
    for split in SPLITS:
        found = [tags.kept(path, dedupe, columns) for _, path in tags.record_shards(clean, [split])]
        if found and (table := pa.concat_tables(found)).num_rows:
            keys = mix64(hashes(table["id"].to_pylist()))
            return table.take(pa.array(np.sort(np.argsort(keys, kind="stable")[:_TEXTS])))
    return None


def _marked(table: Any, task: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for record in [] if table is None else table.to_pylist():
        mentions = record["mentions"]
        pairs = (
            ((m["text"], m["label"]) for m in mentions if m["label"])
            if task == "NER"
            else ((mentions[e["trigger"]]["text"], e["label"]) for e in _with_trigger(record))
        )
        own: dict[str, list[str]] = {}
        for text, label in pairs:
            own.setdefault(text, []).append(label)
        yield record["text"], own


def _with_trigger(record: Any) -> Iterator[Any]:
    return (event for event in record["events"] if event["trigger"] is not None)


def compared(found: Mapping[str, Labels]) -> dict[str, Any]:
    """What all labels of all datasets say of each other, by dataset id: `same` and `conflicts`."""
    result: dict[str, Any] = {"same": [], "conflicts": []}
    for language in sorted({own.language for own in found.values()}):
        sets = {name: own for name, own in sorted(found.items()) if own.language == language}
        for task in ("NER", "RE", "EE"):
            labels = [x for own in sets.values() for x in own.labels if x.task == task]
            if len(labels) > 1:
                place = Map(labels)
                about = {"language": language, "task": task}
                result["same"] += [about | pair for pair in place.same()]
                left = _left(sets, task, labels)
                result["conflicts"] += [about | pair for pair in place.conflicts(left)]
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
            part: (encoder.embed(own) * (LENGTH * _SHARES[part] ** 0.5)).rint()
            for part, own in bags.items()
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

    def nearest(self, most: int = _NEAREST) -> tuple[Any, Any]:
        """Pairs of labels of which the second is among the nearest of the first, by the index."""
        import faiss

        whole = np.ascontiguousarray(hstack([*self.parts.values()]).toarray(), np.float32)
        index = faiss.IndexFlatIP(whole.shape[1])
        index.add(whole)
        _, near = index.search(whole, min(most + 1, len(whole)))
        first = np.repeat(np.arange(len(whole)), near.shape[1])
        keep = first != near.ravel()
        return first[keep], near.ravel()[keep].astype(np.int64)

    def same(self) -> Iterator[dict[str, Any]]:
        """Labels of different names and datasets that are each other's nearest in those."""
        first, second = self.nearest()
        score = self.similarity(first, second)
        best: dict[tuple[int, str], tuple[float, int]] = {}
        for a, b, s in zip(first.tolist(), second.tolist(), score.tolist(), strict=True):
            key = (a, self.labels[b].dataset)
            best[key] = max(best.get(key, (-1.0, 0)), (s, -b))
        for (a, dataset), (s, b) in sorted(best.items()):
            own, other = self.labels[a], self.labels[-b]
            back = best.get((-b, own.dataset))
            apart = own.dataset < dataset and _plain(own.name) != _plain(other.name)
            if apart and s >= ALIKE and back is not None and -back[1] == a:
                yield {**_pair(own, other), "similarity": s}

    def conflicts(self, left: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
        """Labels of one name that mark different things.

        `left` is, by (label, dataset), what became of places of its strings there: see `_left`.
        """
        groups: dict[str, list[int]] = {}
        for n, label in enumerate(self.labels):
            groups.setdefault(_plain(label.name), []).append(n)
        for own in groups.values():
            pairs = [(a, b) for i, a in enumerate(own) for b in own[i + 1 :]]
            pairs = [(a, b) for a, b in pairs if self.labels[a].dataset != self.labels[b].dataset]
            if not pairs:
                continue
            first, second = np.array(pairs).T
            alike = self.similarity(first, second, ("guideline", "mentions"))
            for a, b, s in zip(first.tolist(), second.tolist(), alike.tolist(), strict=True):
                x, y = self.labels[a], self.labels[b]
                sides = [
                    left.get((p.dataset, p.name, q.dataset, q.name)) for p, q in ((x, y), (y, x))
                ]
                shares = [_share(side) for side in sides]
                if max(shares) >= _LEFT or s < _UNLIKE:
                    yield {
                        **_pair(x, y),
                        "similarity": s,
                        "left": max(shares),
                        "left_by_b": _told(sides[0]),
                        "left_by_a": _told(sides[1]),
                    }


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _pair(a: Label, b: Label) -> dict[str, Any]:
    return {
        "a": [a.dataset, a.name],
        "b": [b.dataset, b.name],
        "strings": [a.strings[:_EXAMPLES], b.strings[:_EXAMPLES]],
    }


def _share(side: Counter[tuple[str, str]] | None) -> float:
    """The share of places that are not marked by the label of that name; 0 for few places."""
    if side is None:
        return 0.0
    whole = side.total()
    gone = whole - sum(n for (_, how), n in side.items() if how == "marked")
    return round(gone / whole, 3) if gone >= _PLACES else 0.0


def _told(side: Counter[tuple[str, str]] | None) -> list[list[Any]]:
    """[string, "left" or its label, times] of the most frequent that are not marked."""
    gone = [(n, s, how) for (s, how), n in (side or {}).items() if how != "marked"]
    return [[s, how, n] for n, s, how in sorted(gone, key=lambda x: (-x[0], x[1:]))[:_EXAMPLES]]


def _left(sets: Mapping[str, Labels], task: str, labels: Sequence[Label]) -> dict[Any, Any]:
    """(dataset A, its label, dataset B, its label of that name) -> (string, how) -> places.

    Places are those in texts of B of strings that A marks; `how` is "marked" where B's label of
    the same name does, "left" where nothing does, else the label that does.
    """
    counts: dict[Any, Counter[tuple[str, str]]] = {}
    by_name: dict[str, list[Label]] = {}
    for label in labels:
        by_name.setdefault(_plain(label.name), []).append(label)
    for dataset, own in sets.items():
        names = {_plain(x.name): x.name for x in own.labels if x.task == task}
        wanted: dict[str, list[Label]] = {}
        for label in chain.from_iterable(by_name.get(name, ()) for name in names):
            if label.dataset != dataset:
                for string in label.strings:
                    wanted.setdefault(string, []).append(label)
        first_units = _first_units(wanted, own.language)
        for text, marked in own.texts.get(task, ()):
            for string in _strings(text, own.language, first_units) & wanted.keys():
                by = marked.get(string, [])
                if not by and any(
                    string in longer and string in _strings(longer, own.language, first_units)
                    for longer in marked
                ):  # a part of a longer one, which is no verdict
                    continue
                for label in wanted[string]:
                    name = names[_plain(label.name)]
                    how = "marked" if name in by else by[0] if by else "left"
                    key = (label.dataset, label.name, dataset, name)
                    counts.setdefault(key, Counter())[string, how] += 1
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
