"""The data model: one record per annotated text.

Readers yield `Record` and `Reject` tuples, with labels as the raw files spell them. `normalize`
maps the labels and checks every record with `violation`; `tables` has the schema in which records
are stored. Offsets always count Unicode code points of `text`, half-open.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

_OFFSET: Final = (int, type(None))
_STRING: Final = (str, type(None))
Task = Literal["NER", "RE", "SPO", "EE", "EET", "EEA", "KG"]
Split = Literal["train", "dev", "test"]
SPLITS: Final = get_args(Split)
TASKS: Final[tuple[Task, ...]] = get_args(Task)
# As keys of a table: msgspec refuses other strings, and mypy lets any string look a key up.
if TYPE_CHECKING:
    TaskKey = str
    SplitKey = str
else:
    TaskKey, SplitKey = Task, Split


class Mention(NamedTuple):
    """A span of text. Without offsets, the string is not a span, or its position is unknown."""

    text: str
    start: int | None = None
    end: int | None = None
    label: str | None = None
    #: Whether `text` is joined from the fragments of a discontinuous mention, without offsets.
    discontinuous: bool = False


class Argument(NamedTuple):
    """A mention that fills a role of an event, or a qualifier of a relation."""

    role: str
    mention: int


class Relation(NamedTuple):
    """A directed, labeled pair; `head` and `tail` are indices into the record's mentions."""

    label: str
    head: int
    tail: int
    qualifiers: tuple[Argument, ...] = ()


class Event(NamedTuple):
    """A labeled event; `trigger` is an index into the record's mentions, or None."""

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
    """A piece of a raw file that cannot be read, and how much is lost with it.

    `records` is 1 if a whole record is lost, 0 if only annotations of a kept record are.
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
    #: Its document, if one file holds the documents of several splits.
    source_id: str | None = None


def record_id(dataset: str, split: str, ordinal: int, window: int = 0) -> str:
    """Return the id of a record: its position in the source and, in a long text, its window."""
    return f"{dataset}/{split}/{ordinal}" + (f".{window}" if window else "")


def place(identifier: str) -> tuple[str, str, int, int]:
    """Return (dataset, split, ordinal, window) of a record id; window 0 is a whole text."""
    dataset, split, last = identifier.rsplit("/", 2)
    ordinal, _, window = last.partition(".")
    return dataset, split, int(ordinal), int(window or 0)


def violation(record: Record) -> tuple[str, str] | None:
    """Return the first broken invariant as (reject reason, detail); None if all hold."""
    text, mentions = record.text, record.mentions
    if detail := _wrong_type(record):
        return "malformed_record", detail
    if not text or text.isspace():
        return "empty_text", ""
    without_offsets = [m.text for m in mentions if m.start is None]
    try:
        for string in (text, record.source_id or "", record.origin, *without_offsets):
            string.encode()
    except UnicodeEncodeError as problem:
        return "invalid_utf8", f"character {problem.start} is not valid Unicode"
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
    for index in sorted(used_by(record.relations, record.events)):
        if not 0 <= index < len(mentions):
            return "index_out_of_range", f"mention {index} of {len(mentions)}"
    return None


def _wrong_type(record: Any) -> str | None:
    """Say what has the wrong type in a record whose parts came from JSON unchecked."""
    if not isinstance(record.text, str) or not isinstance(record.source_id, _STRING):
        return "the text or the source id is not a string"
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
    """Return the span of `mention` if it occurs exactly once in `text`, else (None, None)."""
    start = text.find(mention)
    if not mention or start < 0 or text.find(mention, start + 1) >= 0:
        return None, None
    return start, start + len(mention)


def used_by(relations: Sequence[Relation], events: Sequence[Event]) -> set[int]:
    """Return the indices of the mentions that relations and events use."""
    used = {i for r in relations for i in (r.head, r.tail, *(q.mention for q in r.qualifiers))}
    used |= {e.trigger for e in events if e.trigger is not None}
    return used | {a.mention for e in events for a in e.arguments}


def renumbered(
    relations: Iterable[Relation], events: Iterable[Event], number: Mapping[int, int]
) -> tuple[list[Relation], list[Event]]:
    """Return relations and events of mentions that have other numbers: `number[old]` is the new.

    What has no number is gone: relations go with an end of theirs, events lose their arguments and
    triggers.
    """

    def of(slots: Iterable[Argument]) -> tuple[Argument, ...]:
        return tuple(Argument(x.role, number[x.mention]) for x in slots if x.mention in number)

    return (
        [
            Relation(r.label, number[r.head], number[r.tail], of(r.qualifiers))
            for r in relations
            if r.head in number and r.tail in number
        ],
        [
            Event(e.label, None if e.trigger is None else number.get(e.trigger), of(e.arguments))
            for e in events
        ],
    )


def only(record: Record, places: Collection[int]) -> Record:
    """Return the record with the mentions at these places alone, and what does without others."""
    number = {place: n for n, place in enumerate(sorted(places))}
    relations, events = renumbered(record.relations, record.events, number)
    mentions = [record.mentions[place] for place in number]
    return record._replace(mentions=mentions, relations=relations, events=events)


def merge(records: list[Record]) -> Record:
    """Merge records of the same text into one that has the distinct annotations of all."""
    if len(records) == 1:
        return records[0]
    mentions: dict[Mention, int] = {}
    relations: dict[Relation, None] = {}
    events: dict[Event, None] = {}
    for record in records:
        new = {i: mentions.setdefault(m, len(mentions)) for i, m in enumerate(record.mentions)}
        own_relations, own_events = renumbered(record.relations, record.events, new)
        relations |= dict.fromkeys(own_relations)
        events |= dict.fromkeys(own_events)
    first = records[0]
    return Record(first.text, first.origin, [*mentions], [*relations], [*events], first.source_id)
