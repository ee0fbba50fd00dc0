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
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.catalog import Dataset


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
    answers = (module(task).answers(table, dataset) for table in records)
    present = {int(code) for found in answers for code in np.unique(found.code)}
    return [key for code, key in enumerate(keys) if code in present]
