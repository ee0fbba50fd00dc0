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
from pipeline.tasks._described import phrasing_of, phrasings
from pipeline.tasks._events import occurrences

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

#: Only labels that are present are asked.
ABSENT: Final = None


def inventory(dataset: Dataset) -> list[str]:
    """The event labels."""
    return ee.inventory(dataset)


def schemas(dataset: Dataset) -> dict[str, dict[str, object]]:
    """Every event type with its roles; the triggers are those of a record (see `answers`)."""
    return {key: {**item, "trigger": []} for key, item in ee.schemas(dataset).items()}


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct events of each label, and its schema item with the triggers of this record."""
    labels = inventory(dataset)
    phrased = [schemas(own) for own in phrasings(dataset)]
    phrasing = phrasing_of(table["id"].to_pylist(), len(phrased))
    triggers: dict[tuple[int, str], dict[str, None]] = {}
    for event in occurrences(table):
        own = triggers.setdefault((event.row, event.label), {})
        if event.trigger is not None:
            own[event.trigger] = None
    found = ee.answers(table, dataset)
    items = [
        dumps({**phrased[phrasing[row]][labels[code]], "trigger": [*triggers[row, labels[code]]]})
        for row, code in zip(found.row.tolist(), np.asarray(found.code).tolist(), strict=True)
    ]
    return found._replace(schema=pa.array(items, pa.string()))
