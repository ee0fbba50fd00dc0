"""NER: which spans are entities of a label. `{"person": ["Ines Calloway"], "place": []}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.tasks._answers import Answers, Items, codes, joined, json_strings, mentions

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

ABSENT: Final = "[]"


def inventory(dataset: Dataset) -> list[str]:
    """The entity labels."""
    return dataset.labels_of("entity")


def schemas(dataset: Dataset) -> dict[str, object]:
    """Every label by itself."""
    return {key: key for key in inventory(dataset)}


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct strings of each label's entities, in text order."""
    found = mentions(table)
    code = codes(found.label, inventory(dataset))
    items = Items(found.row, code, found.place, np.arange(len(code)), json_strings(found.text))
    return joined(items.only(code >= 0))
