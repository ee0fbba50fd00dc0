"""The labels that an export asks, where its format has room for negatives.

Train records are asked for sets of near labels, as in the instructions. A row asks one set. The
labels in a record decide how many sets, and which, are asked of it. Dev and test records are asked
for the whole inventory, that of their split where splits differ.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np

from pipeline import tasks
from pipeline.catalog import Dataset
from pipeline.exports import Source, records, tables
from pipeline.instruct import confusable
from pipeline.instruct.asking import Asking, labels_held, sets_to_ask
from pipeline.negatives import interchange

#: Kind of prompt -> the tasks that it serves. Typed relations are asked as relations, triggers
#: alone as events without roles.
_PROMPTS: Final = {"NER": {"NER"}, "RE": {"RE", "SPO", "KG"}, "EE": {"EE", "EET"}}
Record = dict[str, Any]


class LabelSets:
    """The inventory of a dataset's task in one split, and the sets that train records are asked."""

    #: Whether to ask only the labels in a text, because absent ones may not have been annotated.
    only_present = False

    def __init__(self, source: Source, dataset: Dataset, task: str, split: str) -> None:
        kept = (table for _, table in tables(source, dataset, [split]))
        self.inventory = tasks.asked(dataset, task, kept)
        path = source.folder / "negatives" / dataset.id / interchange.NAME
        near = interchange.dictionary_of(path).get(task, {}) if path.is_file() else {}
        asking = source.asking
        #: Event -> roles; empty where a dataset declares triggers alone.
        with_roles = task == "EE" and {"EE", "EEA"} & {*dataset.tasks}
        self.roles = dataset.roles_of() if with_roles else {}
        self.entities = dataset.labels_of("entity")
        self.seed = asking.seed
        asked = Asking(dataset, task, split, self.inventory, near, asking)
        self.only_present = asked.way not in ("text", "sure")
        held_by_table = [
            labels_held(table, asked)
            for _, table in tables(source, dataset, [split] if self.inventory else [])
        ]
        self.sets = held_by_table and sets_to_ask(asked, held_by_table)

    def rows(self, record_id: str, positives: Collection[str], split: str) -> list[list[str]]:
        """The labels to ask of a record, row by row."""
        if self.only_present:
            return [[label for label in self.inventory if label in positives]]
        if split != "train" or not self.sets:
            return [self.inventory]
        positive = np.array([[label in positives for label in self.inventory]])
        batches = confusable.asked(self.sets, positive, [record_id], self.seed)
        return [[self.inventory[code] for code in row] for row in batches.labels.tolist()]

    def absent(self, record_id: str, positives: Collection[str], split: str) -> list[str]:
        """The absent labels to ask one by one, in the order of the inventory."""
        asked = {label for row in self.rows(record_id, positives, split) for label in row}
        return [label for label in self.inventory if label in asked and label not in positives]


def records_and_labels(
    source: Source, wanted: Collection[str], counts: Counter[str]
) -> Iterator[tuple[Dataset, str, Any, dict[str, LabelSets]]]:
    """(dataset, split, table of RECORDS, task -> labels to ask) of datasets with a wanted task."""
    parts = records(source, wanted, counts)
    for (dataset, split), of_split in groupby(parts, key=itemgetter(0, 1)):
        asked = {
            prompt: LabelSets(source, dataset, prompt, split)
            for prompt, prompt_tasks in _PROMPTS.items()
            if prompt_tasks & {*dataset.tasks}
        }
        for _, _, table in of_split:
            yield dataset, split, table, asked


def parts(
    record: Record, asked: Mapping[str, LabelSets]
) -> Iterator[tuple[Record, dict[str, Any]]]:
    """(record with the annotations of a row, task -> labels that the row asks), for every row.

    Relations are asked set by set, with all entity labels; entities set by set where there are no
    relations to ask; events in separate rows.
    """
    present = {
        "NER": {mention["label"] for mention in record["mentions"]},
        "RE": {relation["label"] for relation in record["relations"]},
        "EE": {event["label"] for event in record["events"]},
    }
    for task, sets in asked.items():
        if task == "NER" and "RE" in asked:
            continue
        for labels in sets.rows(record["id"], present[task], record["split"]):
            row = {"NER": sets.entities, "RE": labels} if task == "RE" else {task: labels}
            yield _only(record, row), row


def _only(record: Record, asked: Mapping[str, Sequence[str]]) -> Record:
    """A record with the annotations that are asked; the ends of relations keep their types."""
    keep = {task: {*labels} for task, labels in asked.items()}
    entities = keep.get("NER", set())
    return {
        **record,
        "mentions": [
            mention if "RE" in keep or mention["label"] in entities else {**mention, "label": None}
            for mention in record["mentions"]
        ],
        "relations": [r for r in record["relations"] if r["label"] in keep.get("RE", ())],
        "events": [e for e in record["events"] if e["label"] in keep.get("EE", ())],
    }
