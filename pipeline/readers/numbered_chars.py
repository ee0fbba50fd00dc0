"""One character a line with its place in its word and a BIO tag, messages apart by empty lines.

    老0<TAB>B-PER.NOM        A word of three characters is numbered 0, 1, 2; from the tenth
    师1<TAB>I-PER.NOM        character on the number has two digits, and the character itself
    说0<TAB>O                may be a digit: "310" is the 3 at place 10.
    20<TAB>O

A lost emoji stands as one or two U+FFFD before the number; they are kept, as they are one token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.readers import _tags
from pipeline.readers._options import Joined as Options  # noqa: TC001 - the catalogue asks for it
from pipeline.readers._source import EXCERPT, lines
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record

_LINE: Final = re.compile(r"([^\d\t]+|\d)([0-9]+)\t(\S+)\s*")


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per message, with the numbers left out."""
    for file in files:
        rows: list[tuple[str, str]] = []
        for place, line in (*lines(file), ("", "")):
            if line.strip():
                rows.append((place, line))
            elif rows:
                yield _record(rows, options.language)
                rows = []


def _record(rows: list[tuple[str, str]], language: str) -> Record | Reject:
    matches = [_LINE.fullmatch(line) for _, line in rows]
    found = [match for match in matches if match]
    tags = [match[3] for match in found]
    if None in matches:
        place, line = rows[matches.index(None)]
        lost = _tags.count(tags, _tags.Style())
        return Reject(place, "malformed_token", "", line[:EXCERPT], entities=lost)
    characters = [match[1] for match in found]
    return _tags.tagged(rows[0][0], characters, tags, language, _tags.Style())
