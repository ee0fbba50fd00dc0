"""`spert`: tokens with entities and relations as token spans, for SpERT and other span models.

    [{"tokens": ["Ines", "Vale", "of", "Split"],
      "entities": [{"type": "person", "start": 0, "end": 2},
                   {"type": "place", "start": 3, "end": 4}],
      "relations": [{"type": "lives in", "head": 0, "tail": 1}], "orig_id": "conll04/train/7"}]

An array per split and dataset, ends exclusive, heads and tails as places in `entities`; types.json
names the types. Span models draw their negatives from all other spans and pairs, so that only the
datasets are fit for entities that annotate every one (those with the task NER). Where a relation's
ends have no type they are of the type "entity".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pipeline.execution import shards
from pipeline.exports import records
from pipeline.exports._files import json_arrays
from pipeline.exports._tokens import aligned

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.exports import Source

UNTYPED: Final = "entity"


def row(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """The row of one record, and what became of its annotations."""
    mentions = record["mentions"]
    ends = {i for x in record["relations"] for i in (x["head"], x["tail"])}
    used = [i for i, m in enumerate(mentions) if m["label"] is not None or i in ends]
    placed = aligned(record["text"], [mentions[i] for i in used])
    spans = {
        used[i]: (mentions[used[i]]["label"] or UNTYPED, *span) for i, span in placed.spans.items()
    }
    entities = sorted({*spans.values()}, key=lambda entity: (entity[1:], entity[0]))
    number = {entity: i for i, entity in enumerate(entities)}
    pairs = [(x["label"], x["head"], x["tail"]) for x in record["relations"]]
    held = [(label, h, t) for label, h, t in pairs if h in spans and t in spans]
    relations = dict.fromkeys((label, number[spans[h]], number[spans[t]]) for label, h, t in held)
    counts = {"entities": len(entities), "relations": len(relations)}
    counts.update({f"lost entities: {why}": n for why, n in placed.lost.items()})
    counts["lost relations: an end is lost"] = len(pairs) - len(held)
    return {
        "tokens": placed.tokens.words,
        "entities": [{"type": kind, "start": s, "end": e} for kind, s, e in entities],
        "relations": [{"type": label, "head": h, "tail": t} for label, h, t in relations],
        "orig_id": record["id"],
    }, counts


def types(dataset: Dataset) -> dict[str, Any]:
    """The types file: entity types and relation types, with their direction."""
    kinds = [*dataset.labels_of("entity")]
    if "NER" not in dataset.tasks:
        kinds.append(UNTYPED)
    return {
        "entities": {kind: {"short": kind, "verbose": kind} for kind in dict.fromkeys(kinds)},
        "relations": {
            label: {"short": label, "verbose": label, "symmetric": False}
            for label in (dataset.labels_of("relation") if {"RE", "SPO"} & {*dataset.tasks} else ())
        },
    }


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the records of every dataset that declares NER, RE or SPO."""
    counts = Counter(rows=0, entities=0, relations=0)
    with json_arrays(out) as write:
        for dataset, split, table in records(source, ["NER", "RE", "SPO"], counts):
            path = out / dataset.id / "types.json"
            if not path.is_file():
                shards.write_json(types(dataset), path)
            rows = []
            for record in table.to_pylist():
                made, record_counts = row(record)
                rows.append({**made, "id": record["id"], "record_id": record["id"]})
                counts.update(record_counts)
            counts["rows"] += len(rows)
            write(f"{dataset.id}/{split}", rows)
    return {**counts}
