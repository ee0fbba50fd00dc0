"""SPO: relations with the types of their ends. The schema item holds both types and the predicate.

    schema  [{"subject_type": "人物", "predicate": "国籍", "object_type": "国家"}]
    output  {"国籍": [{"subject": "…", "object": "…"}]}

Two signatures of one predicate may be asked together: the output has one key for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.tasks._answers import Answers, Items, codes, joined, mentions, pairs, relations, typed
from pipeline.tasks._described import description

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

ABSENT: Final = "[]"


def inventory(dataset: Dataset) -> list[str]:
    """The signatures, written `head_predicate_tail`."""
    return ["_".join(signature) for signature in dataset.signatures_of()]


def schemas(dataset: Dataset) -> dict[str, object]:
    """Every typed relation as an object, which says what its predicate means."""
    return {
        f"{head}_{predicate}_{tail}": {
            "subject_type": head,
            "predicate": predicate,
            "object_type": tail,
            **description(dataset, predicate),
        }
        for head, predicate, tail in dataset.signatures_of()
    }


def output_keys(dataset: Dataset) -> dict[str, str]:
    """The keys of the answers: the predicates alone."""
    return {"_".join(signature): signature[1] for signature in dataset.signatures_of()}


def items(table: Any, dataset: Dataset) -> Items:
    """One item per relation, coded by its signature."""
    found = mentions(table)
    linked = relations(table, found.first)
    return pairs(found, linked, codes(typed(found.label, linked), inventory(dataset)))


def answers(table: Any, dataset: Dataset) -> Answers:
    """The distinct pairs of each signature, in text order of their heads."""
    return joined(items(table, dataset))
