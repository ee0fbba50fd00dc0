"""The functions that the tasks of `iepile export lm-eval` call: per row, then F1 over all rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.scoring.counting import Group, Options
from pipeline.scoring.evaluation import add
from pipeline.scoring.f1 import f1_of_measure
from pipeline.tasks.measures import MEASURES


def measured(row: Mapping[str, Any], answers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Metric -> the fields that `f1_of` needs of a row of the corpus, and its first answer."""
    columns = ("id", "record_id", "task", "instruction", "output", "labels")
    kept = {column: row[column] for column in columns} | {"answer": answers[0]}
    return {f"{m}_f1": {**kept, "measure": m} for m in MEASURES[row["task"]]}


def f1_of(items: Sequence[Mapping[str, Any]]) -> float:
    """F1 in percent of one measure over rows, label batches pooled as `iepile score` pools them."""
    task, measure = items[0]["task"], items[0]["measure"]
    table = pa.Table.from_pylist([{**item, "group": task} for item in items])
    if task != "SPO":
        table = table.drop_columns(["instruction", "labels"])
    group = Group(task)
    add([{task: group}], table, [table["answer"]], Options(samples=0))
    return f1_of_measure(group, group.measures.index(measure))
