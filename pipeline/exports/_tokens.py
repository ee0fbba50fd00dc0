"""Tokens with their places: how character spans become token spans.

The tokenization is the one that BERT models begin with: a Chinese character is a token, so is a
punctuation mark; what white space, punctuation and Chinese characters part is a token. It needs no
model and knows no label, so that a text without annotations is parted in the same way:

    "Dr. Vale joined 雾港 in 2019"  ->  Dr | . | Vale | joined | 雾 | 港 | in | 2019

A mention that begins or ends inside a token has no token span. The exports count those.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The blocks of CJK ideographs that BERT's own tokenizer sets apart.
_HAN: Final = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf"
    "\U0002f800-\U0002fa1f"
)
#: A combining mark is no word character to `re`, but BERT leaves it with its letter.
_MARKS: Final = "\u0300-\u036f"
_TOKEN: Final = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}_])[\w{_MARKS}])+|[^\w\s]|_")


class Tokens(NamedTuple):
    """The tokens of a text, and the token that begins or ends at a character."""

    words: list[str]
    begins: dict[int, int]
    ends: dict[int, int]

    def span(self, start: int | None, end: int | None) -> tuple[int, int] | None:
        """Characters start:end as tokens first:last, both half-open; None without a token span."""
        if start is None or end is None:
            return None
        first, last = self.begins.get(start), self.ends.get(end)
        return None if first is None or last is None else (first, last + 1)


def tokens(text: str) -> Tokens:
    """Part a text into tokens."""
    found = [*_TOKEN.finditer(text)]
    return Tokens(
        [match.group() for match in found],
        {match.start(): i for i, match in enumerate(found)},
        {match.end(): i for i, match in enumerate(found)},
    )


class Aligned(NamedTuple):
    """The mentions of a record as token spans: mention index -> (first, after last)."""

    tokens: Tokens
    spans: dict[int, tuple[int, int]]
    #: Mentions left out: those without offsets, and those whose ends fall inside tokens.
    lost: dict[str, int]


def aligned(text: str, mentions: Sequence[dict[str, Any]]) -> Aligned:
    """The tokens of a text and the token spans of its mentions.

    White space at the ends of a mention is not part of any token, so it is set aside.
    """
    parts = tokens(text)
    spans: dict[int, tuple[int, int]] = {}
    lost: dict[str, int] = {}
    for index, mention in enumerate(mentions):
        start, end = mention["start"], mention["end"]
        if start is None or end is None:
            lost["without_offsets"] = lost.get("without_offsets", 0) + 1
            continue
        own = mention["text"]
        span = parts.span(start + len(own) - len(own.lstrip()), end - len(own) + len(own.rstrip()))
        if span is None:
            lost["inside_a_token"] = lost.get("inside_a_token", 0) + 1
        else:
            spans[index] = span
    return Aligned(parts, spans, lost)
