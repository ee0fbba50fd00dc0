"""Tokenized English texts as they were written: blanks, brackets and quotes put back.

A declaration says how its source was tokenized (`tokenized`):

    words         as the Penn Treebank: punctuation and clitics stand apart, brackets may be -LRB-,
                  quotes `` and ''; hyphens and slashes stay in their words
    punctuation   every sign stands apart, as in `5 - fluorouracil` and `0 . 5 mg / kg`

Each blank between two tokens goes or stays by the tokens beside it; an escaped bracket or quote is
written as the sign it stands for. Offsets are mapped exactly, and mentions are read off the new
text. What a blank meant is not always certain (`P < 0 . 05` was `P<0.05` in one paper of three), so
some texts differ from the original by blanks: of the 13,938 sentences of BC5CDR, compared with the
abstracts that they are from, 95.1 % are identical.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, Literal

from pipeline.normalize.rewriting import Piece, Places, moved, written
from pipeline.records import Record
from pipeline.text import TREEBANK

Tokenized = Literal["words", "punctuation"]

#: Escapes of the Penn Treebank, and the signs that they stand for.
_ESCAPED: Final = {**TREEBANK, "\\/": "/", "\\*": "*"}
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
#: Words that end like plurals and are none.
_NEVER_OWN: Final = frozenset(("as", "has", "his", "is", "its", "says", "this", "was"))
_DECADE: Final = re.compile(r"\d0s$")
_PLAIN_WORD: Final = re.compile(r"(?:[a-z]{2,}|\()$")
_FRACTION: Final = re.compile(r"0\d+$")
_DECIMAL: Final = re.compile(r"\d+ \. \d+$")
_LETTER: Final = re.compile(r"[a-zA-Z]$")
_THOUSANDS: Final = 3
_INDEX: Final = 2
_COMPARED: Final = frozenset("=<>")
#: Letters that a number in brackets belongs to, as in `alpha(2)`, and what is labeled: `[3H]`.
_GREEK: Final = frozenset(("alpha", "beta", "gamma", "delta", "kappa", "mu"))
_ISOTOPE: Final = re.compile(r"\d+[A-Z][a-z]?$")
_GENOTYPES: Final = frozenset(("+/+)", "+/-)", "-/-)"))
_UNITS: Final = frozenset(("m", "cm", "mm", "O", "CO", "H"))


def detokenized(record: Record, style: Tokenized) -> Record:
    """The record with its text as it was written, and its mentions where they stand there."""
    return moved(record, partial(pieces, style=style))


def rewritten(text: str, style: Tokenized) -> tuple[str, Places]:
    """(the text as it was written, where the places of `text` stand in it)."""
    return written(pieces(text, style))


def pieces(text: str, style: Tokenized) -> Iterator[Piece]:
    """What a text is made of as it was written, and the length of each piece in `text`."""
    tokens = text.split()
    # Two plain words stay as they are, and apart: most tokens are such.
    odd = [n for n, token in enumerate(tokens) if not token.isalnum()]
    new = tokens.copy()
    for n in odd:
        new[n] = _ESCAPED.get(tokens[n], tokens[n])
    glued = _glued(tokens, new, odd, style)
    spans = [match.span() for match in _TOKEN.finditer(text)]
    done = 0
    for n in sorted({*glued, *(n for n in odd if new[n] != tokens[n])}):
        start, end = spans[n]
        if n in glued:
            gap = spans[n - 1][1]
            yield text[done:gap], gap - done
            yield "", start - gap
            done = start
        if new[n] != tokens[n]:
            yield text[done:start], start - done
            yield new[n], end - start
            done = end
    yield text[done:], len(text) - done


def _glued(
    tokens: Sequence[str], new: Sequence[str], odd: Sequence[int], style: Tokenized
) -> set[int]:
    """The tokens before which the blank is removed; `odd` are those that are no plain words."""
    glued = {
        n for n in {*odd, *(n + 1 for n in odd)} if 0 < n < len(new) and _joins(new, n - 1, style)
    }
    opened: dict[str, bool] = {}
    for n in odd:
        sign = new[n]
        if sign not in _QUOTES or (style == "punctuation" and _is_apostrophe(new, n)):
            continue
        opening = tokens[n] == "``" or (tokens[n] != "''" and not opened.get(sign))
        if sign == "'" and opening and "'" not in new[n + 1 :]:
            # An apostrophe: nothing closes it. It may begin a word, or a decade.
            decade = any(map(_DECADE.match, new[n + 1 : n + 2]))
            opening = decade or n == 0 or new[n - 1] == ":" or new[n - 1] in _OPENING
        opened[sign] = opening
        if opening and n + 1 < len(new):
            glued.add(n + 1)
        elif not opening and n:
            glued.add(n)
    return glued


def _joins(tokens: Sequence[str], n: int, style: Tokenized) -> bool:
    """Whether token n stands right before the next one."""
    one, two = tokens[n], tokens[n + 1]
    if _CLITIC.match(two):
        return True
    if style == "words":
        return one in _OPENING or two in _CLOSING
    before = tokens[n - 1] if n else ""
    after = tokens[n + 2] if n + 2 < len(tokens) else ""
    if one in (".", ","):
        return _stop_joins(before, one, two, after, tokens[n - 2] if n > 1 else "")
    if two == "." and (one in _COMPARED or _is_fraction(one, after)):
        return False  # less than .05
    if one in "<>" and _PLAIN_WORD.match(before):
        return two[0].isdigit()  # levels >50 %, but P < 0.05
    if two == "=" or (one == "=" and before != "or"):
        return False
    if "'" in (one, two):
        return _apostrophe_joins(before, one, two, after)
    if "-" in (one, two) or two in _CHARGES or one == "+":
        joins = _hyphen_or_charge_joins(tokens[max(0, n - 2) : n], one, two, tokens[n + 2 : n + 5])
    else:
        joins = _bracket_joins(before, one, two, tokens[n + 2 : n + 6])
    signs = one in _OPENING or two in _CLOSING or one in _JOINING or two in _JOINING
    return signs if joins is None else joins


def _hyphen_or_charge_joins(
    earlier: Sequence[str], one: str, two: str, later: Sequence[str]
) -> bool | None:
    """Whether a hyphen, a minus or the charge of an ion belongs to the token beside it."""
    before, after = (earlier[-1] if earlier else ""), (later[0] if later else "")
    if "-" in (one, two):
        if two == "-" and one.isalpha() and _DECIMAL.match(" ".join(later)):
            return False  # a change of -0.5
        if two in _COORDINATES and after != "-":
            return False  # dopamine- and serotonin-like, but right-to-left
        charged = before == "+" and earlier[0] in _IONS  # a Na+-dependent channel
        return one != "-" or before not in ("+", "", "/") or two in _CLOSING or charged
    if two in _CHARGES and one in _IONS:
        return later[:2] != ["/", "-"]  # Na+/K+, Ca+2
    if two in _CHARGES and one[-1].isdigit():
        return not (after[:1].isdigit() or after == "/")  # Ca2+, not 2.6 +/- 1.3
    return True if before in _IONS and two.isdigit() else None


def _bracket_joins(before: str, one: str, two: str, later: Sequence[str]) -> bool | None:
    """Whether a bracket, or the colon of a ratio, belongs to the token beside it."""
    if one == ":" and before.isdigit() and two.isdigit():
        return True  # a ratio of 1:2
    if one == "]" and two[0].isalpha():
        inside = before in _IONS and two in ("i", "o")
        return inside or _ISOTOPE.match(before) is not None  # [Ca]i, [3H]dopamine
    if one == ")" and len(two) <= _INDEX and two.isupper():
        return True  # GABA(A)R
    if two != "(":
        return None
    if "".join(later) in _GENOTYPES:
        return not one.islower() or one[-1].isdigit()  # sgk1(-/-)
    return one in _OPENING or one in _JOINING or _index_joins(one, later[:3])


def _is_fraction(before: str, digits: str) -> bool:
    """Whether these are the digits of a number without its zero, as in `less than . 05`."""
    return _PLAIN_WORD.match(before) is not None and _FRACTION.match(digits) is not None


def _index_joins(one: str, inside: Sequence[str]) -> bool:
    """Whether a bracket belongs to the token before it: `K(+)`, `10(-7)`, `patient(s)`."""
    sign, then = inside[:1] in (["+"], ["-"]), inside[1:2]
    if inside[1:] == ["+", ")"] or (one == "t" and inside == ["1", "/", "2"]):
        return one in _IONS or one == "t"
    if then == [")"]:
        named = one.isupper() and len(inside[0]) <= _INDEX
        power = inside[0].isdigit() and (one in _UNITS or one == "10")
        numbered = inside[0].isdigit() and one in _GREEK
        return (
            named or power or numbered or inside[0] in ("s", "S") or (sign and inside[2:] != ["-"])
        )
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
        listed = "," in (earlier, after) or after in ("and", "or") or len(before) > _THOUSANDS
        return one == "." or after == "-" or (len(two) == _THOUSANDS and not listed)
    if one == "." and _is_fraction(before, two):
        return True
    letters = _LETTER.match(before) is not None and _LETTER.match(two) is not None
    return letters and (one == "." or after == "-")


def _apostrophe_joins(before: str, one: str, two: str, after: str) -> bool:
    """Whether an apostrophe belongs to the token beside it, as in `patient ' s` and `rats ' `.

    Behind a number it is a prime, as in `3 ' - azido`.
    """
    if two == "'":
        return after in _CLITICS or _may_own(one) or one in _OPENING
    return two in _CLITICS or two in _CLOSING or (two == "-" and before[-1:].isdigit())


def _is_apostrophe(tokens: Sequence[str], n: int) -> bool:
    """Whether a sign stands for missing letters, a possessive or a prime, and quotes nothing."""
    before, after = (tokens[n - 1] if n else ""), tokens[n + 1 : n + 2]
    return tokens[n] == "'" and (_may_own(before) or not _CLITICS.isdisjoint(after))


def _may_own(word: str) -> bool:
    """Whether an apostrophe may end a word: a plural, or a number with a prime."""
    return word[-1:].isdigit() or (word[-1:] == "s" and word not in _NEVER_OWN)
