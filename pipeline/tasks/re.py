"""RE: which pairs stand in a relation. `{"founder": [{"subject": "Velmora", "object": "Vale"}]}`.

Typed relations of one name are pooled: the label asked is the name alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.tasks._answers import Answers, codes, joined, mentions, pairs, relations

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

ABSENT: Final = "[]"


def inventory(dataset: Dataset) -> list[str]:
    """The relation labels."""
    return dataset.labels_of("relation")


def schemas(dataset: Dataset) -> dict[str, object]:
    """Every label by itself."""
    return {key: key for key in inventory(dataset)}


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct pairs of each label, in text order of their heads."""
    found = mentions(table)
    linked = relations(table, found.first)
    return joined(pairs(found, linked, codes(linked.label, inventory(dataset))))
