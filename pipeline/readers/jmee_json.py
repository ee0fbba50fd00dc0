"""Sentences with "golden" mentions over words, in JSON arrays: the layout of JMEE (CrudeOilNews).

    [{"sentence_id": "12_Crude-slips.txt_0", "words": ["Crude", "slips", "2", "%", "to", "$", "61"],
      "sentence": "Crude slips 2 % to $ 61", "pos-tags": ["NN", ...], "ner": ["O", ...],
      "golden-entity-mentions": [
        {"text": "Crude", "start": 0, "end": 1, "entity-type": "Commodity", "standoff_id": 3},
        {"text": "2%", "start": 2, "end": 4, "entity-type": "Percentage", "standoff_id": 4}],
      "golden-event-mentions": [
        {"id": "E1", "event_type": "Movement-down-loss", "polarity": "Positive",
         "modality": "Asserted", "intensity": "Neutral",
         "trigger": {"start": 1, "end": 2, "text": "slips", "standoff_id": 5},
         "arguments": [{"start": 0, "end": 1, "role": "Item", "entity-type": "Commodity",
                        "text": "Crude", "standoff_id": 3}]}],
      "event-event-relations": []}, ...]

A path may be a file (one article) or a folder of them. `start` and `end` count the words,
half-open. The record's text is the words joined; `text` of a mention is that of the untokenized
article and is not read. Brackets and quotes that the tokenizer escaped (-LRB-, ``) are put back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import RawFileError
from pipeline.readers._source import attempt, items, join_tokens, json_rows, label_of, whole
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_ENTITIES: Final = "golden-entity-mentions"
_EVENTS: Final = "golden-event-mentions"
_ESCAPES: Final = {
    "``": '"',
    "''": '"',
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per sentence, with the article's file as its source id."""
    for path in files:
        articles = [p for p in sorted(path.glob("*.json")) if p.is_file()]
        if path.is_dir() and not articles:
            raise RawFileError("the folder holds no *.json", where=path, todo="check its path")
        for file in articles if path.is_dir() else [path]:
            for origin, row in json_rows(file):
                item = attempt(origin, partial(_record, origin, file.stem, language), row)
                yield _counted(item, row) if isinstance(item, Reject) else item


def _record(origin: str, source_id: str, language: str, row: Any) -> Record:
    words = [_ESCAPES.get(word, word) for word in items(row["words"])]
    text, starts = join_tokens(words, language)
    mentions: list[Mention] = []
    places: dict[tuple[int, int], int] = {}

    def add(part: dict[str, Any], label: str | None) -> int:
        first, end = whole(part["start"]), whole(part["end"])
        if not 0 <= first < end <= len(words):
            raise ValueError(f"words {first}:{end} of {len(words)} ({part['text']!r})")
        begin, stop = starts[first], starts[end - 1] + len(words[end - 1])
        mentions.append(Mention(text[begin:stop], begin, stop, label))
        return places.setdefault((first, end), len(mentions) - 1)

    def at(part: dict[str, Any]) -> int:
        """The number of the mention there; an argument or a trigger need not be an entity."""
        known = places.get((whole(part["start"]), whole(part["end"])))
        return add(part, None) if known is None else known

    for part in items(row[_ENTITIES]):
        add(part, label_of(part["entity-type"]))
    events = []
    for event in items(row[_EVENTS]):
        given = items(event["arguments"])
        arguments = tuple(Argument(part["role"], at(part)) for part in given)
        events.append(Event(event["event_type"], at(event["trigger"]), arguments))
    return Record(text, origin, mentions, (), events, source_id)


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of annotations that are lost with the sentence."""
    if not isinstance(row, dict):
        return reject
    entities, events = (
        own if isinstance(own, list) else [] for own in (row.get(_ENTITIES), row.get(_EVENTS))
    )
    lists = [e.get("arguments") for e in events if isinstance(e, dict)]
    arguments = sum(len(own) for own in lists if isinstance(own, list))
    return reject._replace(entities=len(entities), events=len(events), arguments=arguments)
