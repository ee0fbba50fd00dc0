"""English sentence boundaries, for sources that annotate whole documents.

Rules over punctuation, so that the sentences of a document never depend on a model. A boundary
inside an annotation is none: what is annotated is kept whole.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from pipeline.readers._source import trimmed

#: A blank line, or white space after an end mark and what closes with it. A run of blanks is looked
#: at from its beginning alone: from each of its places, a long one would take for ever.
_BOUNDARY: Final = re.compile(r"(?<![ \t])[ \t]*\n[ \t]*\n\s*|(?<=[.!?])([\"'”’)\]]{0,3})\s+")
_LAST_WORD: Final = re.compile(r"[\w.&'-]+\Z")
_OPENING: Final = "\"'“‘([`"
#: Words that are written with a full stop which ends no sentence.
_ABBREVIATIONS: Final = frozenset(
    """
    adm apr aug ave bros brig capt cf cmdr co col corp dec dept det dr e.g etc feb fri ft gen gov
    hon hwy i.e inc jan jr jul jun lt ltd maj messrs mr mrs ms mt nov oct ph.d pres prof pvt rep
    rev sen sept sgt sr st supt thu tue v viz vs
    """.split()  # noqa: SIM905 - words, not a column of quotes
)
#: Words that are, where a number follows.
_BEFORE_NUMBERS: Final = frozenset({"art", "fig", "mar", "no", "nos", "p", "pp", "sec", "vol"})


def sentences(
    text: str, start: int, end: int, whole: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the sentences of `text[start:end]`, white space around them cut off.

    `whole` are sorted spans that no sentence may break.
    """
    # The furthest end among the first spans, for each number of them.
    lasts = [*accumulate((last for _, last in whole), max)]
    begin, cuts = start, list[tuple[int, int]]()
    for match in _BOUNDARY.finditer(text, start, end):
        cut = match.end(1) if match[1] is not None else match.start()
        if match[1] is not None and not _ends(text, match.start(), match.end(), end):
            continue
        # The spans that start before the cut must all end before it.
        before = bisect_left(whole, (cut, -1))
        if before and lasts[before - 1] > cut:
            continue
        cuts.append((begin, cut))
        begin = match.end()
    spans = (trimmed(text, *span) for span in [*cuts, (begin, end)])
    yield from ((first, last) for first, last in spans if first < last)


def _ends(text: str, mark: int, after: int, end: int) -> bool:
    """Whether the end mark before `mark` ends a sentence whose next one would start at `after`."""
    following = text[after : after + 1] if after < end else ""
    if text[mark - 1] != "." or not following:
        return True
    if text[mark - 2 : mark - 1] == ".":
        return not following.islower()
    word = _LAST_WORD.search(text, max(0, mark - 30), mark - 1)
    last = word[0].lower() if word else ""
    if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha()):
        return False
    if last in _BEFORE_NUMBERS:
        return not following.isdigit()
    # U.S. and a.m. may end a sentence, which is likely before a quote only.
    return following in _OPENING if "." in last else True
