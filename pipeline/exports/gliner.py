"""`gliner`: tokens, entity spans with inclusive ends, and absent labels to ask.

    [{"tokenized_text": ["Ines", "Vale", "of", "Split"],
      "ner": [[0, 1, "person"], [3, 3, "place"]], "ner_negatives": ["organization", "group"],
      "relations": [[0, 1, "lives in"]], "rel_negatives": ["works for"]}]

A train row asks one set of near labels, as the instructions do; the absent labels of the set are
`ner_negatives`. A record has a row for every set that it is asked. Without negatives GLiNER takes
the labels of a row's neighbors in the batch. Dev and test ask all labels in one row. The last two
columns are there only where the dataset also declares RE. Then relations are asked in sets, with
all entity labels in each row; relations index `ner`.
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
    """The row of one record; `asked` has the labels by task."""
    tokenized = graph(record)
    present = {mention["label"] for mention in record["mentions"]}
    made: dict[str, Any] = {
        "tokenized_text": tokenized.words,
        "ner": [(first, end - 1, label) for first, end, label in tokenized.entities],
        "ner_negatives": [label for label in asked["NER"] if label not in present],
    }
    if "RE" in asked:
        related = {relation["label"] for relation in record["relations"]}
        made["relations"] = tokenized.relations
        made["rel_negatives"] = [label for label in asked["RE"] if label not in related]
    return made


def rows(
    record: dict[str, Any], dataset: Dataset, sets: Mapping[str, LabelSets]
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of one record, and counts of annotations written and lost."""
    asked = {t: labels for t, labels in sets.items() if t in {"NER", "RE"} & {*dataset.tasks}}
    counts = graph(record).counts
    if "RE" not in asked:
        counts = {key: n for key, n in counts.items() if "relations" not in key}
        counts["lost: relations"] = len(record["relations"])
    return [row(*part) for part in parts(record, asked)], counts
