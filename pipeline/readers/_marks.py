"""Running text with marks in it that open and close a span."""

from __future__ import annotations

import re
from collections.abc import Callable


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
