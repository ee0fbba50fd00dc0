"""`spert`: tokens with entities and relations as token spans, for SpERT and other span models.

    [{"tokens": ["Ines", "Vale", "of", "Split"],
      "entities": [{"type": "person", "start": 0, "end": 2},
                   {"type": "place", "start": 3, "end": 4}],
      "relations": [{"type": "lives in", "head": 0, "tail": 1}], "orig_id": "conll04/train/7"}]

There is an array per split and dataset. Ends are exclusive; heads and tails are indices into
`entities`; types.json names the types. Span models draw their negatives from all other spans and
pairs, so entities can be learned only from datasets that annotate all of them (those with the task
NER). Ends of relations without a type get the type "entity".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline.exports._tokens import graph

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

UNTYPED: Final = "entity"


def rows(
    record: dict[str, Any], _: object = None, __: object = None
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The row of one record, and counts of annotations written and lost."""
    tokenized = graph(record, UNTYPED)
    row = {
        "tokens": tokenized.words,
        "entities": [{"type": kind, "start": s, "end": e} for s, e, kind in tokenized.entities],
        "relations": [{"type": label, "head": h, "tail": t} for h, t, label in tokenized.relations],
        "orig_id": record["id"],
        "id": record["id"],
    }
    return [row], tokenized.counts


def types(dataset: Dataset) -> dict[str, Any]:
    """The types file: entity types and relation types, with their direction."""
    kinds = [*dataset.labels_of("entity")]
    if "NER" not in dataset.tasks:
        kinds.append(UNTYPED)
    relations = dataset.labels_of("relation") if {"RE", "SPO"} & {*dataset.tasks} else ()
    return {
        "entities": {kind: {"short": kind, "verbose": kind} for kind in dict.fromkeys(kinds)},
        "relations": {r: {"short": r, "verbose": r, "symmetric": False} for r in relations},
    }


def beside(dataset: Dataset) -> dict[str, bytes]:
    """The types of a dataset."""
    return {"types.json": orjson.dumps(types(dataset), option=orjson.OPT_INDENT_2)}
