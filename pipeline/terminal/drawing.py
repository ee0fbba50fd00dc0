"""Records for the terminal: the text, and under each line the annotations with their labels.

    Ada Lowe met 张三 in Oslo
    ━━━━━━━━     ━━━━    ━━━━
    person       person  location

Columns are terminal cells, of which a Chinese character takes two. Annotations that overlap, or
whose labels would, stand in further rows; one that goes on in the next line is drawn there too.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from pipeline.records import Record
from pipeline.report import marks
from pipeline.report.marks import Span
from pipeline.text import drawn

_STYLES: Final = ("cyan", "magenta", "green", "yellow", "blue", "red")
_MARK: Final = "━"


class Mark(NamedTuple):
    """A span, or the part of it in one line, in cells from the left edge."""

    column: int
    width: int
    label: str
    #: Where the label starts: left of the mark where it would not fit on the line.
    place: int


def record(record: Record, width: int) -> Iterator[Text]:
    """The lines of one record: its marked text, and under it facts in words."""
    spans = [span._replace(label=drawn(span.label)) for span in marks.spans(record)]
    yield from marked(record.text, spans, width)
    for label, words in marks.facts(record):
        yield Text(drawn(f"  {label}: {words}"))


def marked(text: str, spans: Sequence[Span], width: int) -> Iterator[Text]:
    """The text in lines of at most `width` cells, and under each the spans in it."""
    shown = drawn(text)
    labels = sorted({span.label for span in spans})
    styles = {label: _STYLES[i % len(_STYLES)] for i, label in enumerate(labels)}
    for start, end in lines(shown, width):
        line = Text(shown[start:end].rstrip())
        in_line = []
        for span in spans:
            first, last = max(span.start, start), min(span.end, end)
            if first < last:
                line.stylize(f"bold {styles[span.label]}", first - start, last - start)
                column = cell_len(shown[start:first])
                cells = max(cell_len(shown[start:last]) - column, 1)
                label = span.label if span.start >= start else ""
                place = min(column, max(width - cell_len(label), 0))
                in_line.append(Mark(column, cells, label, place))
        yield line
        for lane in lanes(in_line):
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
