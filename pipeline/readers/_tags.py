"""Tags of tokens, and the spans that they mean.

IOB1 and IOB2 are decoded alike: B- opens an entity, and so does an I- that continues none of its
label (conlleval's rule). So IOB1, whose B- only parts two entities of one label that touch, needs
no conversion. IO has bare labels and no way to part what touches. BMES and BIOES are one scheme: E
or L ends, S, U or W stands alone, and what continues nothing opens. Brackets are those of
CoNLL-2012, "(PER*", "*" and "*)", and may be nested: "(ORG(GPE)".
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

from pipeline.readers._paths import Joined
from pipeline.records import Mention

Scheme = Literal["IO", "IOB1", "IOB2", "BMES", "BIOES", "brackets"]
#: Scheme -> the letters that say where in its entity a token stands.
_LETTERS: Final = {
    "IO": frozenset(),
    **dict.fromkeys(("IOB1", "IOB2"), frozenset("BI")),
    **dict.fromkeys(("BMES", "BIOES"), frozenset("BIMELSUW")),
}
_BRACKET: Final = re.compile(r"\(([^()*\s]+)|(\))|\*")


class Tagged(Joined, frozen=True):
    """The options of a reader of tags."""

    scheme: Scheme = "IOB2"
    #: Tags that mean O as well.
    outside: tuple[str, ...] = ()
    #: The label stands before its place, as in PER-B.
    label_first: bool = False
    #: Nothing parts the place from the label, as in BPER.
    glued: bool = False
    #: The label of tags that are a place alone, B and I.
    only_label: str = ""


def _part(tag: str, style: Tagged) -> tuple[str, bool, bool] | None:
    """(label, opens an entity, ends it) of a tag; the label of O is "". None for an odd tag.

    The label is what follows the first hyphen, underscore or colon, as in "B-creative-work".
    """
    if tag == "O" or tag in style.outside:
        return "", False, False
    if style.scheme == "IO":
        return (tag, False, False) if tag else None
    letters, label = _LETTERS[style.scheme], style.only_label
    if not label or tag.upper() not in letters:
        if style.label_first and len(tag) > 2:
            tag = tag[-1] + tag[-2] + tag[:-2]
        width = 1 if style.glued else 2
        parted = len(tag) > width and (style.glued or tag[1] in "-_:")
        if not parted or tag[0].upper() not in letters:
            return None
        label = tag[width:]
    return label, tag[0].upper() in "BSUW", tag[0].upper() in "ELSUW"


def decode(tags: Sequence[str], style: Tagged) -> list[tuple[int, int, str]] | str:
    """(first token, last token, label) of every entity, or what is wrong with the first odd tag."""
    if style.scheme == "brackets":
        return _bracketed(tags)
    spans: list[tuple[int, int, str]] = []
    label, first = "", 0
    for index, tag in enumerate([*tags, "O"]):  # The last one ends what is open.
        if tag == "O" and not label:
            continue
        part = _part(tag, style)
        if part is None:
            bare = tag.upper() in _LETTERS[style.scheme]
            hint = "; name the label of such tags with only_label" if bare else ""
            return f"{tag!r} is no tag of {style.scheme}{hint}"
        kind, opens, ends = part
        if label and (opens or kind != label):
            spans.append((first, index - 1, label))
            label = ""
        if kind and not label:
            label, first = kind, index
        if ends:
            spans.append((first, index, label))
            label = ""
    return spans


def _bracketed(tags: Sequence[str]) -> list[tuple[int, int, str]] | str:
    spans: list[tuple[int, int, str]] = []
    opened: list[tuple[int, str]] = []
    for index, tag in enumerate(tags):
        if _BRACKET.sub("", tag):
            return f"{tag!r} is no bracket of a name"
        for opening, closing in _BRACKET.findall(tag):
            if opening:
                opened.append((index, opening))
            elif closing:
                if not opened:
                    return f"{tag!r} closes nothing"
                first, label = opened.pop()
                spans.append((first, index, label))
    return f"({opened[-1][1]} stays open" if opened else sorted(spans)


def count(tags: Sequence[str], style: Tagged) -> int:
    """How many entities a sentence loses that has odd tags: these are read as O."""
    if style.scheme == "brackets":
        return sum(tag.count("(") for tag in tags)
    known = [tag if _part(tag, style) else "O" for tag in tags]
    spans = decode(known, style)
    return 0 if isinstance(spans, str) else len(spans)


def mentions(
    spans: Sequence[tuple[int, int, str]], text: str, tokens: Sequence[str], starts: Sequence[int]
) -> list[Mention]:
    """The mentions of spans of tokens; `starts` says where each token begins in the text."""
    places = [(starts[i], starts[j] + len(tokens[j]), label) for i, j, label in spans]
    return [Mention(text[start:end], start, end, label) for start, end, label in places]
