"""EET: which events a text reports, by their triggers alone. `{"merger": ["buys"], "layoff": []}`.

Events without a trigger are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.tasks._answers import Answers, dumps
from pipeline.tasks._events import answers_of

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
    return answers_of(
        table, dataset, lambda event: None if event.trigger is None else dumps(event.trigger)
    )
