"""EEA: the arguments of events whose labels and triggers are given. No label is absent.

schema  [{"event_type": "merger", "trigger": ["buys"], "arguments": ["Buyer", "Price"]}]
output  {"merger": [{"trigger": "buys", "arguments": {"Buyer": "Velmora", "Price": "NAN"}}]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from pipeline.tasks import ee
from pipeline.tasks._answers import Answers, dumps
from pipeline.tasks._events import occurrences

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

#: Only labels that are present are asked.
ABSENT: Final = None


def inventory(dataset: Dataset) -> list[str]:
    """The event labels."""
    return ee.inventory(dataset)


def schemas(dataset: Dataset) -> dict[str, object]:
    """Every event type with its roles; the triggers are those of a record (see `answers`)."""
    roles = dataset.roles_of()
    return {
        key: {"event_type": key, "trigger": [], "arguments": roles.get(key, [])}
        for key in inventory(dataset)
    }


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct events of each label, and its schema item with the triggers of this record."""
    labels, roles = inventory(dataset), dataset.roles_of()
    triggers: dict[tuple[int, str], dict[str, None]] = {}
    for event in occurrences(table):
        own = triggers.setdefault((event.row, event.label), {})
        if event.trigger is not None:
            own[event.trigger] = None
    found = ee.answers(table, dataset)
    items = [
        dumps(
            {
                "event_type": labels[code],
                "trigger": [*triggers[row, labels[code]]],
                "arguments": roles.get(labels[code], []),
            }
        )
        for row, code in zip(found.row.tolist(), np.asarray(found.code).tolist(), strict=True)
    ]
    return found._replace(schema=pa.array(items, pa.string()))
