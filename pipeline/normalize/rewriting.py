"""Texts rewritten piece by piece, with the mentions moved along.

A piece is a new string, and how many characters of the old text it replaces. `detokenize.py` makes
pieces of tokens. `repaired` makes them of a declaration's `repairs`: patterns of what a source left
in its texts (entities of HTML, codes of a lost font, markup), and what to write instead.
"""

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import accumulate
from typing import NamedTuple

from pipeline.records import Mention, Record

Piece = tuple[str, int]


class Places(NamedTuple):
    """Where the places of an old text stand in a new one."""

    #: Where each piece begins in the old text and in the new one; then where the last one ends.
    old: Sequence[int]
    new: Sequence[int]

    def of(self, place: int) -> int:
        """Return where a place of the old text stands; what is gone, at the end of what is left."""
        piece = bisect_right(self.old, place) - 1
        end = self.new[min(piece + 1, len(self.new) - 1)]
        return min(self.new[piece] + place - self.old[piece], end)


def written(pieces: Iterable[Piece]) -> tuple[str, Places]:
    """Return (the new text, where the places of the old one stand in it)."""
    listed = [*pieces]
    parts = [part for part, _ in listed]
    # Numbers of 4 bytes: a text may have 10 million characters.
    old = array("I", accumulate((length for _, length in listed), initial=0))
    new = array("I", accumulate(map(len, parts), initial=0))
    return "".join(parts), Places(old, new)


def moved(record: Record, rewrite: Callable[[str], Iterable[Piece]]) -> Record:
    """Return the record with its text and mentions as `rewrite` writes them.

    A record stays as it is if nothing would be left of one of its mentions.
    """
    text, places = written(rewrite(record.text))
    if text == record.text:
        return record
    mentions = []
    for m in record.mentions:
        if m.start is None or m.end is None:
            mentions.append(m._replace(text=written(rewrite(m.text))[0]))
        else:
            start, end = places.of(m.start), places.of(m.end)
            mentions.append(Mention(text[start:end], start, end, m.label, m.discontinuous))
    if not all(m.text for m in mentions):
        return record
    return record._replace(text=text, mentions=mentions)


def repaired(record: Record, repairs: Mapping[str, str], counts: Counter[str]) -> Record:
    """Return the record with what its declaration repairs; `counts` gets "repaired:<pattern>".

    A match that crosses the border of a mention is left as it is.
    """
    edges = {place for m in record.mentions for place in (m.start, m.end) if place is not None}
    counts_by_pattern: Counter[str] = Counter()
    pieces = partial(_pieces, repairs=repairs, edges=edges, counts_by_pattern=counts_by_pattern)
    # A mention without offsets is a text by itself, and has no edges inside.
    strings = partial(_pieces, repairs=repairs, edges=(), counts_by_pattern=Counter())
    new = moved(record, lambda text: (pieces if text is record.text else strings)(text))
    if new is not record:
        counts.update({f"repaired:{pattern}": n for pattern, n in counts_by_pattern.items()})
    return new


def _pieces(
    text: str, repairs: Mapping[str, str], edges: Collection[int], counts_by_pattern: Counter[str]
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
        counts_by_pattern[pattern] += 1
        before = end
    yield text[before:], len(text) - before


@cache
def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"({pattern})" for pattern in patterns))
