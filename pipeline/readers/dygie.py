"""Documents as DyGIE, DyGIE++ and SciERC write them: JSON lines, token positions of the document.

    {"doc_key": "W07-0311", "sentences": [["We", "train", "a", "tagger", "."], ["It", "works"]],
     "ner": [[[3, 3, "Method"]], [[5, 5, "Generic"]]],
     "relations": [[], [[5, 5, 3, 3, "USED-FOR"]]],
     "events": [[[[1, "Training"], [3, 3, "Object"]]], []], "clusters": [[[3, 3], [5, 5]]]}

Every sentence is a record. Positions run through the whole document and their ends are inclusive,
so the length of the earlier sentences is subtracted. An event is its trigger, `[token, label]` or
`[first, last, label]`, followed by its arguments. Each of `ner`, `relations` and `events` may be
absent; `clusters` are not read. A sentence with a position outside of it is rejected whole (as the
second one above would be), because an annotation left out teaches a false negative.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LAYERS: Final = ("ner", "relations", "events")


class _Sentence(NamedTuple):
    tokens: list[str]
    #: The document's number of the first token.
    first: int
    ner: list[Any]
    relations: list[Any]
    events: list[Any]


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per sentence, with the document's key as its source id."""
    for file in files:
        for origin, row in json_rows(file):
            if isinstance(row, Reject):
                yield row
                continue
            try:
                key, sentences = row.get("doc_key"), _sentences(row)
            except (KeyError, TypeError, ValueError, AttributeError) as problem:
                detail = f"{type(problem).__name__}: {problem}"
                lost = Reject(origin, "malformed_record", detail[:EXCERPT], str(row)[:EXCERPT])
                records = max(1, len(listed(row, "sentences")))
                yield _counted(lost._replace(records=records), *_whole_layers(row))
                continue
            for number, sentence in enumerate(sentences, start=1):
                place = f"{origin}#{number}"
                build = partial(_record, origin=place, language=language, source_id=key)
                item = attempt(place, build, sentence)
                if isinstance(item, Reject):
                    item = _counted(item, sentence.ner, sentence.relations, sentence.events)
                yield item


def _whole_layers(row: Any) -> Iterator[list[Any]]:
    """Each layer of a document that could not be parted, its sentences taken together."""
    for name in _LAYERS:
        yield [part for own in listed(row, name) if isinstance(own, list) for part in own]


def _counted(reject: Reject, ner: list[Any], relations: list[Any], events: list[Any]) -> Reject:
    """A reject with the number of annotations that are lost with it."""
    arguments = sum(len(event[1:]) for event in events if isinstance(event, list))
    return reject._replace(
        entities=len(ner), relations=len(relations), events=len(events), arguments=arguments
    )


def _sentences(row: dict[str, Any]) -> list[_Sentence]:
    sentences = items(row["sentences"])
    layers = [items(row[name]) if name in row else [[]] * len(sentences) for name in _LAYERS]
    found, first = [], 0
    for tokens, *parts in zip(sentences, *layers, strict=True):
        if not all(isinstance(part, list) for part in (tokens, *parts)):
            raise ValueError("a sentence or its annotations are no list")
        found.append(_Sentence(tokens, first, *parts))
        first += len(tokens)
    return found


def _record(
    sentence: _Sentence, *, origin: str, language: str, source_id: str | None
) -> Record | Reject:
    tokens, first = sentence.tokens, sentence.first
    text, starts = join_tokens(tokens, language)
    mentions: list[Mention] = []
    index: dict[tuple[int, int], int] = {}
    outside: list[tuple[int, int]] = []

    def add(begin: int, last: int, label: str | None) -> int:
        """The number of a new mention."""
        if not 0 <= whole(begin) - first <= whole(last) - first < len(tokens):
            outside.append((begin, last))
            return -1
        start, end = starts[begin - first], starts[last - first] + len(tokens[last - first])
        mentions.append(Mention(text[start:end], start, end, label))
        return index.setdefault((begin, last), len(mentions) - 1)

    def at(begin: int, last: int) -> int:
        """The number of the mention there, which `ner` need not list."""
        known = index.get((whole(begin), whole(last)))
        return add(begin, last, None) if known is None else known

    for begin, last, label in sentence.ner:
        add(begin, last, label_of(label))
    relations = [
        Relation(label, at(begin, last), at(tail, tail_last))
        for begin, last, tail, tail_last, label in sentence.relations
    ]
    events = []
    for (*trigger, label), *filled in sentence.events:
        arguments = tuple(Argument(role, at(begin, last)) for begin, last, role in filled)
        events.append(Event(label, at(trigger[0], trigger[-1]), arguments))
    if outside:
        detail = f"{outside[0]} of {first}:{first + len(tokens)}"
        return Reject(origin, "span_outside_sentence", detail, text[:EXCERPT])
    return Record(text, origin, mentions, relations, events, source_id)
