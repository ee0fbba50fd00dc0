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

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.exports._files import json_arrays
from pipeline.exports._label_sets import parts, records_and_labels, with_ids
from pipeline.exports._tokens import aligned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.exports import Source


def row(
    record: dict[str, Any], asked: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], dict[str, int]]:
    """The row of one record that asks these labels by task, and what became of its annotations."""
    mentions = record["mentions"]
    named = [i for i, m in enumerate(mentions) if m["label"] is not None]
    placed = aligned(record["text"], [mentions[i] for i in named])
    spans = {
        named[i]: (first, last - 1, mentions[named[i]]["label"])
        for i, (first, last) in placed.spans.items()
    }
    entities = sorted({*spans.values()})
    present = {mentions[i]["label"] for i in named}
    made: dict[str, Any] = {
        "tokenized_text": placed.tokens.words,
        "ner": entities,
        "ner_negatives": [label for label in asked["NER"] if label not in present],
    }
    counts = {"entities": len(entities)}
    counts.update({f"lost entities: {why}": n for why, n in placed.lost.items()})
    if "RE" in asked:
        number = {e: i for i, e in enumerate(entities)}
        pairs = [(x["head"], x["tail"], x["label"]) for x in record["relations"]]
        held = [(h, t, label) for h, t, label in pairs if h in spans and t in spans]
        made["relations"] = [
            *dict.fromkeys((number[spans[h]], number[spans[t]], x) for h, t, x in held)
        ]
        labels = {label for _, _, label in pairs}
        made["rel_negatives"] = [label for label in asked["RE"] if label not in labels]
        counts["relations"] = len(made["relations"])
        counts["lost relations: an end is lost"] = len(pairs) - len(held)
    return made, counts


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the records of every dataset that declares NER."""
    counts = Counter(rows=0, entities=0)
    with json_arrays(out) as write:
        for dataset, split, table, sets in records_and_labels(source, ["NER"], counts):
            asked = {
                task: own for task, own in sets.items() if task in {"NER", "RE"} & {*dataset.tasks}
            }
            whole = {task: own.inventory for task, own in asked.items()}
            rows: list[dict[str, Any]] = []
            for record in table.to_pylist():
                made = (row(part, labels)[0] for part, labels in parts(record, asked))
                rows += with_ids(record, made)
                counts.update(row(record, whole)[1])
            counts["rows"] += len(rows)
            write(f"{dataset.id}/{split}", rows)
    return {**counts}
