"""Texts written anew, with their mentions where they stand in the new text.

A text is given as pieces: what is written now, and how many characters of the old text it stands
for. `detokenize.py` makes them of tokens; here are those of a declaration's `repairs`: patterns of
what a source left in its texts (entities of HTML, codes of a lost font, markup), and what each is.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.records import Record

Piece = tuple[str, int]


def written(pieces: Iterable[Piece]) -> tuple[str, Sequence[int]]:
    """Return (the new text, the place there of every place of the old text and of its end)."""
    # Numbers of 4 bytes: a text may have 10 million characters.
    place = array("I")
    parts: list[str] = []
    at = 0
    for part, length in pieces:
        # What is gone stands at the end of what is left of it.
        place.extend(range(at, at + min(length, len(part))))
        at += len(part)
        if length > len(part):
            place.extend([at] * (length - len(part)))
        parts.append(part)
    place.append(at)
    return "".join(parts), place


def moved(record: Record, rewrite: Callable[[str], Iterable[Piece]]) -> Record:
    """Return the record with its text and mentions as `rewrite` writes them.

    One with a mention of which nothing would be left stays as it is.
    """
    text, place = written(rewrite(record.text))
    if text == record.text:
        return record
    mentions = []
    for m in record.mentions:
        if m.start is None or m.end is None:
            mentions.append(m._replace(text=written(rewrite(m.text))[0]))
        else:
            start, end = place[m.start], place[m.end]
            mentions.append(m._replace(text=text[start:end], start=start, end=end))
    if not all(m.text for m in mentions):
        return record
    return record._replace(text=text, mentions=mentions)


def repaired(record: Record, repairs: Mapping[str, str], counts: Counter[str]) -> Record:
    """Return the record with what its declaration repairs; `counts` gets "repaired:<pattern>".

    What only a part of a mention stands in is left as it is.
    """
    edges = {place for m in record.mentions for place in (m.start, m.end) if place is not None}
    found: Counter[str] = Counter()
    pieces = partial(_pieces, repairs=repairs, edges=edges, found=found)
    # A mention without offsets is a text by itself, and has no edges inside.
    strings = partial(_pieces, repairs=repairs, edges=(), found=Counter())
    new = moved(record, lambda text: (pieces if text is record.text else strings)(text))
    if new is not record:
        counts.update({f"repaired:{pattern}": n for pattern, n in found.items()})
    return new


def _pieces(
    text: str, repairs: Mapping[str, str], edges: Collection[int], found: Counter[str]
) -> Iterator[Piece]:
    before = 0
    patterns = [*repairs]
    for match in _any_of(*patterns).finditer(text):
        start, end = match.span()
        if start == end or any(edge in edges for edge in range(start + 1, end)):
            continue
        yield text[before:start], start - before
        pattern = patterns[(match.lastindex or 1) - 1]
        yield repairs[pattern], end - start
        found[pattern] += 1
        before = end
    yield text[before:], len(text) - before


@cache
def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"({pattern})" for pattern in patterns))
