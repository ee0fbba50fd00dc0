"""What the tasks of `iepile export lm-eval` call: each row measured, then F1 over all of them."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline.scoring.counting import Group, Options, Row, add_record
from pipeline.scoring.f1 import f1_of_measure
from pipeline.tasks.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BATCH: Final = re.compile(r"/(\d+)(?:#(\d+))?$")


def measured(row: Mapping[str, Any], answers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Metric -> what `f1_of` needs of a row of the corpus and the first of its answers."""
    columns = ("id", "record_id", "task", "instruction", "output", "labels")
    kept = {column: row[column] for column in columns} | {"answer": answers[0]}
    return {f"{m}_f1": {**kept, "measure": m} for m in MEASURES[row["task"]]}


def f1_of(items: Sequence[Mapping[str, Any]]) -> float:
    """F1 in percent of one measure over rows, label batches pooled as `iepile score` pools them."""
    task, measure = items[0]["task"], items[0]["measure"]
    group = Group(task)
    ordered = sorted(items, key=_place)
    for _, own in groupby(ordered, key=_unit):
        add_record(group, [_row(item) for item in own], Options(samples=0))
    return f1_of_measure(group, group.measures.index(measure))


def _unit(item: Mapping[str, Any]) -> str:
    """What is pooled: a record, or one of several pairs that it is asked about."""
    return _BATCH.sub("", item["id"])


def _place(item: Mapping[str, Any]) -> tuple[str, int, int]:
    found = _BATCH.search(item["id"])
    batch, copy = found.groups() if found else (0, 0)
    return _unit(item), int(batch), int(copy or 0)


def _row(item: Mapping[str, Any]) -> Row:
    shown: list[str] = []
    if item["task"] == "SPO":
        shown = [own["predicate"] for own in orjson.loads(item["instruction"])["schema"]]
    labels = item["labels"] if shown else ()
    return Row(item["output"], item["answer"], labels, shown)
