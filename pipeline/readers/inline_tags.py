"""One sentence a line, every token with its tag behind a colon, at the end the sentence's class.

    who:O played:O ariel:B-CHARACTER in:O the:O 3:30:B-TITLE train:I-TITLE <=> <NULL>

The last colon of a piece parts token and tag, since tokens may hold colons. What follows ` <=> ` is
the intent of the query; it is no part of the text. Pieces stand one blank apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.readers import _tags
from pipeline.readers._source import EXCERPT, lines
from pipeline.readers._tags import Tagged as Options  # noqa: TC001 - the catalogue asks for it
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per line."""
    for file in files:
        for origin, line in lines(file):
            if line.strip():
                yield _record(origin, line, options)


def _record(origin: str, line: str, options: Options) -> Record | Reject:
    sentence, mark, _ = line.rpartition(" <=> ")
    pieces = [piece.rpartition(":") for piece in (sentence or line).split(" ")]
    tokens, tags = [piece[0] for piece in pieces], [piece[2] for piece in pieces]
    if mark and all(tokens):
        return _tags.tagged(origin, tokens, tags, options.language, options.style)
    why, told = "no_class", "no ` <=> ` in the line"
    if mark:
        why, told = "missing_tag", f"{tags[tokens.index('')]!r} is no token:tag"
    return Reject(origin, why, told, line[:EXCERPT], entities=_tags.count(tags, options.style))
