"""Records for the terminal: the text, and under each line the annotations with their labels.

    Ada Lowe met 张三 in Oslo
    ━━━━━━━━     ━━━━    ━━━━
    person       person  location

Columns are terminal cells, of which a Chinese character takes two. Annotations that overlap, or
whose labels would, stand in further rows; one that goes on in the next line is drawn there too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from pipeline.text import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.records import Argument, Record

_STYLES: Final = ("cyan", "magenta", "green", "yellow", "blue", "red")
_MARK: Final = "━"


class Span(NamedTuple):
    """An annotated stretch of text."""

    start: int
    end: int
    label: str


class Mark(NamedTuple):
    """A span, or the part of it in one line, in cells from the left edge."""

    column: int
    width: int
    label: str
    #: Where the label starts: left of the mark where it would not fit on the line.
    place: int


def record(record: Record, width: int) -> Iterator[Text]:
    """The lines of one record: marked text, annotations without a place, relations, events."""
    yield from marked(record.text, spans(record), width)
    names = _names(record)
    for mention in record.mentions:
        if mention.start is None and mention.label is not None:
            where = "several places" if record.text.count(mention.text) > 1 else "no place"
            yield Text(drawn(f"  {mention.label}: {mention.text} ({where} in the text)"))
    for r in record.relations:
        arrow = f"  {names[r.head]} ─ {r.label} → {names[r.tail]}"
        yield Text(drawn(arrow + _slots(r.qualifiers, names)))
    for e in record.events:
        trigger = "" if e.trigger is None else f" ({names[e.trigger]})"
        yield Text(drawn(f"  {e.label}{trigger}" + _slots(e.arguments, names)))


def spans(record: Record) -> list[Span]:
    """What is marked in the text: entities, triggers, arguments, heads and tails, in text order."""
    roles: dict[int, dict[str, None]] = {i: {} for i in range(len(record.mentions))}
    for i, mention in enumerate(record.mentions):
        if mention.label is not None:
            roles[i][mention.label] = None
    for e in record.events:
        if e.trigger is not None:
            roles[e.trigger][f"trigger of {e.label}"] = None
    for event in record.events:
        for a in event.arguments:
            roles[a.mention].setdefault(a.role, None)
    for r in record.relations:
        for end, name in ((r.head, "head"), (r.tail, "tail")):
            if not roles[end]:
                roles[end][name] = None
    found = {
        Span(m.start, m.end, drawn(", ".join(roles[i])))
        for i, m in enumerate(record.mentions)
        if m.start is not None and m.end is not None
    }
    return sorted(found, key=lambda s: (s.start, -s.end, s.label))


def marked(text: str, spans: Sequence[Span], width: int) -> Iterator[Text]:
    """The text in lines of at most `width` cells, and under each the spans in it."""
    shown = drawn(text)
    labels = sorted({span.label for span in spans})
    styles = {label: _STYLES[i % len(_STYLES)] for i, label in enumerate(labels)}
    for start, end in lines(shown, width):
        line = Text(shown[start:end].rstrip())
        marks = []
        for span in spans:
            first, last = max(span.start, start), min(span.end, end)
            if first < last:
                line.stylize(f"bold {styles[span.label]}", first - start, last - start)
                column = cell_len(shown[start:first])
                cells = max(cell_len(shown[start:last]) - column, 1)
                label = span.label if span.start >= start else ""
                place = min(column, max(width - cell_len(label), 0))
                marks.append(Mark(column, cells, label, place))
        yield line
        for lane in lanes(marks):
            yield _row([(m.column, _MARK * m.width, styles.get(m.label, "dim")) for m in lane])
            if any(m.label for m in lane):
                yield _row([(m.place, m.label, styles.get(m.label, "dim")) for m in lane])


def lanes(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks in as few rows as there must be, so that neither they nor their labels touch."""
    rows: list[list[Mark]] = []
    ends: list[int] = []
    for mark in sorted(marks):
        free = next((i for i, end in enumerate(ends) if end <= mark.place), len(rows))
        if free == len(rows):
            rows.append([])
            ends.append(0)
        rows[free].append(mark)
        ends[free] = max(mark.column + mark.width, mark.place + cell_len(mark.label)) + 1
    return rows


def lines(text: str, width: int) -> Iterator[tuple[int, int]]:
    """(start, end) of lines of at most `width` cells, cut after a blank where there is one."""
    start = cells = 0
    blank = 0
    for i, character in enumerate(text):
        size = cell_len(character)
        if cells + size > width and i > start:
            cut = blank if blank > start else i
            yield start, cut
            start, cells = cut, cell_len(text[cut:i])
        cells += size
        if character == " ":
            blank = i + 1
    yield start, len(text)


def _row(pieces: Sequence[tuple[int, str, str]]) -> Text:
    row = Text()
    for column, string, style in pieces:
        row.append(" " * (column - row.cell_len))
        row.append(string, style=style)
    return row


def _names(record: Record) -> list[str]:
    return [m.text for m in record.mentions]


def _slots(slots: Sequence[Argument], names: Sequence[str]) -> str:
    return "".join(f"; {a.role}: {names[a.mention]}" for a in slots)
