"""Tokens with their places: how character spans become token spans.

The tokenization is the one that BERT models begin with: a Chinese character is a token, so is a
punctuation mark; what white space, punctuation and Chinese characters part is a token. It needs no
model and knows no label, so that a text without annotations is parted in the same way:

    "Dr. Vale joined 雾港 in 2019"  ->  Dr | . | Vale | joined | 雾 | 港 | in | 2019

A mention that begins or ends inside a token has no token span. The exports count those.
"""

from __future__ import annotations

import re
from collections import Counter
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
    lost: Counter[str]


def aligned(text: str, mentions: Sequence[dict[str, Any]]) -> Aligned:
    """The tokens of a text and the token spans of its mentions.

    White space at the ends of a mention is not part of any token, so it is set aside.
    """
    parts = tokens(text)
    spans: dict[int, tuple[int, int]] = {}
    lost: Counter[str] = Counter()
    for index, mention in enumerate(mentions):
        start, end = mention["start"], mention["end"]
        if start is None or end is None:
            lost["without offsets"] += 1
            continue
        own = mention["text"]
        span = parts.span(start + len(own) - len(own.lstrip()), end - len(own) + len(own.rstrip()))
        if span is None:
            lost["inside a token"] += 1
        else:
            spans[index] = span
    return Aligned(parts, spans, lost)


class Graph(NamedTuple):
    """The annotations of a record over its tokens."""

    words: list[str]
    #: (first token, token after the last, label), distinct, in their order.
    entities: list[tuple[int, int, str]]
    #: (head, tail, label), the ends as places in `entities`.
    relations: list[tuple[int, int, str]]
    counts: dict[str, int]


def graph(record: dict[str, Any], untyped: str = "") -> Graph:
    """The entities and relations of a record over its tokens, and what of them was lost.

    Ends of relations without a label are entities of the label `untyped`, if there is one.
    """
    mentions, relations = record["mentions"], record["relations"]
    ends = {i for x in relations for i in (x["head"], x["tail"])} if untyped else set()
    used = [i for i, m in enumerate(mentions) if m["label"] is not None or i in ends]
    placed = aligned(record["text"], [mentions[i] for i in used])
    spans = {
        used[i]: (*span, mentions[used[i]]["label"] or untyped) for i, span in placed.spans.items()
    }
    entities = sorted({*spans.values()})
    number = {entity: i for i, entity in enumerate(entities)}
    held = [x for x in relations if x["head"] in spans and x["tail"] in spans]
    linked = dict.fromkeys(
        (number[spans[x["head"]]], number[spans[x["tail"]]], x["label"]) for x in held
    )
    counts = {
        "entities": len(entities),
        "relations": len(linked),
        **{f"lost: entities {why}": n for why, n in placed.lost.items()},
        "lost: relations of which an end is lost": len(relations) - len(held),
    }
    return Graph(placed.tokens.words, entities, [*linked], counts)
