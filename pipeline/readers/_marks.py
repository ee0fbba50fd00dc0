"""Running text with marks in it.

Such a mark opens or closes a span of any kind, or the head or the tail of the relation of the text:
<e1>Ada</e1> left <e2>Oslo</e2>.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.readers._paths import Item, RowError

if TYPE_CHECKING:
    from pipeline.readers._rows import Options


def unmarked(
    line: str, mark: re.Pattern[str], words: Callable[[str], str] = str
) -> tuple[str, list[tuple[int, int, str]]] | None:
    """The text without its marks, and (start, end, what the opening mark says) of each span.

    A mark in which a group of the pattern matches opens, any other closes; None where one stays
    open or closes nothing. `words` makes text of what stands between two marks.
    """
    text, position = "", 0
    opened: list[tuple[int, str]] = []
    spans: list[tuple[int, int, str]] = []
    for match in mark.finditer(line):
        text += words(line[position : match.start()])
        position = match.end()
        if match.lastindex:
            opened.append((len(text), match[match.lastindex]))
        elif opened:
            start, said = opened.pop()
            spans.append((start, len(text), said))
        else:
            return None
    return None if opened else (text + words(line[position:]), sorted(spans))


def unmarked_row(row: Item, options: Options) -> Item:
    """The row with its text without marks, and [start, end] of head and tail in a list `marks`.

    A relation that is called "made(e2,e1)" is one of this name, from the second mark to the first.
    """
    field, value = str(options.text), row.value
    text = value.get(field) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise RowError(f"no text with marks in a field {field!r}")
    bare, ends = unpaired(text, options.marks)
    unmarked_value: dict[str, Any] = {**value, field: bare, "marks": ends}
    label = str(options.relations.label) if options.relations else ""
    if isinstance(name := value.get(label), str):
        unmarked_value[label], turned = directed(name, options.marks)
        unmarked_value["marks"] = ends[::-1] if turned else ends
    return Item(unmarked_value, row.trail)


def directed(label: str, marks: Sequence[str]) -> tuple[str, bool]:
    """The bare name of a relation, and whether it goes from the second mark to the first."""
    one, two = (re.sub(r"\W", "", mark) for mark in marks[::2])
    match = re.fullmatch(rf"(.*)\((?:{one},{two}|({two},{one}))\)", label.strip(), re.IGNORECASE)
    return (match[1], match[2] is not None) if match else (label, False)


def unpaired(marked: str, marks: Sequence[str]) -> tuple[str, list[list[int]]]:
    """A text without its marks, and start and end of what stood between each two of them.

    Where marks are words of their own, each goes with one of its blanks. Raises RowError where each
    mark does not stand in the text once.
    """
    pieces = re.split(f"({'|'.join(map(re.escape, marks))})", marked.strip())
    if sorted(pieces[1::2]) != sorted(marks):
        marks_there = " ".join(pieces[1::2]) or "missing"
        raise RowError(f"the marks are {marks_there}, not {' '.join(marks)}", "malformed_tags")
    text, places = pieces[0], {}
    for mark, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if mark in marks[1::2] and text[-1:] == " " and piece[:1] in tuple(",;.:!?)"):
            text = text[:-1]  # As in "[E1] Ada [/E1], who": the blank goes with the mark.
        places[mark] = len(text)
        text += piece[1:] if piece[:1] == " " and text[-1:] in ("", " ") else piece
    ends = []
    for opening, closing in zip(marks[::2], marks[1::2], strict=True):
        inner = text[places[opening] : places[closing]]
        start = places[opening] + len(inner) - len(inner.lstrip())
        ends.append([start, start + len(inner.strip())])
    return text.rstrip(), ends
