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

`start` and `end` of mentions are half-open and count tokens of the document. The offsets of tokens
count a blank between sentences, which `text` lacks; so the reader subtracts the offset of the
sentence's first token, and has offsets in the sentence's own string. Each sentence is one record,
because nearly all arguments stand in the sentence of their trigger. Those that do not are lost, and
counted.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pipeline.readers._paths import RowError
from pipeline.readers._source import EXCERPT, items, whole
from pipeline.readers.json_rows import shaped
from pipeline.records import Reject


def _sentences(origin: str, row: Any, _: object) -> Iterator[tuple[str, Any]]:
    """Yield each sentence of a document as a row, then what is lost of its events."""
    lost = []
    for number, sentence in enumerate(_parted(row), start=1):
        place = f"{origin}#{number}"
        with suppress(KeyError, TypeError):  # `json_rows` says what is wrong with the sentence.
            lost += _elsewhere(place, sentence)
        yield place, sentence
    yield from ((reject.origin, reject) for reject in lost)


def _elsewhere(place: str, sentence: dict[str, Any]) -> list[Reject]:
    """Take the arguments that stand in other sentences out of the events of a sentence."""
    known = {entity["id"] for entity in sentence["entity_mentions"]}
    lost = []
    for event in sentence["event_mentions"]:
        for argument in event["arguments"]:
            if argument["entity_id"] not in known:
                detail = f"{argument['role']} {argument['text']!r} of {event['id']}"
                why, text = "argument_in_other_sentence", sentence["text"][:EXCERPT]
                lost.append(Reject(place, why, detail, text, records=0, arguments=1))
    for event in sentence["event_mentions"]:
        event["arguments"] = [a for a in event["arguments"] if a["entity_id"] in known]
    return lost


def _parted(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The sentences of a document with their annotations, offsets counted in each one's string."""
    sentences: list[dict[str, Any]] = []
    tokens: list[tuple[int, Any]] = []
    for sentence_tokens, text in items(row["sentences"]):
        tokens += [(len(sentences), token) for token in items(sentence_tokens)]
        lists: dict[str, list[Any]] = {"entity_mentions": [], "event_mentions": []}
        sentences.append({"doc_id": row["doc_id"], "text": text, **lists})
    starts = {number: token[1] for number, token in reversed(tokens)}

    def in_sentence(part: dict[str, Any]) -> dict[str, Any]:
        """The span with offsets in its sentence; a span that leaves it gets impossible ones."""
        number, first, last = whole(part["sent_idx"]), whole(part["start"]), whole(part["end"]) - 1
        inside = 0 <= first <= last < len(tokens) and tokens[first][0] == tokens[last][0] == number
        if not inside:
            return {**part, "start": -2, "end": -2}  # -1 means that a string has no place
        base = starts[number]
        return {**part, "start": tokens[first][1][1] - base, "end": tokens[last][1][2] - base}

    for entity in items(row["entity_mentions"]):
        _at(sentences, entity["sent_idx"])["entity_mentions"].append(in_sentence(entity))
    for event in items(row["event_mentions"]):
        trigger, arguments = in_sentence(event["trigger"]), items(event["arguments"])
        local_event = {**event, "trigger": trigger, "arguments": arguments}
        _at(sentences, event["trigger"]["sent_idx"])["event_mentions"].append(local_event)
    return sentences


def _at(sentences: list[dict[str, Any]], number: Any) -> dict[str, Any]:
    if whole(number) < 0:
        raise RowError(f"there is no sentence {number}")
    sentence: dict[str, Any] = sentences[number]
    return sentence


read, unread_fields = shaped("document_events", _sentences)
