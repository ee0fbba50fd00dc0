"""What files of rows and columns say of themselves: separator, columns, header, comments, tags."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.adding import fitting, tags
from pipeline.readers._source import lines
from pipeline.readers.pair_table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_LINES: Final = 2000
_COUNT: Final = re.compile(r"\d+([-.:]\d+)*")
#: The columns that a pair table needs.
PAIR: Final = ("text", "head", "tail", "relation")
#: What the columns of a pair table are called elsewhere, in lower case.
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("sentence", "content", "sent", "context"),
    "head": ("head_text", "head_entity", "subject", "subj", "entity1", "entity_1", "e1", "h", "s"),
    "tail": ("tail_text", "tail_entity", "object", "obj", "entity2", "entity_2", "e2", "t", "o"),
    "relation": ("label", "predicate", "relation_type", "rel", "type", "class", "r", "p"),
}
#: Share of the rows that must be as wide as most are.
_REGULAR: Final = 0.8


class Tagged(NamedTuple):
    """A column of tags beside one of tokens, as options of `columns`."""

    options: dict[str, Any]
    style: tags.Style


def of_table(given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The options of `pair_table` that can be seen in the first rows."""
    first = next((line for f in files for _, line in lines(f) if line.strip()), "")
    found: dict[str, Any] = {"separator": ","} if "\t" not in first and "," in first else {}
    separator = {**found, **given}.get("separator") or "\t"
    tables = [[row for _, row in islice(table(f, separator), fitting.ROWS)] for f in files]
    rows = next(iter(tables), [])
    named = bool(rows) and {*PAIR} <= {name.strip() for name in rows[0]}
    if (named and "columns" not in given) or not all(map(_headed, tables)):
        return found
    names = [name.strip() for name in rows[0]]
    places = {name: i for name in PAIR if (i := _place(name, names)) is not None}
    if len({*places.values()}) == len(PAIR):
        for name, place in places.items():
            names[place] = name
        found["columns"] = names
    return {**found, "header": True}


def _headed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table has a header: nothing in its first row stands in the text or returns below.

    The text is the longest column; in most other rows two columns, head and tail, stand in it.
    """
    width = len(rows[0]) if rows else 0
    below = [row for row in rows[1:] if len(row) == width]
    if not below:
        return False
    text = max(range(width), key=lambda i: sum(len(row[i]) for row in below))

    def standing(row: Sequence[str]) -> int:
        return sum(bool(cell) and cell in row[text] for i, cell in enumerate(row) if i != text)

    pairs = sum(standing(row) > 1 for row in below)
    returning = any(row[i] == cell for i, cell in enumerate(rows[0]) for row in below)
    return pairs * 2 > len(below) and not standing(rows[0]) and not returning


def _place(name: str, names: Sequence[str]) -> int | None:
    """The place of a column of a pair table among the names of a header."""
    known = (name, *_HEADERS[name])
    return next((i for own in known for i, n in enumerate(names) if n.lower() == own), None)


def of_columns(given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The likeliest options of `columns` beside those that are given."""
    found = tagged_columns(given, files)
    return found[0].options if found else {}


def tagged_columns(given: Mapping[str, Any], files: Sequence[Path]) -> list[Tagged]:
    """Every column of tags in the files, the likeliest first: certain ones, and of these the last.

    Where tags stand in a column without a scheme, as parts of speech do, it comes after those that
    have one.
    """
    encoding = given.get("encoding", "utf-8")
    raw = [line for f in files for line in ("", *_first_lines(f, encoding))]
    base: dict[str, Any] = {} if "comment" in given else _comment(raw)
    rows = [*_uncommented(raw, {**base, **given}.get("comment", ""))]
    separator = given.get("separator")
    if separator is None:
        separator = next((s for s in ("\t", " ", "") if _width(rows, s) > 1), "")
    base["separator"] = separator
    cells = [row.split(separator) if separator else row.split() for row in rows]
    width = _width(rows, separator)
    columns = [*zip(*(row for row in cells if len(row) == width), strict=True)]
    irregular = any(len(row) != width for row in cells)
    found = []
    for place, column in enumerate(columns):
        style = tags.style([tag.strip() for tag in column])
        if style is None or ("tag_column" in given and place != given["tag_column"] % width):
            continue
        options = {**base, **style.options}
        if place != width - 1 or (irregular and not style.certain):
            options["tag_column"] = place
        token = _token_column(columns, place)
        if token:
            options["token_column"] = token
        found.append(Tagged(options, style))
    found.reverse()
    return sorted(found, key=lambda own: not own.style.certain)


def _token_column(columns: Sequence[Sequence[str]], tag: int) -> int:
    """The first column beside the tags whose cells are no counts and differ from each other."""
    for place, column in enumerate(columns):
        if place != tag and not all(map(_COUNT.fullmatch, column)) and len({*column}) > 1:
            return place
    return 0 if tag else min(1, len(columns) - 1)


def _first_lines(file: Path, encoding: str) -> Iterator[str]:
    return (line for _, line in islice(lines(file, encoding), _LINES))


def _comment(rows: Sequence[str]) -> dict[str, str]:
    """The option `comment`, where most lines above sentences that begin with # hold no tag.

    What begins with more of them, as ###MEDLINE:90210001, names a document.
    """
    begun = [row for before, row in pairwise(rows) if not before.strip(" \t")]
    above = [row for row in begun if row.startswith("#") and not row.startswith("##")]
    tagged = sum(row.split()[-1:] == ["O"] or tags.style(row.split()) is not None for row in above)
    if tagged * 2 >= len(above):
        return {}
    # A hashtag that is the first token of a sentence has no blank.
    return {"comment": "# " if all(row.startswith("# ") for row in above) else "#"}


def _uncommented(rows: Iterable[str], comment: str) -> Iterator[str]:
    """The rows of tokens, as the reader takes them."""
    inside = False
    for row in rows:
        if not row.strip(" \t") or row.startswith("-DOCSTART-"):
            inside = False
        elif inside or not (comment and row.startswith(comment)):
            inside = True
            yield row


def _width(rows: Sequence[str], separator: str) -> int:
    """How many columns nearly all rows have; 0 where they differ."""
    widths = Counter(len(row.split(separator or None)) for row in rows)
    most, n = max(widths.items(), key=lambda own: own[1], default=(0, 0))
    return most if n >= _REGULAR * len(rows) else 0
