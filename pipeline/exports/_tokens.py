"""Tokens with their places, to turn character spans into token spans.

The tokenization is the first step of BERT models: a Chinese character is a token, and so is a
punctuation mark; these and white space separate the other tokens. It needs no model and does not
depend on labels, so a text without annotations is split in the same way:

    "Dr. Vale joined 雾港 in 2019"  ->  Dr | . | Vale | joined | 雾 | 港 | in | 2019

A mention that begins or ends inside a token has no token span. The exports count those.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The blocks of CJK ideographs that BERT's tokenizer makes single tokens.
_HAN: Final = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f\U0002b820-\U0002ceaf"
    "\U0002f800-\U0002fa1f"
)
#: A combining mark is not a word character in `re`, but BERT leaves it with its letter.
_MARKS: Final = "\u0300-\u036f"
_TOKEN: Final = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}_])[\w{_MARKS}])+|[^\w\s]|_")


def tokens(text: str) -> list[str]:
    """Split a text into tokens."""
    return _TOKEN.findall(text)


class Aligned(NamedTuple):
    """The tokens of a text, and the mentions in it as token spans."""

    words: list[str]
    #: Index of the mention -> (first token, token after the last).
    spans: dict[int, tuple[int, int]]
    #: Mentions left out: those without offsets, and those whose ends fall inside tokens.
    lost: Counter[str]


def aligned(text: str, mentions: Sequence[dict[str, Any]]) -> Aligned:
    """The tokens of a text and the token spans of its mentions.

    White space at the ends of a mention is ignored, because it belongs to no token.
    """
    matches = [*_TOKEN.finditer(text)]
    begins = {match.start(): i for i, match in enumerate(matches)}
    ends = {match.end(): i + 1 for i, match in enumerate(matches)}
    spans: dict[int, tuple[int, int]] = {}
    lost: Counter[str] = Counter()
    for index, mention in enumerate(mentions):
        start, surface = mention["start"], mention["text"]
        if start is None:
            lost["without offsets"] += 1
            continue
        first = begins.get(start + len(surface) - len(surface.lstrip()))
        last = ends.get(start + len(surface.rstrip()))
        if first is None or last is None:
            lost["inside a token"] += 1
        else:
            spans[index] = first, last
    return Aligned([match.group() for match in matches], spans, lost)


class Graph(NamedTuple):
    """The annotations of a record over its tokens."""

    words: list[str]
    #: (first token, token after the last, label), distinct, in their order.
    entities: list[tuple[int, int, str]]
    #: (head, tail, label); head and tail are indices into `entities`.
    relations: list[tuple[int, int, str]]
    counts: dict[str, int]


def graph(record: dict[str, Any], untyped: str = "") -> Graph:
    """The entities and relations of a record over its tokens, and counts of those kept and lost.

    Ends of relations without a label become entities with the label `untyped`, unless it is "".
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
    kept = [x for x in relations if x["head"] in spans and x["tail"] in spans]
    linked = dict.fromkeys(
        (number[spans[x["head"]]], number[spans[x["tail"]]], x["label"]) for x in kept
    )
    counts = {
        "entities": len(entities),
        "relations": len(linked),
        **{f"lost: entities {why}": n for why, n in placed.lost.items()},
        "lost: relations of which an end is lost": len(relations) - len(kept),
    }
    return Graph(placed.words, entities, [*linked], counts)
