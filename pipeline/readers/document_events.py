"""Documents in JSON lines: sentences with offsets, entity mentions and events (WikiEvents).

    {"doc_id": "ied_90", "tokens": ["Mines", "hit", "Al", "-", "Nour", ".", "It", "burned", "."],
     "text": "Mines hit Al-Nour.It burned.", "sentences": [
        [[["Mines", 0, 5], ["hit", 6, 9], ["Al", 10, 12], ["-", 12, 13], ["Nour", 13, 17],
          [".", 17, 18]], "Mines hit Al-Nour."],
        [[["It", 19, 21], ["burned", 22, 28], [".", 28, 29]], "It burned."]],
     "entity_mentions": [{"id": "ied_90-T1", "sent_idx": 0, "start": 2, "end": 5,
                          "entity_type": "FAC", "mention_type": "UNK", "text": "Al-Nour"}],
     "relation_mentions": [], "event_mentions": [
        {"id": "ied_90-E1", "event_type": "Conflict.Attack.DetonateExplode",
         "trigger": {"start": 1, "end": 2, "text": "hit", "sent_idx": 0},
         "arguments": [{"entity_id": "ied_90-T1", "role": "Target", "text": "Al-Nour"}]}]}

`start` and `end` of mentions count the tokens of the document, half-open. The offsets of tokens
count a blank between sentences that `text` lacks, so they are taken from the sentence's first
token, into the sentence's own string. Each sentence is one record, as nearly all arguments
stand beside their trigger; one that stands in another sentence is lost, and counted.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.readers._source import EXCERPT, attempt, items, json_rows, label_of, whole
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class _Sentence(NamedTuple):
    text: str
    tokens: list[Any]
    #: The document's number of the first token.
    first: int
    entities: list[dict[str, Any]]
    events: list[dict[str, Any]]


def read(
    files: Sequence[Path],
    *,
    language: str,  # noqa: ARG001 - sentences are given whole, nothing is joined
) -> Iterator[Record | Reject]:
    """Yield one record per sentence, with the document's id as its source id."""
    for file in files:
        for origin, row in json_rows(file):
            if isinstance(row, Reject):
                yield row
                continue
            try:
                key, sentences = row["doc_id"], _sentences(row)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
                detail = f"{type(problem).__name__}: {problem}"[:EXCERPT]
                lost = Reject(origin, "malformed_record", detail, str(row)[:EXCERPT])
                yield _counted(lost, row)
                continue
            for number, sentence in enumerate(sentences, start=1):
                place, elsewhere = f"{origin}#{number}", list[Reject]()
                build = partial(_record, origin=place, source_id=key, elsewhere=elsewhere)
                item = attempt(place, build, sentence)
                if isinstance(item, Reject):
                    yield _with_counts(item, sentence.entities, sentence.events)
                else:
                    yield item
                    yield from elsewhere


def _sentences(row: dict[str, Any]) -> list[_Sentence]:
    found, first = [], 0
    for tokens, text in items(row["sentences"]):
        found.append(_Sentence(text, tokens, first, [], []))
        first += len(items(tokens))
    for entity in items(row["entity_mentions"]):
        _at(found, entity["sent_idx"]).entities.append(entity)
    for event in items(row["event_mentions"]):
        _at(found, event["trigger"]["sent_idx"]).events.append(event)
        items(event["arguments"])
    return found


def _at(sentences: list[_Sentence], number: Any) -> _Sentence:
    place = whole(number)
    if place < 0:
        raise ValueError(f"a sentence of a negative number: {place}")
    return sentences[place]


def _record(sentence: _Sentence, *, origin: str, source_id: str, elsewhere: list[Reject]) -> Record:
    text, tokens, first = sentence.text, sentence.tokens, sentence.first
    mentions: list[Mention] = []

    def add(part: dict[str, Any], label: str | None) -> int:
        begin, end = whole(part["start"]) - first, whole(part["end"]) - first
        if not 0 <= begin < end <= len(tokens):
            raise ValueError(f"{part['text']!r} stands outside of its sentence")
        base, start, stop = map(whole, (tokens[0][1], tokens[begin][1], tokens[end - 1][2]))
        mentions.append(Mention(part["text"], start - base, stop - base, label))
        return len(mentions) - 1

    index = {
        entity["id"]: add(entity, label_of(entity["entity_type"])) for entity in sentence.entities
    }
    events = []
    for event in sentence.events:
        trigger, arguments = add(event["trigger"], None), []
        for part in event["arguments"]:
            if part["entity_id"] in index:
                arguments.append(Argument(part["role"], index[part["entity_id"]]))
            else:
                told = f"{part['role']} {part['text']!r} of {event['id']}"
                why = "argument_in_other_sentence"
                elsewhere.append(Reject(origin, why, told, text[:EXCERPT], records=0, arguments=1))
        events.append(Event(event["event_type"], trigger, tuple(arguments)))
    return Record(text, origin, mentions, (), events, source_id)


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of sentences and annotations that are lost with a document."""
    if not isinstance(row, dict):
        return reject
    names = ("sentences", "entity_mentions", "event_mentions")
    sentences, entities, events = (
        own if isinstance(own, list) else [] for own in map(row.get, names)
    )
    return _with_counts(reject._replace(records=max(1, len(sentences))), entities, events)


def _with_counts(reject: Reject, entities: list[Any], events: list[Any]) -> Reject:
    lists = [e.get("arguments") for e in events if isinstance(e, dict)]
    arguments = sum(len(own) for own in lists if isinstance(own, list))
    return reject._replace(entities=len(entities), events=len(events), arguments=arguments)
