"""IEPile's unified annotations: strings without offsets, in JSON lines or one array, BOM or not.

    {"text": "Ada fell in Oslo", "entity": [{"entity": "Ada", "entity_type": "person"}]}
    {"text": "…", "relation": [{"head": "Ada", "relation": "born in", "tail": "Oslo"}]}
    {"text": "…", "relation": [{"head": "Ada", "head_type": "person", "relation": "born in",
                                "tail": "Oslo", "tail_type": "city"}]}
    {"text": "…", "event": [{"event_trigger": "fell", "event_type": "accident"}]}
    {"text": "…", "event": [{"event_trigger": "fell", "event_type": "accident",
                             "arguments": [{"argument": "Ada", "role": "victim"}]}]}

The text may be called `input`. A row without any of the three lists is unlabelled, and rejected; a
row may have several. The ends of relations are mentions with their types as labels. A trigger that
is empty or "NAN" is none. An entity or an argument without a string is a reject of its own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._source import EXCERPT, attempt, items, json_rows, label_of
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LISTS: Final = ("entity", "relation", "event")
_NONE: Final = ("", "NAN", None)


def read(
    files: Sequence[Path],
    *,
    language: str,  # noqa: ARG001 - the text is given whole, nothing is joined
) -> Iterator[Record | Reject]:
    """Yield one record per row, and before it a reject per annotation without a string."""
    for file in files:
        for origin, row in json_rows(file):
            empty: list[Reject] = []
            item = attempt(origin, partial(_record, origin, empty), row)
            if isinstance(item, Reject):
                yield _counted(item, row)
            else:
                yield from empty
                yield item


def _record(origin: str, empty: list[Reject], row: Any) -> Record | Reject:
    text = row["text"] if "text" in row else row["input"]
    if all(row.get(name) is None for name in LISTS):
        return Reject(origin, "unlabelled", "no entity, relation or event", str(text)[:EXCERPT])
    mentions: list[Mention] = []
    first: dict[tuple[str, str | None], int] = {}

    def add(string: str, label: str | None) -> int:
        first.setdefault((string, label), len(mentions))
        mentions.append(Mention(string, label=label))
        return len(mentions) - 1

    def end(string: str, label: str | None) -> int:
        """The mention of an end of a relation or event: an entity where there is one."""
        if (string, label) in first:
            return first[string, label]
        if label is None:
            named = (i for i, mention in enumerate(mentions) if mention.text == string)
            if (known := next(named, None)) is not None:
                return known
        return add(string, label)

    for entity in _list(row, "entity"):
        if entity["entity"] == "":
            empty.append(_empty(origin, "entity", text)._replace(entities=1))
        else:
            add(entity["entity"], label_of(entity["entity_type"]))
    relations = [
        Relation(
            x["relation"],
            end(x["head"], x.get("head_type") or None),
            end(x["tail"], x.get("tail_type") or None),
        )
        for x in _list(row, "relation")
    ]
    events = []
    for event in _list(row, "event"):
        trigger = event.get("event_trigger")
        at = None if trigger in _NONE else end(trigger, None)
        arguments = []
        for argument in _list(event, "arguments"):
            if argument["argument"] in _NONE:
                empty.append(_empty(origin, "argument", text)._replace(arguments=1))
            else:
                arguments.append(Argument(argument["role"], end(argument["argument"], None)))
        events.append(Event(event["event_type"], at, tuple(arguments)))
    return Record(text, origin, mentions, relations, events)


def _list(row: Any, key: str) -> list[Any]:
    """A list of a row; null and an absent key are an empty one."""
    found = row.get(key)
    return [] if found is None else items(found)


def _empty(origin: str, what: str, text: Any) -> Reject:
    return Reject(origin, "empty_mention", f"an {what} without a string", str(text)[:EXCERPT], 0)


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the numbers of annotations that are lost with the row."""
    if not isinstance(row, dict):
        return reject
    sizes = [len(row[name]) if isinstance(row.get(name), list) else 0 for name in LISTS]
    events = row["event"] if sizes[2] else []
    inner = [e.get("arguments") for e in events if isinstance(e, dict)]
    arguments = sum(len(own) for own in inner if isinstance(own, list))
    return reject._replace(
        entities=sizes[0], relations=sizes[1], events=sizes[2], arguments=arguments
    )
