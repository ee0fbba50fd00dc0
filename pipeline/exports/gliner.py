"""`gliner`: tokens, entity spans with inclusive ends, and the labels to ask in vain.

    [{"tokenized_text": ["Ines", "Vale", "of", "Split"],
      "ner": [[0, 1, "person"], [3, 3, "place"]], "ner_negatives": ["organization", "group"],
      "relations": [[0, 1, "lives in"]], "rel_negatives": ["works for"]}]

`ner_negatives` are the hard negatives of the dictionary and a few other labels in train, all
absent labels in dev and test; without them GLiNER takes the labels of a row's neighbours in the
batch, and has none to ask where a text holds no entity. The last two columns stand where the
dataset declares RE as well; relations index `ner`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.exports import OTHER_TASKS, records
from pipeline.exports._arrays import json_arrays
from pipeline.exports._asked import Negatives
from pipeline.exports._tokens import aligned

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

FROM: Final = ("records",)


def row(
    record: dict[str, Any], entity: Negatives, relation: Negatives | None
) -> tuple[dict[str, Any], dict[str, int]]:
    """The row of one record, and what became of its annotations."""
    mentions = record["mentions"]
    named = [i for i, m in enumerate(mentions) if m["label"] is not None]
    found = aligned(record["text"], [mentions[i] for i in named])
    spans = {
        named[i]: (first, last - 1, mentions[named[i]]["label"])
        for i, (first, last) in found.spans.items()
    }
    entities = sorted({*spans.values()})
    present = {mentions[i]["label"] for i in named}
    own: dict[str, Any] = {
        "tokenized_text": found.tokens.words,
        "ner": entities,
        "ner_negatives": entity.chosen(record["id"], present, record["split"]),
    }
    counts = {"entities": len(entities)}
    counts.update({f"lost entities: {why}": n for why, n in found.lost.items()})
    if relation is not None:
        number = {e: i for i, e in enumerate(entities)}
        pairs = [(x["head"], x["tail"], x["label"]) for x in record["relations"]]
        held = [(h, t, label) for h, t, label in pairs if h in spans and t in spans]
        own["relations"] = [
            *dict.fromkeys((number[spans[h]], number[spans[t]], x) for h, t, x in held)
        ]
        labels = {label for _, _, label in pairs}
        own["rel_negatives"] = relation.chosen(record["id"], labels, record["split"])
        counts["relations"] = len(own["relations"])
        counts["lost relations: an end is lost"] = len(pairs) - len(held)
    return own, counts


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the records of every dataset that declares NER."""
    counts = {"rows": 0, "entities": 0}
    known: dict[tuple[str, str], tuple[Negatives, Negatives | None]] = {}
    with json_arrays(out) as write:
        for dataset, split, table in records(source):
            if "NER" not in dataset.tasks:
                counts[OTHER_TASKS] = counts.get(OTHER_TASKS, 0) + table.num_rows
                continue
            if (dataset.id, split) not in known:
                relation = "RE" in dataset.tasks and Negatives(source, dataset, "RE", split)
                entity = Negatives(source, dataset, "NER", split)
                known[dataset.id, split] = entity, relation or None
            rows = []
            for record in table.to_pylist():
                own, found = row(record, *known[dataset.id, split])
                rows.append(own)
                for key, number in found.items():
                    counts[key] = counts.get(key, 0) + number
            counts["rows"] += len(rows)
            write(f"{dataset.id}/{split}", rows)
    return counts
