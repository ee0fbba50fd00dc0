"""The tasks: how the annotations of records become answers, and labels become schema items.

One module per task, each of the same shape:

    inventory(dataset)          the keys of all labels that the task asks, in declared order
    schemas(dataset)            key -> the JSON-ready item that asks this label in an instruction
    answers(records, dataset)   (row, key, answer[, schema item]) of every label present

A key is what the dictionary, the hash priorities and the column `labels` call a label: its name,
and for typed relations `head_predicate_tail`, which is written but never split back.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables import flat
from pipeline.tasks._answers import codes, relations, typed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.catalog import Dataset


#: Task -> the column of a record that holds its annotations.
COLUMNS: Final = {
    "NER": "mentions",
    **dict.fromkeys(("RE", "SPO", "KG"), "relations"),
    **dict.fromkeys(("EE", "EET", "EEA"), "events"),
}


def module(task: str) -> Any:
    """The module of a task, e.g. `pipeline.tasks.ner` for "NER"."""
    return import_module(f"pipeline.tasks.{task.lower()}")


def inventory(dataset: Dataset, task: str) -> list[str]:
    """The keys of all labels that a dataset's task asks, in declared order."""
    keys: list[str] = module(task).inventory(dataset)
    return keys


def asked(dataset: Dataset, task: str, records: Iterable[Any]) -> list[str]:
    """The keys that a split is asked for: all, or where splits differ those that occur in it.

    `records` are the tables of the split's kept records.
    """
    keys = inventory(dataset, task)
    if dataset.inventory == "dataset":
        return keys
    present = {int(code) for table in records for code in np.unique(held(dataset, task, table)[1])}
    return [key for code, key in enumerate(keys) if code in present]


def held(dataset: Dataset, task: str, table: Any) -> tuple[Any, Any]:
    """(row, number of the label in the inventory) of every annotation that a task asks.

    These are the labels of the `answers`, without the answers: no text is read.
    """
    items, row, _ = flat(table, COLUMNS[task])
    code = coded(dataset, task, table)
    there = code >= 0
    if task == "EET":
        there &= pc.is_valid(pc.struct_field(items, "trigger")).to_numpy(zero_copy_only=False)
    return row[there], code[there]


def coded(dataset: Dataset, task: str, table: Any) -> Any:
    """The number in the inventory of each annotation in the task's column, -1 for none."""
    if task in ("SPO", "KG"):
        mentions, _, first = flat(table, "mentions")
        types = pc.struct_field(mentions, "label")
        linked = relations(table, first)
        label = types.take(pa.array(linked.head)) if task == "KG" else typed(types, linked)
    else:
        items, _, _ = flat(table, COLUMNS[task])
        label = pc.struct_field(items, "label")
    return codes(label, inventory(dataset, task))


def sources(dataset: Dataset, task: str) -> dict[str, str]:
    """Key -> what the source calls that label; the first of several that are asked as one."""
    entity = dataset.names("entity")
    if task in ("NER", "KG"):
        pairs = [*entity.items()]
    elif task == "RE":
        pairs = [*dataset.names("relation").items()]
    elif task == "SPO":
        relation = dataset.names("relation")
        pairs = [
            (f"{h}_{name}_{t}", f"{entity.get(h, h)}_{relation[name]}_{entity.get(t, t)}")
            for name, own in dataset.signatures.items()
            for h, t in own
        ]
    else:
        pairs = [*dataset.names("event").items()]
    return {name: raw for raw, name in reversed(pairs)}
