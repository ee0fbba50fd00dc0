"""EE: which events a text reports, with their triggers and arguments.

schema  [{"event_type": "merger", "trigger": true, "arguments": ["Buyer", "Price"]}]
        with descriptions {"event_type": ..., "description": "...", "trigger": true,
        "arguments": {"Buyer": "...", "Price": "..."}}
output  {"merger": [{"trigger": "buys", "arguments": {"Buyer": "Velmora", "Price": "NAN"}}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.tasks._answers import Answers, dumps
from pipeline.tasks._described import described, description
from pipeline.tasks._events import answers_of, filled

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

ABSENT: Final = "[]"


def inventory(dataset: Dataset) -> list[str]:
    """The event labels."""
    return dataset.labels_of("event")


def schemas(dataset: Dataset) -> dict[str, dict[str, object]]:
    """Every event type with its roles."""
    roles = dataset.roles_of()
    return {
        key: {
            "event_type": key,
            **description(dataset, key),
            "trigger": True,
            "arguments": described(dataset, roles.get(key, [])),
        }
        for key in inventory(dataset)
    }


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct events of each label, in text order."""
    roles = dataset.roles_of()
    return answers_of(table, dataset, lambda event: dumps(filled(roles, event)))
