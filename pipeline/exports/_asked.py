"""Which absent labels an export asks, where its format has room for negatives.

Train records are asked as the instructions are: the near labels of every positive, and a few others
chosen by the hash of record and label. Dev and test records are asked for the whole inventory, of
their split where splits differ.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from pipeline import hashing, tasks
from pipeline.dictionary import interchange
from pipeline.exports import kept_tables

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.exports import Source

#: What a model is prompted with -> the tasks that say so.
_PROMPTED: Final = {
    "NER": {"NER"},
    "RE": {"RE", "SPO", "KG"},
    "EE": {"EE", "EET"},
}
#: How many absent labels are asked besides the near ones.
OTHERS = 4


class Negatives:
    """The inventory of a dataset's task in one split, with the near labels of each label."""

    def __init__(self, source: Source, dataset: Dataset, task: str, split: str) -> None:
        records = (table for _, table in kept_tables(source, dataset, [split]))
        self.inventory = tasks.asked(dataset, task, records)
        path = source.folder / "negatives" / dataset.id / interchange.NAME
        self.near = _read(path).get(task, {}) if path.is_file() else {}
        #: Event -> roles; empty where a dataset declares triggers alone.
        whole = task == "EE" and {"EE", "EEA"} & {*dataset.tasks}
        self.roles = dataset.roles_of() if whole else {}

    def hard(self, positives: Collection[str]) -> list[str]:
        """The near labels of the positives that are not there, in the order of the inventory."""
        found = {n for p in positives for n in self.near.get(p, ())} - {*positives}
        return [label for label in self.inventory if label in found]

    def chosen(self, record_id: str, positives: Collection[str], split: str) -> list[str]:
        """The absent labels to ask: near ones first, in train with a few others."""
        hard = self.hard(positives)
        known = {*hard, *positives}
        rest = [label for label in self.inventory if label not in known]
        if split != "train" or len(rest) <= OTHERS:
            return hard + rest
        keys = hashing.priorities([record_id], rest, 0)[0].tolist()
        return hard + [rest[i] for i in sorted(range(len(rest)), key=keys.__getitem__)[:OTHERS]]


def negatives_of(source: Source, dataset: Dataset, split: str) -> dict[str, Negatives]:
    """Task -> inventory and near labels, for the tasks whose labels a model is prompted with.

    Typed relations (SPO, KG) are asked as relations, triggers alone (EET) as events without roles.
    """
    return {
        task: Negatives(source, dataset, task, split)
        for task, own in _PROMPTED.items()
        if own & {*dataset.tasks}
    }


@cache
def _read(path: Path) -> Mapping[str, Mapping[str, Sequence[str]]]:
    return interchange.dictionary_of(path)
