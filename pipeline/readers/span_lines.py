"""One text a line, its spans behind bars: a label and two offsets each.

    Ada left Oslo .|||PER|0|3|||LOC|9|13        Ada left Oslo .<TAB>LOCATION|9|13 PERSON|0|3

`before` parts the text from its spans, `between` one span from the next, and `inside` the parts of
a span: label, start and end, or start, end and label. Offsets count characters, half-open unless
`inclusive_end`. A line without spans is a text without entities.
"""

from typing import Any

from pipeline.readers._paths import Rows, Table
from pipeline.readers.json_rows import lines_of, shaped


class Options(Table, frozen=True):
    """What parts a line."""

    before: str = "|||"
    between: str = "|||"
    inside: str = "|"
    inclusive_end: bool = False


def _row(origin: str, line: Any, options: Options) -> Rows:
    text, _, rest = line.partition(options.before)
    parts = [part.strip() for part in rest.split(options.between) if part.strip()]
    yield origin, {"text": text, "spans": [_span(part, options.inside) for part in parts]}


def _span(part: str, inside: str) -> list[Any]:
    """Label, start and end; what is no such span keeps its string, and is rejected for it."""
    cells = part.split(inside)
    numbers = [int(c) for c in cells if c.isascii() and c.isdigit() and len(c) < 10]
    labels = [c for c in cells if not (c.isascii() and c.isdigit())]
    if len(cells) != 3 or len(numbers) != 2 or len(labels) != 1:
        return [part, None, None]
    return [*labels, *numbers]


read, _ = shaped("spans", _row, lines_of)
