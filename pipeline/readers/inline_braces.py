r"""Running text with labelled spans in double braces, one document a line.

    {{time:昨天}}，{{company_name: 远帆科技}}总裁{{person_name:乔一鸣}}到访。\n\n会谈持续两小时。

Marks may be nested. The blanks of a marked string belong to the text and not to the mention. The
two characters `\n` are a line break. An opening with a single brace counts as well, for it is a
slip where two braces close it; any other brace is text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.readers._source import EXCERPT, lines
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MARK: Final = re.compile(r"\{\{?([A-Za-z_]+):|\}\}|\{\{")


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per line that is not empty."""
    for file in files:
        for origin, line in lines(file):
            if line.strip():
                yield _record(origin, line.replace("\\n", "\n"))


def _record(origin: str, line: str) -> Record | Reject:
    pieces: list[str] = []
    opened: list[tuple[str, int]] = []
    spans: list[tuple[int, int, str]] = []
    position = length = 0
    for mark in _MARK.finditer(line):
        pieces.append(line[position : mark.start()])
        length += mark.start() - position
        position = mark.end()
        if mark[1]:
            opened.append((mark[1], length))
        elif opened and mark[0] == "}}":
            label, start = opened.pop()
            spans.append((start, length, label))
        else:
            opened = [("", 0)]
            break
    if opened:
        found = sum(map(bool, _MARK.findall(line)))
        return Reject(origin, "unbalanced_braces", "", line[:EXCERPT], entities=found)
    text = "".join(pieces) + line[position:]
    return Record(text, origin, [_trimmed(text, *span) for span in sorted(spans)])


def _trimmed(text: str, start: int, end: int, label: str) -> Mention:
    """The mention without the blanks at its ends."""
    string = text[start:end]
    start += len(string) - len(string.lstrip())
    string = string.strip()
    return Mention(string, start, start + len(string), label)
