"""Infer how a column of tags is written: B-PER, PER-B, BPER, B alone, or labels alone."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

#: Tags of tokens outside all entities, as files write them.
_OUTSIDE: Final = ("O", "o", "0", "_", "OUT", "None")
#: The place of a token in its entity, in one letter.
_PLACE: Final = "[BIMESLUW]"
_PREFIXED: Final = re.compile(rf"((?ai:{_PLACE}))[-_:](\S.*)")
_SUFFIXED: Final = re.compile(rf"(\S*[^\s-])[-_:]((?ai:{_PLACE}))")
_BARE: Final = re.compile(rf"(?ai:{_PLACE})")
_GLUED: Final = re.compile(rf"({_PLACE})([A-Z]\w+)")
_LABEL: Final = re.compile(r"[^\W\d][\w&/.+ #-]{0,39}")
#: Among this many labels or fewer, tags without a scheme may be labels.
_FEW_LABELS: Final = 40


#: What `only_label` is if the tags have no labels: the user must name the one label of all.
UNNAMED: Final = "?"


def style_of(tags: Sequence[str]) -> dict[str, Any] | None:
    """Return how a column of tags is written, as options; None if it does not look like tags.

    A few odd tags are slips: a column is judged by nearly all of its tags. Tags with a scheme are
    certain, labels without one (`IO`) are not.
    """
    counts = Counter(tag for tag in tags if tag)
    outside = [tag for tag in _OUTSIDE if tag in counts]
    rest = Counter({tag: n for tag, n in counts.items() if tag not in outside})
    if "O" in outside:
        # Beside O, an underscore or a zero is a tag like any other odd one.
        rest.update({tag: counts[tag] for tag in outside if tag not in ("O", "o")})
        outside = [tag for tag in outside if tag in ("O", "o")]
    # Even a column without a single O may hold tags.
    if not rest or not (outside or _most(rest, _PREFIXED) or _most(rest, _SUFFIXED)):
        return None
    odd = [tag for tag in outside if tag != "O"]
    options: dict[str, Any] = {"outside": odd} if odd else {}
    for pattern, group in ((_PREFIXED, 1), (_SUFFIXED, 2), (_BARE, 0)):
        if _most(rest, pattern):
            more: dict[str, Any] = {"label_first": True} if pattern is _SUFFIXED else {}
            more |= {"only_label": UNNAMED} if pattern is _BARE else {}
            return {"scheme": _scheme(tags, pattern, group), **more, **options}
    if "0" in outside or "_" in outside:
        return None
    matches = [match for match in map(_GLUED.fullmatch, rest) if match]
    opened = {match[2] for match in matches if match[1] in "BSUW"}
    if len(matches) == len(rest) > len(opened) > 0 and opened == {match[2] for match in matches}:
        # A label goes on with another letter than the one that it begins with.
        return {"scheme": _scheme(tags, _GLUED, 1), "glued": True, **options}
    likely = len(rest) <= _FEW_LABELS and _most(rest, _LABEL)
    recurring = rest.total() >= 2 * len(rest) or rest.total() < 12
    if likely and recurring and sum(counts[tag] for tag in outside) * 4 > counts.total():
        return {"scheme": "IO", **options}
    return None


def is_name(cell: str) -> bool:
    """Whether a cell may be the name of a column, and is not a tag."""
    word = cell.strip()
    tag = _PREFIXED.fullmatch(word) or _SUFFIXED.fullmatch(word) or _BARE.fullmatch(word)
    return bool(_LABEL.fullmatch(word)) and not tag and word not in _OUTSIDE


def _most(counts: Counter[str], pattern: re.Pattern[str]) -> bool:
    fitting = sum(n for tag, n in counts.items() if pattern.fullmatch(tag))
    return fitting > 0.95 * counts.total() or (fitting > 0.8 * counts.total() and fitting > 20)


def _scheme(tags: Sequence[str], pattern: re.Pattern[str], group: int) -> str:
    """Return the scheme of tags by their positions: B, I, E and so on."""
    matches = [pattern.fullmatch(tag) for tag in tags]
    places = [match[group].upper() if match else "O" for match in matches]
    letters = {*places} - {"O"}
    if "M" in letters:
        return "BMES"
    if letters - {"B", "I"}:
        return "BIOES"
    opens = any(b == "I" and a == "O" for a, b in zip(("O", *places), places, strict=False))
    return "IOB1" if opens else "IOB2"
