"""`bio`: tokens with BIO tags as numbers, for token classification and BERT+CRF taggers.

    {"id": "msra/train/7", "tokens": ["林", "夏", "在"], "ner_tags": [1, 2, 0]}

Parquet, one folder per dataset; `load_dataset` shows `ner_tags` as ClassLabel, and labels.json
lists the names for everybody else: O, then B-x and I-x of every label. Tags are flat: of mentions
that overlap the longest stays, of equally long ones the first; the others count as nested.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa

from pipeline.execution import shards
from pipeline.exports import LINES_PER_SHARD, OTHER_TASKS, records
from pipeline.exports._tokens import aligned

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

FROM: Final = ("records",)


def names(labels: list[str]) -> list[str]:
    """The tags of an inventory; a tag's number is its place."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def row(record: dict[str, Any], labels: list[str]) -> tuple[dict[str, Any], dict[str, int]]:
    """The row of one record, and what became of its entities."""
    mentions = [m for m in record["mentions"] if m["label"] is not None]
    found = aligned(record["text"], mentions)
    spans = dict.fromkeys((span, mentions[i]["label"]) for i, span in found.spans.items())
    tags = [0] * len(found.tokens.words)
    kept = 0
    for (first, last), label in sorted(spans, key=lambda s: (s[0][0] - s[0][1], s[0][0])):
        if any(tags[first:last]):
            continue
        begin = 1 + 2 * labels.index(label)
        tags[first:last] = [begin] + [begin + 1] * (last - first - 1)
        kept += 1
    counts = {"entities": kept, "lost: nested": len(spans) - kept}
    counts.update({f"lost: {why}": n for why, n in found.lost.items()})
    return {"id": record["id"], "tokens": found.tokens.words, "ner_tags": tags}, counts


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
    counts = {"rows": 0, "entities": 0}
    with ExitStack() as shard:
        open_path = None
        for dataset, split, table in records(source):
            if "NER" not in dataset.tasks:
                counts[OTHER_TASKS] = counts.get(OTHER_TASKS, 0) + table.num_rows
                continue
            labels = dataset.labels_of("entity")
            place = f"{dataset.id}/{split}"
            used = counts.setdefault(f"rows of {place}", 0)
            path = out / f"{place}-{used // LINES_PER_SHARD:05d}.parquet"
            rows = []
            for record in table.to_pylist():
                own, found = row(record, labels)
                rows.append(own)
                for key, number in found.items():
                    counts[key] = counts.get(key, 0) + number
            if path != open_path:
                shard.close()
                write = shard.enter_context(shards.writer(path, schema(labels)))
                open_path = path
                shards.write_json(names(labels), out / dataset.id / "labels.json")
            write(pa.Table.from_pylist(rows, schema(labels)))
            counts["rows"] += len(rows)
            counts[f"rows of {place}"] += len(rows)
    return {key: number for key, number in counts.items() if not key.startswith("rows of")}
