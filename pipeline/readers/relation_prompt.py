"""Sentences with triplets of token numbers, as RelationPrompt writes them: JSON lines.

    {"triplets": [{"tokens": ["Ida", "Voll", "was", "a", "Norwegian", "painter", "."],
      "head": [0, 1], "tail": [5], "label": "occupation", "head_id": "", "tail_id": "",
      "label_id": "P106", "error": "", "raw": "", "score": 0.0, "zerorc_included": true}]}

All triplets of a line repeat its tokens. `head` and `tail` number the tokens of a mention; numbers
with a gap make a discontinuous mention. A line with a mention of no token is rejected whole,
because a sentence short of a triplet teaches a false negative.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.readers._source import EXCERPT, attempt, items, join_tokens, json_rows, listed
from pipeline.readers.fewrel import mention_at
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per line."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin=origin, language=language), row)
            if isinstance(item, Reject):
                item = item._replace(relations=len(listed(row, "triplets")))
            yield item


def _record(row: dict[str, Any], *, origin: str, language: str) -> Record | Reject:
    triplets = items(row["triplets"])
    tokens = items(triplets[0]["tokens"])
    text, starts = join_tokens(tokens, language)

    def reject(reason: str, detail: str) -> Reject:
        return Reject(origin, reason, detail[:EXCERPT], text[:EXCERPT])

    index: dict[Mention, int] = {}
    relations = []
    for triplet in triplets:
        if triplet["tokens"] != tokens:
            return reject("tokens_differ", f"triplet {triplet['label']}")
        ends = []
        for side in ("head", "tail"):
            mention = mention_at(triplet[side], tokens, starts, text, language)
            if mention is None:
                return reject("no_such_token", f"{side} is {triplet[side]}")
            ends.append(index.setdefault(mention, len(index)))
        relations.append(Relation(triplet["label"], ends[0], ends[1]))
    return Record(text, origin, [*index], relations)
