"""Documents as DocRED and Re-DocRED write them: a JSON array, relations between entities.

    [{"title": "Lake Orrin",
      "sents": [["Lake", "Orrin", "is", "in", "Norway", "."], ["Orrin", "is", "deep", "."]],
      "vertexSet": [[{"name": "Orrin", "pos": [0, 1], "sent_id": 1, "type": "LOC"},
                     {"name": "Lake Orrin", "pos": [0, 2], "sent_id": 0, "type": "LOC"}],
                    [{"name": "Norway", "pos": [4, 5], "sent_id": 0, "type": "LOC"}]],
      "labels": [{"h": 0, "t": 1, "r": "P17", "evidence": [0]}]}]

Every document is a record, its sentences joined as its tokens are. `pos` counts inside the
sentence, its end is exclusive. `name` is not read: it may differ from the tokens. An entity is a
list of mentions in any order; a relation is written between the mentions that come first in the
text. A document with a position outside of its sentence is rejected whole.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.readers._source import (
    EXCERPT,
    attempt,
    items,
    join_tokens,
    json_rows,
    label_of,
    listed,
    whole,
)
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per document, with its title as the source id."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin=origin, language=language), row)
            yield _counted(item, row) if isinstance(item, Reject) else item


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of annotations that are lost with the document."""
    entities = [entity for entity in listed(row, "vertexSet") if isinstance(entity, list)]
    relations = listed(row, "labels")
    return reject._replace(entities=sum(map(len, entities)), relations=len(relations))


def _record(row: dict[str, Any], *, origin: str, language: str) -> Record | Reject:
    sentences, entities, labels = (items(row[key]) for key in ("sents", "vertexSet", "labels"))
    tokens = [token for sentence in sentences for token in items(sentence)]
    text, starts = join_tokens(tokens, language)
    firsts, first = [], 0
    for sentence in sentences:
        firsts.append(first)
        first += len(sentence)
    mentions: list[Mention] = []
    heads = []
    for entity in entities:
        if not items(entity):
            raise ValueError("an entity without mentions")
        earliest, chosen = len(text), len(mentions)
        for mention in entity:
            number, begin, stop = map(whole, (mention["sent_id"], *mention["pos"]))
            known = 0 <= number < len(sentences)
            if not known or not 0 <= begin < stop <= len(sentences[number]):
                detail = f"{begin}:{stop} of sentence {number}"
                return Reject(origin, "span_outside_sentence", detail, text[:EXCERPT])
            last = firsts[number] + stop - 1
            start, end = starts[firsts[number] + begin], starts[last] + len(tokens[last])
            if start < earliest:
                earliest, chosen = start, len(mentions)
            mentions.append(Mention(text[start:end], start, end, label_of(mention["type"])))
        heads.append(chosen)
    relations = []
    for label in labels:
        head, tail = whole(label["h"]), whole(label["t"])
        if min(head, tail) < 0:
            raise ValueError("an entity of a negative number")
        relations.append(Relation(label["r"], heads[head], heads[tail]))
    return Record(text, origin, mentions, relations, source_id=row.get("title"))
