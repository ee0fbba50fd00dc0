"""`bio`: tokens with BIO tags as numbers, for token classification and BERT+CRF taggers.

    {"id": "msra/train/7", "tokens": ["林", "夏", "在"], "ner_tags": [1, 2, 0]}

Parquet, one folder per dataset; `load_dataset` shows `ner_tags` as ClassLabel, and labels.json
lists the names for everybody else: O, then B-x and I-x of every label. Tags are flat: of mentions
that overlap the longest stays, of equally long ones the first; the others count as nested.

`bio-strings` writes the tags as strings in JSON lines, as EvalScope and seqeval read them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from pipeline.execution import shards
from pipeline.exports import records
from pipeline.exports._files import json_lines, parquet
from pipeline.exports._tokens import aligned

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source


def names(labels: list[str]) -> list[str]:
    """The tags of an inventory; a tag's number is its place."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def row(record: dict[str, Any], labels: list[str]) -> tuple[dict[str, Any], dict[str, int]]:
    """The row of one record, and what became of its entities."""
    mentions = [m for m in record["mentions"] if m["label"] is not None]
    placed = aligned(record["text"], mentions)
    spans = dict.fromkeys((span, mentions[i]["label"]) for i, span in placed.spans.items())
    tags = [0] * len(placed.tokens.words)
    kept = 0
    for (first, last), label in sorted(spans, key=lambda s: (s[0][0] - s[0][1], s[0][0])):
        if any(tags[first:last]):
            continue
        begin = 1 + 2 * labels.index(label)
        tags[first:last] = [begin] + [begin + 1] * (last - first - 1)
        kept += 1
    counts = {"entities": kept, "lost: nested": len(spans) - kept}
    counts.update({f"lost: {why}": n for why, n in placed.lost.items()})
    return {"id": record["id"], "tokens": placed.tokens.words, "ner_tags": tags}, counts


def schema(labels: list[str]) -> Any:
    """The columns, with the features that `load_dataset` reads from the file."""
    features = {
        "id": {"dtype": "string", "_type": "Value"},
        "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
        "ner_tags": {"feature": {"names": names(labels), "_type": "ClassLabel"}, "_type": "List"},
    }
    return pa.schema(
        [
            ("id", pa.string()),
            ("tokens", pa.list_(pa.string())),
            ("ner_tags", pa.list_(pa.int64())),
        ],
        metadata={"huggingface": orjson.dumps({"info": {"features": features}})},
    )


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the records of every dataset that declares NER."""
    counts = Counter(rows=0, entities=0)
    strings = source.format == "bio-strings"
    with parquet(out) as write_table, json_lines(out) as write_lines:
        for dataset, split, table in records(source, ["NER"], counts):
            labels = dataset.labels_of("entity")
            tags = names(labels)
            path = out / dataset.id / "labels.json"
            if not path.is_file():
                shards.write_json(tags, path)
            rows = []
            for record in table.to_pylist():
                tagged, record_counts = row(record, labels)
                rows.append(tagged)
                counts.update(record_counts)
                if strings:
                    tagged["ner_tags"] = [tags[number] for number in tagged["ner_tags"]]
            if strings:
                write_lines(f"{dataset.id}/{split}", rows)
            else:
                write_table(f"{dataset.id}/{split}", rows, schema(labels))
            counts["rows"] += len(rows)
    return {**counts}
