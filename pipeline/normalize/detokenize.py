"""Tokenized English texts as they were written: blanks, brackets and quotes put back.

A declaration says how its source was tokenized (`tokenized`):

    words         as the Penn Treebank: punctuation and clitics stand apart, brackets may be -LRB-,
                  quotes `` and ''; hyphens and slashes stay in their words
    punctuation   every sign stands apart, as in `5 - fluorouracil` and `0 . 5 mg / kg`

Each blank between two tokens goes or stays by the tokens beside it; an escaped bracket or quote is
written as the sign it stands for. Offsets are mapped exactly, and mentions are read off the new
text. The tokens do not always tell (`P < 0 . 05` was `P<0.05` in one paper of three), so some texts
differ from the original by blanks. Of 4,000 sentences of BC5CDR, 94.2 % are as in their abstracts.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from pipeline.normalize.rewriting import moved, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.normalize.rewriting import Piece
    from pipeline.records import Record

Tokenized = Literal["words", "punctuation"]

#: Escapes of the Penn Treebank, and the signs that they stand for.
_ESCAPED: Final = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": '"',
    "''": '"',
    "\\/": "/",
    "\\*": "*",
}
_CLOSING: Final = frozenset(".,;:!?)]}%…’”")
_OPENING: Final = frozenset("([{$£€#“‘")
_CLITIC: Final = re.compile(r"(?:n['’]t|['’](?:s|m|d|re|ve|ll))$", re.IGNORECASE)
_QUOTES: Final = ('"', "'")
_TOKEN: Final = re.compile(r"\S+")
#: Where every sign stands apart: signs that join what stands around them, ...
_JOINING: Final = frozenset("/’_@\\^~*&")
#: ... words before which a hyphen ends a word (`dopamine- and serotonin-`), ions and their charge,
#: what follows an apostrophe inside a word, and letters of abbreviations (`i.v.`).
_COORDINATES: Final = frozenset(("and", "or", "to", "versus"))
_IONS: Final = frozenset(("Na", "K", "Ca", "Mg", "H", "Li", "Cl"))
_CHARGES: Final = frozenset("+-")
_CLITICS: Final = frozenset(("s", "t", "d", "m", "re", "ve", "ll"))
_PLAIN_WORD: Final = re.compile(r"(?:[a-z]{2,}|\()$")
_LETTER: Final = re.compile(r"[a-zA-Z]$")
_THOUSANDS: Final = 3
_INDEX: Final = 2
_COMPARED: Final = frozenset("=<>")
_UNITS: Final = frozenset(("m", "cm", "mm", "O", "CO", "H"))


def detokenized(record: Record, style: Tokenized) -> Record:
    """The record with its text as it was written, and its mentions where they stand there."""
    return moved(record, partial(pieces, style=style))


def rewritten(text: str, style: Tokenized) -> tuple[str, Sequence[int]]:
    """(the text as it was written, where each character of `text` and its end stand in it)."""
    return written(pieces(text, style))


def pieces(text: str, style: Tokenized) -> Iterator[Piece]:
    """The tokens and gaps of a text as they were written, and their lengths in `text`."""
    tokens = _TOKEN.findall(text)
    new = [_ESCAPED.get(token, token) for token in tokens]
    glued = [False, *_glued(tokens, new, style)][: len(tokens)]
    before = 0
    for match, token, joins in zip(_TOKEN.finditer(text), new, glued, strict=True):
        start, end = match.span()
        yield "" if joins else text[before:start], start - before
        yield token, end - start
        before = end
    yield text[before:], len(text) - before


def _glued(tokens: Sequence[str], new: Sequence[str], style: Tokenized) -> list[bool]:
    """For each token and the next: whether the blank between them is removed."""
    glued = [_joins(new, n, style) for n in range(len(new) - 1)]
    opened: dict[str, bool] = {}
    for n, sign in enumerate(new):
        if sign not in _QUOTES or (sign == "'" and style == "punctuation"):
            continue
        opening = tokens[n] == "``" or (tokens[n] != "''" and not opened.get(sign))
        if sign == "'" and opening and "'" not in new[n + 1 :]:
            opening = False  # an apostrophe: nothing closes it
        opened[sign] = opening
        if opening and n < len(glued):
            glued[n] = True
        elif not opening and n:
            glued[n - 1] = True
    return glued


def _joins(tokens: Sequence[str], n: int, style: Tokenized) -> bool:
    """Whether token n stands right before the next one."""
    one, two = tokens[n], tokens[n + 1]
    clitic = _CLITIC.match(two) is not None
    if style == "words" or clitic:
        return clitic or one in _OPENING or two in _CLOSING
    before = tokens[n - 1] if n else ""
    after = tokens[n + 2] if n + 2 < len(tokens) else ""
    if one in (".", ","):
        return _stop_joins(before, one, two, after, tokens[n - 2] if n > 1 else "")
    if two == "." and one in _COMPARED:
        return False
    if one in "<>" and _PLAIN_WORD.match(before):
        return two[0].isdigit()  # levels >50 %, but P < 0.05
    if two == "=" or (one == "=" and before != "or"):
        return False
    if "'" in (one, two):
        return _apostrophe_joins(one, two, after)
    if "-" in (one, two):
        stands_alone = one == "-" and before in ("+", "", "/") and two not in _CLOSING
        return two not in _COORDINATES and not stands_alone
    if two in _CHARGES and (one in _IONS or one[-1].isdigit()):
        return not (after[:1].isdigit() or after == "/")  # Ca2+, not 2.6 +/- 1.3
    if two == "(":
        return one in _OPENING or one in _JOINING or _index_joins(one, tokens[n + 2 : n + 5])
    if one == ")" and len(two) <= _INDEX and two.isupper():
        return True  # GABA(A)R
    return one in _OPENING or two in _CLOSING or one in _JOINING or two in _JOINING


def _index_joins(one: str, inside: Sequence[str]) -> bool:
    """Whether a bracket belongs to the token before it: `K(+)`, `10(-7)`, `patient(s)`."""
    sign, then = inside[:1] in (["+"], ["-"]), inside[1:2]
    if then == [")"]:
        named = one.isupper() and len(inside[0]) <= _INDEX
        power = inside[0].isdigit() and (one in _UNITS or one == "10")
        return named or power or inside[0] in ("s", "S") or (sign and inside[2:] != ["-"])
    if then == ["/"]:
        return sign and one.isupper()
    return sign and then != ["+"] and inside[2:] == [")"]


def _stop_joins(before: str, one: str, two: str, after: str, earlier: str) -> bool:
    """Whether no blank follows a full stop or comma: in numbers, compounds, abbreviations."""
    if two in _CLOSING or two == "/":
        return True
    if before in _COMPARED and two[0].isdigit():
        return True  # P = .01
    if before[-1:].isdigit() and two[0].isdigit():
        listed = "," in (earlier, after) or after in ("and", "or")
        return one == "." or after == "-" or (len(two) == _THOUSANDS and not listed)
    letters = _LETTER.match(before) is not None and _LETTER.match(two) is not None
    return letters and (one == "." or after == "-")


def _apostrophe_joins(one: str, two: str, after: str) -> bool:
    """Whether an apostrophe belongs to the token beside it, as in `patient ' s` and `rats ' `."""
    if two == "'":
        return after in _CLITICS or one[-1] in "s5"
    return two in _CLITICS or two in _CLOSING
