"""`bio`: tokens with BIO tags as numbers, for token classification and BERT+CRF taggers.

    {"tokens": ["林", "夏", "在"], "ner_tags": [1, 2, 0], "id": "msra/train/7", ...}

Parquet, one folder per dataset; `load_dataset` shows `ner_tags` as ClassLabel, and labels.json
lists the names for other programs: O, then B-x and I-x of every label. Tags are flat: of mentions
that overlap, the longest is kept, of equally long ones the first; the others count as nested.

`bio-strings` writes the tags as strings in JSON lines, as EvalScope and seqeval read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from pipeline.exports._tokens import aligned

if TYPE_CHECKING:
    from pipeline.catalog import Dataset


def names(dataset: Dataset) -> list[str]:
    """The tags of a dataset; a tag's number is its index."""
    return ["O", *(f"{prefix}-{label}" for label in dataset.labels_of("entity") for prefix in "BI")]


def rows(
    record: dict[str, Any], dataset: Dataset, _: object = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The row of one record, and counts of entities written and lost."""
    labels = dataset.labels_of("entity")
    mentions = [m for m in record["mentions"] if m["label"] is not None]
    placed = aligned(record["text"], mentions)
    spans = dict.fromkeys((span, mentions[i]["label"]) for i, span in placed.spans.items())
    tags = [0] * len(placed.words)
    kept = 0
    for (first, last), label in sorted(spans, key=lambda s: (s[0][0] - s[0][1], s[0][0])):
        if any(tags[first:last]):
            continue
        begin = 1 + 2 * labels.index(label)
        tags[first:last] = [begin] + [begin + 1] * (last - first - 1)
        kept += 1
    counts = {"entities": kept, "lost: entities nested": len(spans) - kept}
    counts.update({f"lost: entities {why}": n for why, n in placed.lost.items()})
    row = {"tokens": placed.words, "ner_tags": tags, "id": record["id"]}
    return [row], counts


def rows_of_strings(
    record: dict[str, Any], dataset: Dataset, _: object = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The row of one record, with tags as strings instead of numbers, and the same counts."""
    (row,), counts = rows(record, dataset)
    tags = names(dataset)
    return [{**row, "ner_tags": [tags[number] for number in row["ner_tags"]]}], counts


def beside(dataset: Dataset) -> dict[str, bytes]:
    """The names of the tags."""
    return {"labels.json": orjson.dumps(names(dataset), option=orjson.OPT_INDENT_2)}


def schema(dataset: Dataset) -> Any:
    """The columns, with the features that `load_dataset` reads from the file."""
    string = {"dtype": "string", "_type": "Value"}
    tag = {"names": names(dataset), "_type": "ClassLabel"}
    features = {
        "tokens": {"feature": string, "_type": "List"},
        "ner_tags": {"feature": tag, "_type": "List"},
        "id": string,
        "record_id": string,
    }
    types = (pa.list_(pa.string()), pa.list_(pa.int64()), pa.string(), pa.string())
    return pa.schema(
        [*zip(features, types, strict=True)],
        metadata={"huggingface": orjson.dumps({"info": {"features": features}})},
    )
