"""The annotations of a record, for people: spans to mark in its text, and facts in words.

The page and `iepile show` both show these spans and facts, each in its own form.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pipeline.records import Argument, Record

#: Characters of an excerpt, and how many of them come before its first annotation.
_EXCERPT: Final = 420
_BEFORE: Final = 80


class Span(NamedTuple):
    """A marked stretch of text, in characters."""

    start: int
    end: int
    label: str


def spans(record: Record) -> list[Span]:
    """The spans to mark: entities, triggers, arguments, heads and tails, in text order."""
    labels: list[dict[str, None]] = [{} for _ in record.mentions]
    for i, mention in enumerate(record.mentions):
        if mention.label is not None:
            labels[i][mention.label] = None
    for event in record.events:
        if event.trigger is not None:
            labels[event.trigger][f"trigger of {event.label}"] = None
    for event in record.events:
        for argument in event.arguments:
            labels[argument.mention][argument.role] = None
    for relation in record.relations:
        for mention_index, name in ((relation.head, "head"), (relation.tail, "tail")):
            if not labels[mention_index]:
                labels[mention_index][name] = None
    marked = {
        Span(mention.start, mention.end, ", ".join(labels[i]))
        for i, mention in enumerate(record.mentions)
        if mention.start is not None and mention.end is not None
    }
    return sorted(marked, key=lambda span: (span.start, -span.end, span.label))


def facts(record: Record) -> Iterator[tuple[str, str]]:
    """(label, words) of entities that have no place in the text, of relations and of events."""
    texts = [mention.text for mention in record.mentions]
    for mention in record.mentions:
        if mention.start is None and mention.label is not None:
            where = "several places" if record.text.count(mention.text) > 1 else "no place"
            yield mention.label, f"{mention.text} ({where} in the text)"
    for r in record.relations:
        yield r.label, f"{texts[r.head]} → {texts[r.tail]}{_slots(r.qualifiers, texts)}"
    for e in record.events:
        trigger = "" if e.trigger is None else texts[e.trigger]
        yield e.label, (trigger + _slots(e.arguments, texts)).removeprefix("; ")


def _slots(slots: Sequence[Argument], texts: Sequence[str]) -> str:
    return "".join(f"; {slot.role}: {texts[slot.mention]}" for slot in slots)


def excerpt(text: str, spans: Sequence[Span]) -> tuple[str, list[Span], list[str]]:
    """(excerpt of the text, the spans in it, a note on omitted parts); `spans` in text order."""
    first, last = _window(text, spans)
    before, after = "…" if first else "", "…" if last < len(text) else ""
    shift = len(before) - first
    inside = [
        Span(span.start + shift, span.end + shift, span.label)
        for span in spans
        if first <= span.start and span.end <= last
    ]
    left_out = len(spans) - len(inside)
    hidden = first + len(text) - last
    omitted = [f"{hidden:,} more characters, {left_out:,} more mentions"] if hidden else []
    return before + text[first:last] + after, inside, omitted


def _window(text: str, spans: Sequence[Span]) -> tuple[int, int]:
    """(start, end) of an excerpt that begins before the first span, with whole spans at its end."""
    if len(text) <= _EXCERPT:
        return 0, len(text)
    first = max(0, min((span.start for span in spans), default=0) - _BEFORE)
    last = first + _EXCERPT
    torn = [span.end for span in spans if span.start < last < span.end <= last + _BEFORE]
    return first, min(max(torn, default=last), len(text))


def cut(text: str, length: int) -> str:
    """The text, or its beginning, in at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
