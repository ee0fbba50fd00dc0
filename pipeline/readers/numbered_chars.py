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
from pipeline.readers._source import EXCERPT, join_tokens, lines
from pipeline.records import Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LINE: Final = re.compile(r"([^\d\t]+|\d)([0-9]+)\t(\S+)\s*")


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per message, with the numbers left out."""
    for file in files:
        rows: list[tuple[str, str]] = []
        origin, broken = "", None
        for place, line in _with_end(file):
            if not line.strip():
                if broken:
                    yield broken._replace(entities=_tags.count([t for _, t in rows], _tags.Style()))
                elif rows:
                    yield _record(rows, origin, options.language)
                rows, broken = [], None
                continue
            if not rows and not broken:
                origin = place
            match = _LINE.fullmatch(line)
            if match is None:
                broken = broken or Reject(place, "malformed_token", "", line[:EXCERPT])
            else:
                rows.append((match[1], match[3]))


def _with_end(file: Path) -> Iterator[tuple[str, str]]:
    yield from lines(file)
    yield "", ""


def _record(rows: list[tuple[str, str]], origin: str, language: str) -> Record | Reject:
    characters = [character for character, _ in rows]
    text, starts = join_tokens(characters, language)
    tags = [tag for _, tag in rows]
    spans = _tags.decode(tags, _tags.Style())
    if isinstance(spans, str):
        lost = _tags.count(tags, _tags.Style())
        return Reject(origin, "unknown_tag", spans, text[:EXCERPT], entities=lost)
    mentions = _tags.mentions(spans, text, characters, starts)
    return Record(text, origin, mentions)
