"""One sentence a line, every token with its tag behind a colon, at the end the sentence's class.

    who:O played:O ariel:B-CHARACTER in:O the:O 3:30:B-TITLE train:I-TITLE <=> <NULL>

The last colon of a piece parts token and tag, since tokens may hold colons. What follows ` <=> ` is
the intent of the query; it is no part of the text. Pieces stand one blank apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.readers import _tags
from pipeline.readers._options import Joined
from pipeline.readers._source import EXCERPT, join_tokens, lines
from pipeline.readers._tags import Scheme  # noqa: TC001 - msgspec reads it
from pipeline.records import Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Options(Joined, frozen=True):
    """The tag scheme, as in `columns`."""

    scheme: Scheme = "IOB2"


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per line."""
    for file in files:
        for origin, line in lines(file):
            if line.strip():
                yield _record(origin, line, options.language, options.scheme)


def _record(origin: str, line: str, language: str, scheme: Scheme) -> Record | Reject:
    sentence, mark, _ = line.rpartition(" <=> ")
    pieces = [piece.rpartition(":") for piece in (sentence or line).split(" ")]
    tokens = [token for token, _, _ in pieces]
    tags = [tag for _, _, tag in pieces]
    style = _tags.Style(scheme)
    spans = _tags.decode(tags, style)
    if not mark:
        why, told = "no_class", "no ` <=> ` in the line"
    elif not all(tokens):
        why, told = "missing_tag", f"{tags[tokens.index('')]!r} is no token:tag"
    elif isinstance(spans, str):
        why, told = "unknown_tag", spans
    else:
        text, starts = join_tokens(tokens, language)
        return Record(text, origin, _tags.mentions(spans, text, tokens, starts))
    return Reject(origin, why, told, line[:EXCERPT], entities=_tags.count(tags, style))
