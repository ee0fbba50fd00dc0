"""EET: which events a text reports, by their triggers alone. `{"merger": ["buys"], "layoff": []}`.

Events without a trigger are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from pipeline.tasks._answers import Answers, dumps
from pipeline.tasks._events import occurrences

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

ABSENT: Final = "[]"


def inventory(dataset: Dataset) -> list[str]:
    """The event labels."""
    return dataset.labels_of("event")


def schemas(dataset: Dataset) -> dict[str, object]:
    """Every label by itself."""
    return {key: key for key in inventory(dataset)}


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct triggers of each label, in text order."""
    numbers = {label: i for i, label in enumerate(inventory(dataset))}
    found: dict[tuple[int, int], dict[str, None]] = {}
    for event in occurrences(table):
        if event.trigger is not None:
            found.setdefault((event.row, numbers[event.label]), {})[event.trigger] = None
    pair = np.array([*found], np.int64).reshape(-1, 2)
    values = [dumps([*own]) for own in found.values()]
    return Answers(pair[:, 0], pair[:, 1], pa.array(values, pa.string()))
