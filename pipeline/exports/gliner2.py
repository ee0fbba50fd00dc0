"""`gliner2`: entities and relations as strings, with the labels that are absent.

    {"input": "Ines Vale of Split",
     "output": {"entities": {"person": ["Ines Vale"], "place": ["Split"], "group": []},
                "entity_descriptions": {"person": "..."},
                "relations": [{"lives in": {"head": "Ines Vale", "tail": "Split"}}]},
     "id": "conll04/train/7#0", "record_id": "conll04/train/7"}

A train row asks one set of near labels, as the instructions do; see `gliner`. GLiNER2 has no place
for a relation that is asked in vain, so that rows with relations to ask and none to find are
counted.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.exports._files import json_lines
from pipeline.exports._label_sets import parts, records_and_labels, with_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.exports import Source


def row(
    record: dict[str, Any], asked: Mapping[str, Sequence[str]], descriptions: Mapping[str, str]
) -> dict[str, Any]:
    """The output of one record that asks these labels by task."""
    mentions = record["mentions"]
    entities: dict[str, list[str]] = {label: [] for label in asked["NER"]}
    for mention in mentions:
        own = entities.get(mention["label"])
        if own is not None and mention["text"] not in own:
            own.append(mention["text"])
    output: dict[str, Any] = {"entities": entities}
    if own_descriptions := {x: descriptions[x] for x in entities if x in descriptions}:
        output["entity_descriptions"] = own_descriptions
    if "RE" in asked:
        ends = [
            (r["label"], mentions[r["head"]]["text"], mentions[r["tail"]]["text"])
            for r in record["relations"]
        ]
        relations = dict.fromkeys(ends)
        output["relations"] = [{label: {"head": h, "tail": t}} for label, h, t in relations]
    return output


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the records of every dataset that declares NER."""
    counts = Counter(rows=0)
    with json_lines(out) as write:
        for dataset, split, table, sets in records_and_labels(source, ["NER"], counts):
            held = {"NER", "RE"} & {*dataset.tasks}
            asked = {task: own for task, own in sets.items() if task in held}
            rows: list[dict[str, Any]] = []
            for record in table.to_pylist():
                made = []
                for part, labels in parts(record, asked):
                    output = row(part, labels, dataset.descriptions)
                    made.append({"input": record["text"], "output": output})
                    counts["entities"] += sum(map(len, output["entities"].values()))
                    counts["relations"] += len(output.get("relations", ()))
                    if "RE" in labels and not output["relations"]:
                        counts["lost: relations asked in vain"] += 1
                rows += with_ids(record, made)
            counts["rows"] += len(rows)
            write(f"{dataset.id}/{split}", rows)
    return {**counts}
