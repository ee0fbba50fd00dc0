"""What files of rows and columns say of themselves: separator, columns, header, comments, tags."""

from __future__ import annotations

import csv
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
#: A cell in quotation marks with doubled ones in it, and one that begins with a mark alone.
_DOUBLED: Final = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')
_OPEN: Final = re.compile(r'"|"(?:[^"]|"")*[^"]')
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
    lines_seen = [line for f in files for line in _first_lines(f, "utf-8")]
    if separator != "," and _quoted(lines_seen, separator):
        found["quoted"] = True
    quoted = {**found, **given}.get("quoted", False)
    tables = [[*islice(_rows(f, separator, quoted=quoted), fitting.ROWS)] for f in files]
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


def _rows(file: Path, separator: str, *, quoted: bool) -> Iterator[list[str]]:
    return (row for _, row in table(file, separator, quoted=quoted))


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
        separator = next((s for s in ("\t", " ", "", ",") if _width(_split(rows, s)) > 1), "")
    base["separator"] = separator
    if separator and separator != "," and _quoted(rows, separator):
        base["quoted"] = True
    cells = _split(rows, separator, quoted=base.get("quoted", False))
    width = _width(cells)
    columns = [*zip(*(row for row in cells if len(row) == width), strict=True)]
    base |= _sentences(columns, raw)
    irregular = any(len(row) != width for row in cells)
    found = []
    for place, column in enumerate(columns):
        style = tags.style([tag.strip() for tag in column[1:]])
        if style is None or ("tag_column" in given and place != given["tag_column"] % width):
            continue
        headed = column[0].strip() not in tags.seen(column[1:]) and tags.is_name(column[0])
        style = style if headed else tags.style([tag.strip() for tag in column]) or style
        options = {**base, **style.options, **({"header": True} if headed else {})}
        if place != width - 1 or (irregular and not style.certain):
            options["tag_column"] = place
        token = _token_column(columns, place, options.get("sentence_column"))
        if token:
            options["token_column"] = token
        found.append(Tagged(options, style))
    found.reverse()
    return sorted(found, key=lambda own: not own.style.certain)


def _split(rows: Sequence[str], separator: str, *, quoted: bool = False) -> list[list[str]]:
    """The cells of rows, as the reader parts them."""
    if quoted or separator == ",":
        try:
            return [*csv.reader((f"{row}\n" for row in rows), delimiter=separator, strict=True)]
        except csv.Error:
            return []
    return [row.split(separator) if separator else row.split() for row in rows]


def _quoted(rows: Sequence[str], separator: str) -> bool:
    """Whether cells stand in quotation marks as spreadsheets write them: marks inside are doubled.

    A token that is a quotation mark alone stands in many files as it is.
    """
    cells = [cell for row in rows for cell in row.split(separator)]
    return any(map(_DOUBLED.fullmatch, cells)) and not any(map(_OPEN.fullmatch, cells))


def _sentences(columns: Sequence[Sequence[str]], raw: Sequence[str]) -> dict[str, int]:
    """The column that only the first row of each sentence fills, where no empty lines part them."""
    if sum(not row.strip() for row in raw) > 3:
        return {}
    for place, column in enumerate(columns):
        empty = sum(not cell.strip() for cell in column)
        if empty * 3 > len(column) and column[0].strip():
            return {"sentence_column": place}
    return {}


def _token_column(columns: Sequence[Sequence[str]], tag: int, sentence: int | None) -> int:
    """The first column beside the tags whose cells are no counts and differ from each other."""
    for place, column in enumerate(columns):
        counts = all(map(_COUNT.fullmatch, column[1:]))
        if place not in (tag, sentence) and not counts and len({*column}) > 1:
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


def _width(cells: Sequence[Sequence[str]]) -> int:
    """How many columns nearly all rows have; 0 where they differ."""
    widths = Counter(map(len, cells))
    most, n = max(widths.items(), key=lambda own: own[1], default=(0, 0))
    return most if n >= _REGULAR * len(cells) else 0
