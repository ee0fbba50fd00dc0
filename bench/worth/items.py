"""What is classified: given pairs (RE) or triggers (EET) of a run's records, with their labels.

Records are train records, or those of dev where the run has no train split; and test records.
Of both a number is taken by hash, and of each record at most so many pairs or triggers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline import catalog, tasks
from pipeline.dedupe.tags import kept
from pipeline.execution import shards
from pipeline.hashing import hashes, mix64
from pipeline.negatives import interchange

#: Set -> the task asked of it.
SETS = {"kbp37": "RE", "re-docred": "RE", "nyt": "RE", "rams": "EET", "casie": "EET"}
#: At most so many train and test records of a set, characters of either, and items of a record.
MOST_TRAIN, MOST_TEST, MOST_CHARACTERS, MOST_ITEMS = 1500, 1000, 700_000, 12
_CHOSEN = np.uint64(0x574F)


class Part(NamedTuple):
    """Records and the items in them.

    `spans` holds for every item its (start, end) in the text of record `owner`: two of a pair, one
    of a trigger. `gold` is items x labels, bool.
    """

    ids: list[str]
    texts: list[str]
    spans: list[tuple[tuple[int, int], ...]]
    owner: np.ndarray
    gold: np.ndarray

    def positive(self) -> np.ndarray:
        """Which labels each record holds: records x labels, bool."""
        found = np.zeros((len(self.ids), self.gold.shape[1]), bool)
        np.logical_or.at(found, self.owner, self.gold)
        return found

    def only(self, records: np.ndarray) -> tuple[Part, np.ndarray]:
        """The part with these records (bool) alone, and which items (bool) those have."""
        items = records[self.owner]
        number = np.cumsum(records) - 1
        chosen = np.flatnonzero(records)
        part = Part(
            [self.ids[n] for n in chosen],
            [self.texts[n] for n in chosen],
            [self.spans[n] for n in np.flatnonzero(items)],
            number[self.owner[items]],
            self.gold[items],
        )
        return part, items


class Set(NamedTuple):
    """One dataset and task: its labels, what is near to what, and its records.

    `called` are the names of the labels in the source; `near` is label -> near labels, best first.
    """

    name: str
    task: str
    labels: list[str]
    called: list[str]
    near: dict[str, list[str]]
    split: str
    train: Part
    test: Part


def load(run, name: str) -> Set:
    """A set from the folder of a finished `iepile run`."""
    dataset, task = catalog.load(name), SETS[name]
    labels = tasks.inventory(dataset, task)
    called = tasks.sources(dataset, task)
    near = interchange.dictionary_for(dataset, run / "negatives")
    parts = {
        split: _part(run, name, task, labels, split, most)
        for split, most in (("train", MOST_TRAIN), ("dev", MOST_TRAIN), ("test", MOST_TEST))
    }
    split = "train" if parts["train"].ids else "dev"
    return Set(
        name,
        task,
        labels,
        [called.get(label, label) for label in labels],
        near["EE" if task == "EET" else task],
        split,
        parts[split],
        parts["test"],
    )


def _part(run, name: str, task: str, labels: list[str], split: str, most: int) -> Part:
    paths = shards.record_shards(run / "clean" / name, (split,))
    tables = [kept(path, run / "dedupe" / name) for _, path in paths]
    records = pa.concat_tables(tables).to_pylist() if tables else []
    return part_of(records, task, labels, most)


def part_of(records: list[dict[str, Any]], task: str, labels: list[str], most: int) -> Part:
    """The items of `most` records that have any, in their order; fewer where texts are long."""
    found = [(record, _items(record, task)) for record in records]
    found = [(record, items) for record, items in found if items]
    keys = mix64(hashes([record["id"] for record, _ in found]) ^ _CHOSEN)
    order = np.argsort(keys, kind="stable")[:most]
    length = np.cumsum([len(found[n][0]["text"]) for n in order])
    found = [found[n] for n in np.sort(order[length <= MOST_CHARACTERS])]
    number = {label: n for n, label in enumerate(labels)}
    spans, owner, gold = [], [], []
    for row, (record, items) in enumerate(found):
        keys = mix64(hashes([f"{record['id']} {span}" for span in items]) ^ _CHOSEN)
        taken = [[*items][n] for n in np.sort(np.argsort(keys, kind="stable")[:MOST_ITEMS])]
        for span in taken:
            spans.append(span)
            owner.append(row)
            gold.append(np.isin(np.arange(len(labels)), [number[x] for x in items[span]]))
    return Part(
        [record["id"] for record, _ in found],
        [record["text"] for record, _ in found],
        spans,
        np.array(owner, np.int64),
        np.array(gold, bool).reshape(len(spans), len(labels)),
    )


def _items(record: dict[str, Any], task: str) -> dict[tuple, set[str]]:
    """Spans of an item -> its labels. A text of two mentions and no relation is a pair of none."""
    mentions = record["mentions"]
    if task == "RE":
        given = [((r["head"], r["tail"]), r["label"]) for r in record["relations"]]
    else:
        given = [((e["trigger"],), e["label"]) for e in record["events"]]
    if not given and task == "RE" and len(mentions) == 2:
        given = [((0, 1), None)]
    found: dict[tuple, set[str]] = {}
    for places, label in given:
        if None in places or any(mentions[n]["start"] is None for n in places):
            continue
        spans = tuple((mentions[n]["start"], mentions[n]["end"]) for n in places)
        found.setdefault(spans, set()).update({label} - {None})
    return found
