"""The data model: one record per annotated text.

Readers yield `Record` and `Reject` tuples in the spelling of the raw files. `normalize` maps their
labels and checks every record with `violation`; `tables` has the shape in which they are stored.
Offsets count Unicode code points of `text`, half-open, everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - msgspec reads the fields' types
from typing import Any, Final, Literal, NamedTuple, get_args

_OFFSET: Final = (int, type(None))
_STRING: Final = (str, type(None))
Task = Literal["NER", "RE", "SPO", "EE", "EET", "EEA", "KG"]
SPLITS: Final = ("train", "dev", "test")
TASKS: Final[tuple[Task, ...]] = get_args(Task)


class Mention(NamedTuple):
    """A span of text. Without offsets the string is no span, or its place is unknown."""

    text: str
    start: int | None = None
    end: int | None = None
    label: str | None = None
    #: The fragments of a discontinuous mention were joined into `text`; it has no offsets.
    discontinuous: bool = False


class Argument(NamedTuple):
    """A mention in a role of an event, or in a qualifier slot of a relation."""

    role: str
    mention: int


class Relation(NamedTuple):
    """A directed labelled pair; `head` and `tail` index the record's mentions."""

    label: str
    head: int
    tail: int
    qualifiers: tuple[Argument, ...] = ()


class Event(NamedTuple):
    """A labelled event; `trigger` indexes the record's mentions, or is None where there is none."""

    label: str
    trigger: int | None = None
    arguments: tuple[Argument, ...] = ()


class Record(NamedTuple):
    """One text with all its annotations, as a reader yields it."""

    text: str
    origin: str
    mentions: Sequence[Mention] = ()
    relations: Sequence[Relation] = ()
    events: Sequence[Event] = ()
    source_id: str | None = None


class Reject(NamedTuple):
    """A raw piece that cannot become (part of) a record, with the annotations lost with it.

    `records` is 1 where a whole record is lost, 0 where only annotations of a kept record are.
    """

    origin: str
    reason: str
    detail: str = ""
    excerpt: str = ""
    records: int = 1
    entities: int = 0
    relations: int = 0
    events: int = 0
    arguments: int = 0
    #: The document it is from, where one file holds the documents of several splits.
    source_id: str | None = None


def record_id(dataset: str, split: str, ordinal: int, window: int = 0) -> str:
    """The id of a record: its place in the source, and for a part of a long text its number."""
    return f"{dataset}/{split}/{ordinal}" + (f".{window}" if window else "")


def place(identifier: str) -> tuple[str, str, int, int]:
    """(dataset, split, ordinal, window) of a record id; window 0 is a whole text."""
    dataset, split, last = identifier.rsplit("/", 2)
    ordinal, _, window = last.partition(".")
    return dataset, split, int(ordinal), int(window or 0)


def violation(record: Record) -> tuple[str, str] | None:
    """The first broken invariant as (reject reason, detail), or None for a sound record."""
    text, mentions = record.text, record.mentions
    if odd := _odd_type(record):
        return "malformed_record", odd
    if not text or text.isspace():
        return "empty_text", ""
    loose = [m.text for m in mentions if m.start is None]
    try:
        for string in (text, record.source_id or "", record.origin, *loose):
            string.encode()
    except UnicodeEncodeError as problem:
        return "invalid_utf8", f"character {problem.start} is no Unicode text"
    for string, start, end, label, _ in mentions:
        if not string:
            return "empty_mention", f"{label} at {start}:{end}"
        if start is None or end is None:
            if (start, end) != (None, None):
                return "offset_missing", f"{string!r} has only one of start and end"
        elif not 0 <= start < end <= len(text):
            return "offset_out_of_text", f"{start}:{end} in a text of {len(text)} characters"
        elif text[start:end] != string:
            return "offset_mismatch", f"{start}:{end} is {text[start:end]!r}, not {string!r}"
    indices = [i for r in record.relations for i in (r.head, r.tail)]
    indices += [q.mention for r in record.relations for q in r.qualifiers]
    indices += [e.trigger for e in record.events if e.trigger is not None]
    indices += [a.mention for e in record.events for a in e.arguments]
    for index in indices:
        if not 0 <= index < len(mentions):
            return "index_out_of_range", f"mention {index} of {len(mentions)}"
    return None


def _odd_type(record: Any) -> str | None:
    """What is of the wrong type in a record whose parts came out of JSON unchecked."""
    if not isinstance(record.text, str) or not isinstance(record.source_id, _STRING):
        return "the text or the source id is no string"
    for m in record.mentions:
        text, start, end, label, _ = m
        if not isinstance(text, str) or not isinstance(label, _STRING):
            return f"mention {m!r:.80}"
        if type(start) not in _OFFSET or type(end) not in _OFFSET:
            return f"offsets of mention {m!r:.80}"
    if not record.relations and not record.events:
        return None
    labels = [r.label for r in record.relations] + [e.label for e in record.events]
    labels += [q.role for r in record.relations for q in r.qualifiers]
    labels += [a.role for e in record.events for a in e.arguments]
    odd = [label for label in labels if not isinstance(label, str)]
    return f"label {odd[0]!r:.80}" if odd else None


def locate(text: str, mention: str) -> tuple[int, int] | tuple[None, None]:
    """The span of `mention` where it occurs exactly once in `text`, else no offsets."""
    start = text.find(mention)
    if not mention or start < 0 or text.find(mention, start + 1) >= 0:
        return None, None
    return start, start + len(mention)


def used_by(relations: Sequence[Relation], events: Sequence[Event]) -> set[int]:
    """The mentions that relations and events are about."""
    used = {i for r in relations for i in (r.head, r.tail, *(q.mention for q in r.qualifiers))}
    used |= {e.trigger for e in events if e.trigger is not None}
    return used | {a.mention for e in events for a in e.arguments}


def merge(records: list[Record]) -> Record:
    """One record with the distinct annotations of several records of the same text."""
    if len(records) == 1:
        return records[0]
    mentions: dict[Mention, int] = {}
    relations: dict[Relation, None] = {}
    events: dict[Event, None] = {}
    for record in records:
        new = [mentions.setdefault(m, len(mentions)) for m in record.mentions]
        for x in record.relations:
            qualifiers = tuple(Argument(q.role, new[q.mention]) for q in x.qualifiers)
            relations[Relation(x.label, new[x.head], new[x.tail], qualifiers)] = None
        for e in record.events:
            arguments = tuple(Argument(a.role, new[a.mention]) for a in e.arguments)
            trigger = None if e.trigger is None else new[e.trigger]
            events[Event(e.label, trigger, arguments)] = None
    first = records[0]
    return Record(first.text, first.origin, [*mentions], [*relations], [*events], first.source_id)
