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

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers import json_rows
from pipeline.readers._paths import Item, RowError
from pipeline.readers._source import EXCERPT, items, whole
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record

_LISTS: Final = ("entity_mentions", "event_mentions")


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per sentence, with the document's id as its source id."""
    form = json_rows.layout("document_events")
    for origin, item in json_rows.rows_of(files):
        lost: list[Reject] = []
        yield from json_rows.rows_read(_sentences(origin, item.value, lost), form)
        yield from lost


def unread_fields(files: Sequence[Path]) -> Counter[str]:
    """Field of the documents that is not read -> in how many it stands."""
    rows = (row.value for _, row in json_rows.rows_of(files))
    return json_rows.others(rows, "doc_id", "tokens", "text", "sentences", *_LISTS)


def _sentences(origin: str, row: Any, lost: list[Reject]) -> Iterator[tuple[str, Item]]:
    """(origin, sentence as a row of its own) of all sentences of a document."""
    if isinstance(row, Reject):
        yield origin, Item(row)
        return
    try:
        found = _parted(row)
    except (RowError, KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
        yield origin, Item(_whole(origin, row, str(problem)))
        return
    for number, sentence in enumerate(found, start=1):
        place = f"{origin}#{number}"
        with suppress(KeyError, TypeError):  # `json_rows` says what is wrong with the sentence.
            lost += _elsewhere(place, sentence)
        yield place, Item(sentence)


def _elsewhere(place: str, sentence: dict[str, Any]) -> list[Reject]:
    """Take the arguments that stand in other sentences out of the events of a sentence."""
    known = {entity["id"] for entity in sentence["entity_mentions"]}
    lost = []
    for event in sentence["event_mentions"]:
        for argument in event["arguments"]:
            if argument["entity_id"] not in known:
                told = f"{argument['role']} {argument['text']!r} of {event['id']}"
                why, text = "argument_in_other_sentence", sentence["text"][:EXCERPT]
                lost.append(Reject(place, why, told, text, records=0, arguments=1))
    for event in sentence["event_mentions"]:
        event["arguments"] = [a for a in event["arguments"] if a["entity_id"] in known]
    return lost


def _parted(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The sentences of a document with their annotations, offsets counted in each one's string."""
    sentences: list[dict[str, Any]] = []
    tokens: list[tuple[int, Any]] = []
    for own, text in items(row["sentences"]):
        tokens += [(len(sentences), token) for token in items(own)]
        sentences.append({"doc_id": row["doc_id"], "text": text, _LISTS[0]: [], _LISTS[1]: []})
    bases = {number: token[1] for number, token in reversed(tokens)}

    def moved(part: dict[str, Any]) -> dict[str, Any]:
        """A span in characters of its sentence; one that leaves it is no span."""
        number, first, last = whole(part["sent_idx"]), whole(part["start"]), whole(part["end"]) - 1
        inside = 0 <= first <= last < len(tokens) and tokens[first][0] == tokens[last][0] == number
        base = bases.get(number, 0)
        start, end = (tokens[first][1][1], tokens[last][1][2]) if inside else (-1, -1)
        return {**part, "start": start - base, "end": end - base}

    for entity in items(row["entity_mentions"]):
        _at(sentences, entity["sent_idx"])["entity_mentions"].append(moved(entity))
    for event in items(row["event_mentions"]):
        own = {**event, "trigger": moved(event["trigger"]), "arguments": items(event["arguments"])}
        _at(sentences, event["trigger"]["sent_idx"])["event_mentions"].append(own)
    return sentences


def _at(sentences: list[dict[str, Any]], number: Any) -> dict[str, Any]:
    if whole(number) < 0:
        raise RowError(f"there is no sentence {number}")
    sentence: dict[str, Any] = sentences[number]
    return sentence


def _whole(origin: str, row: Any, why: str) -> Reject:
    """The reject of a document that cannot be parted, with all that is lost with it."""
    fields = row if isinstance(row, dict) else {}
    sentences, entities, events = (
        own if isinstance(own := fields.get(name), list) else [] for name in ("sentences", *_LISTS)
    )
    lists = [event.get("arguments") for event in events if isinstance(event, dict)]
    arguments = sum(len(own) for own in lists if isinstance(own, list))
    counts = (max(1, len(sentences)), len(entities), 0, len(events), arguments)
    return Reject(origin, "malformed_record", why[:EXCERPT], str(row)[:EXCERPT], *counts)
