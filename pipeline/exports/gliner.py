"""`gliner`: tokens, entity spans with inclusive ends, and the labels to ask in vain.

    [{"tokenized_text": ["Ines", "Vale", "of", "Split"],
      "ner": [[0, 1, "person"], [3, 3, "place"]], "ner_negatives": ["organization", "group"],
      "relations": [[0, 1, "lives in"]], "rel_negatives": ["works for"]}]

A train row asks one set of near labels, as the instructions do: those of it that are absent are
`ner_negatives`, and a record has a row for every set that it is asked. Without them GLiNER takes
the labels of a row's neighbours in the batch. Dev and test ask all labels in one row. The last two
columns stand where the dataset declares RE as well: then relations are asked in sets, and all
entity labels in each row; relations index `ner`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.exports._label_sets import parts
from pipeline.exports._tokens import graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.catalog import Dataset
    from pipeline.exports._label_sets import LabelSets


def row(record: dict[str, Any], asked: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The row of what is asked of one record; `asked` are the labels by task."""
    found = graph(record)
    present = {mention["label"] for mention in record["mentions"]}
    made: dict[str, Any] = {
        "tokenized_text": found.words,
        "ner": [(first, end - 1, label) for first, end, label in found.entities],
        "ner_negatives": [label for label in asked["NER"] if label not in present],
    }
    if "RE" in asked:
        related = {relation["label"] for relation in record["relations"]}
        made["relations"] = found.relations
        made["rel_negatives"] = [label for label in asked["RE"] if label not in related]
    return made


def rows(
    record: dict[str, Any], dataset: Dataset, sets: Mapping[str, LabelSets]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of one record, and what became of its annotations."""
    asked = {task: own for task, own in sets.items() if task in {"NER", "RE"} & {*dataset.tasks}}
    counts = graph(record).counts
    if "RE" not in asked:
        counts = {key: n for key, n in counts.items() if "relations" not in key}
        counts["lost: relations"] = len(record["relations"])
    return [row(*part) for part in parts(record, asked)], counts
