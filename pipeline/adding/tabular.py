"""What files of rows and columns say of themselves: separator, columns, header, comments, tags."""

from __future__ import annotations

import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from pipeline.adding import fitting, mistakes
from pipeline.readers._source import lines
from pipeline.readers.pair_table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


_LINES: Final = 2000
_TAG: Final = re.compile(r"([BIMESLU])[-_].+")
_COUNT: Final = re.compile(r"\d+([-.]\d+)?")
#: What the columns of a pair table are called elsewhere, in lower case.
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("sentence", "content", "sent", "context"),
    "head": ("head_text", "head_entity", "subject", "subj", "entity1", "entity_1", "e1", "h", "s"),
    "tail": ("tail_text", "tail_entity", "object", "obj", "entity2", "entity_2", "e2", "t", "o"),
    "relation": ("label", "predicate", "relation_type", "rel", "type", "class", "r", "p"),
}


def of_table(given: Mapping[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """The options of `pair_table` that can be seen in the first rows."""
    first = next((line for f in files for _, line in lines(f) if line.strip()), "")
    found: dict[str, Any] = {"separator": ","} if "\t" not in first and "," in first else {}
    separator = {**found, **given}.get("separator") or "\t"
    tables = [[row for _, row in islice(table(f, separator), fitting.ROWS)] for f in files]
    rows = next(iter(tables), [])
    named = bool(rows) and {*mistakes.PAIR} <= {name.strip() for name in rows[0]}
    if (named and "columns" not in given) or not all(map(_headed, tables)):
        return found
    names = [name.strip() for name in rows[0]]
    places = {name: i for name in mistakes.PAIR if (i := _place(name, names)) is not None}
    if len({*places.values()}) == len(mistakes.PAIR):
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
    """The options of `columns` that can be seen in the first lines."""
    encoding = given.get("encoding", "utf-8")
    raw = [line for f in files for line in ("", *_first_lines(f, encoding))]
    found: dict[str, Any] = {} if "comment" in given else _comment(raw)
    rows = [*_uncommented(raw, {**found, **given}.get("comment", ""))]
    separator = given.get("separator")
    if separator is None:
        separator = next((s for s in ("\t", " ", "") if _regular(rows, s)), "")
    cells = [row.split(separator) if separator else row.split() for row in rows]
    found["separator"] = separator
    width = min(map(len, cells), default=0)
    columns = [*zip(*(row[:width] for row in cells), strict=True)]
    tagged = [i for i, c in enumerate(columns) if any(map(_TAG.fullmatch, c)) and _tags_only(c)]
    if tagged and "tag_column" not in given:
        place = tagged[-1]
        if place != width - 1 or any(len(row) != width for row in cells):
            found["tag_column"] = place
        if place == 0 or (place > 1 and all(map(_COUNT.fullmatch, columns[0]))):
            found["token_column"] = 1
    tag_column = {**found, **given}.get("tag_column", -1)
    if columns and tag_column < width and (scheme := _scheme(columns[tag_column])):
        found["scheme"] = scheme
    return found


def _first_lines(file: Path, encoding: str) -> Iterator[str]:
    return (line for _, line in islice(lines(file, encoding), _LINES))


def _comment(rows: Sequence[str]) -> dict[str, str]:
    """The option `comment`, where most lines above sentences that begin with # hold no tag.

    What begins with more of them, as ###MEDLINE:90210001, names a document.
    """
    begun = [row for before, row in pairwise(rows) if not before.strip(" \t")]
    above = [row for row in begun if row.startswith("#") and not row.startswith("##")]
    tagged = sum(any(w == "O" or _TAG.fullmatch(w) for w in row.split()) for row in above)
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


def _regular(rows: Sequence[str], separator: str) -> bool:
    widths = {len(row.split(separator or None)) for row in rows}
    return len(widths) == 1 and widths != {1}


def _tags_only(column: Iterable[str]) -> bool:
    return all(tag == "O" or _TAG.fullmatch(tag) for tag in column)


def _scheme(tags: Sequence[str]) -> str | None:
    """The tag scheme that the prefixes tell; None where there are none."""
    prefixes = {found[1] for tag in tags if (found := _TAG.fullmatch(tag))}
    if not prefixes or not _tags_only(tags):
        return None
    if "M" in prefixes:
        return "BMES"
    if prefixes - {"B", "I"}:
        return "BIOES"
    opens = any(b[0] == "I" and a == "O" for a, b in zip(("O", *tags), tags, strict=False))
    return "IOB1" if opens else "IOB2"
