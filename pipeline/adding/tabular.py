"""Infer how to read files of rows and columns: separator, columns, header, comments."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice, pairwise, permutations
from pathlib import Path
from typing import Any, Final

from pipeline.adding import tags
from pipeline.adding.json_lists import FIELDS
from pipeline.readers._cells import WHOLE, column_names
from pipeline.readers._source import lines

Options = dict[str, Any]

_LINES: Final = 2000
_ROWS: Final = 200
_SEPARATORS: Final = ("\t", " ", "", ",", ";", "|")
#: A cell in quotation marks with doubled marks inside, and a cell that only begins with a mark.
_DOUBLED: Final = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')
_OPEN: Final = re.compile(r'"|"(?:[^"]|"")*[^"]')
#: A token behind the language that it is from, as in en:Oslo.
_LANGUAGE: Final = re.compile("[a-z]{2,3}:(.+)")
_COUNT: Final = re.compile(r"\d+([-.:]\d+)*")
#: The columns that a pair table needs.
_PAIR: Final = ("text", "head", "tail", "relation")
#: A table of pairs that is wider must name its columns.
_WIDEST: Final = 6
#: The share of rows in which the head stands in the text, and that of the tail, together.
_STANDING: Final = 0.5
#: The share of rows that must have the most frequent width.
_REGULAR: Final = 0.8


def tagged(files: Sequence[Path], encoding: str) -> Iterator[Options]:
    """Yield options of `columns` for every column that may hold tags, the likeliest first.

    Columns with a tagging scheme come before those without one, such as parts of speech; of equals,
    the last column comes first.
    """
    raw = [line for f in files for line in ("", *_first_lines(f, encoding))]
    comment = _comment(raw)
    rows = [*_uncommented(raw, comment.get("comment", ""))]
    for separator in _SEPARATORS:
        readings = [*_tagged(rows, raw, separator)]
        yield from ({**comment, **options} for options in readings)
        if any(options["scheme"] != "IO" for options in readings):
            return


def _tagged(rows: Sequence[str], raw: Sequence[str], separator: str) -> Iterator[Options]:
    base: Options = {"separator": separator}
    if separator not in ("", ",") and _quoted(rows, separator):
        base["quoted"] = True
    cells = _split(rows, separator, quoted="quoted" in base)
    width = _width(cells)
    if width < 2:
        return
    columns = [*zip(*(row for row in cells if len(row) == width), strict=True)]
    base |= _sentences(columns, raw)
    irregular = any(len(row) != width for row in cells)
    readings = []
    for place, column in reversed([*enumerate(columns)]):
        style = tags.style_of([tag.strip() for tag in column[1:]])
        if style is None:
            continue
        headed = column[0].strip() not in {*map(str.strip, column[1:])} and tags.is_name(column[0])
        style = style if headed else tags.style_of([tag.strip() for tag in column]) or style
        options = {**base, **style, **({"header": True} if headed else {})}
        if place != width - 1 or (irregular and style["scheme"] == "IO"):
            options["tag_column"] = place
        token = _token_column(columns, place, options.get("sentence_column"))
        if token:
            options["token_column"] = token
        if all(map(_LANGUAGE.match, columns[token][headed:])):
            options |= {"token_pattern": _LANGUAGE.pattern}
        readings.append(options)
    yield from sorted(readings, key=lambda options: bool(options["scheme"] == "IO"))


def pairs(files: Sequence[Path]) -> Iterator[Options]:
    """Yield options of `pair_table` that the files may be read with."""
    for separator, quoted, parted in _parted(files):
        base: Options = {"separator": separator} if separator != "\t" else {}
        if all(_width(rows) >= len(_PAIR) for rows in parted):
            yield from ({**base, **quoted, **options} for options in _columns(parted))


def tables(files: Sequence[Path]) -> Iterator[tuple[Options, list[dict[str, Any]]]]:
    """Yield options for files as tables of named columns, and the rows as `json_rows` has them."""
    for separator, quoted, parted in _parted(files):
        if not all(_width(rows) > 1 < len(rows) for rows in parted):
            continue
        first = parted[0][0]
        headed = all(rows[0] == first for rows in parted) and _names(first, parted[0][1:])
        names = column_names(first if headed else [""] * len(first))
        options = {"separator": separator, **quoted, **({} if headed else {"columns": names})}
        rows = [row for table in parted for row in table[headed:] if len(row) == len(names)]
        yield options, [*_filled(dict(zip(names, map(_value, row), strict=True)) for row in rows)]


def _parted(files: Sequence[Path]) -> Iterator[tuple[str, Options, list[list[list[str]]]]]:
    """Yield (separator, option `quoted`, first rows of each file in cells) for every separator."""
    raw = [[*_first_lines(file, "utf-8")] for file in files]
    for separator in ("\t", ",", ";", "|"):
        quoted = separator != "," and _quoted([row for rows in raw for row in rows], separator)
        parted = [_cells(rows, separator, quoted=quoted) for rows in raw]
        yield separator, ({"quoted": True} if quoted else {}), parted


def _filled(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows with empty cells filled from above: some tables write a text only once."""
    above: dict[str, Any] = {}
    for row in rows:
        above = {k: above.get(k) if value is None else value for k, value in row.items()}
        yield above


def _names(first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row names the columns: each cell looks like a name, and none recurs below."""
    again = any(name == cell for row in below for name, cell in zip(first, row, strict=False))
    named = first[not first[0].strip() :]  # The index of a data frame has no name.
    return not again and len({*first}) == len(first) and all(map(tags.is_name, named))


def _value(cell: str) -> str | int | None:
    return int(cell.partition(".")[0]) if WHOLE.fullmatch(cell.strip()) else cell or None


def _columns(tables: Sequence[Sequence[Sequence[str]]]) -> Iterator[Options]:
    """Yield possible names of the columns. Of the two ends of a pair, the first is the head."""
    names = [name.strip() for name in tables[0][0]]
    if {*_PAIR} <= {*names}:
        yield {}
        return
    lower = [name.lower() for name in names]
    if {*lower} & {*FIELDS["trigger"]}:
        return  # These are events, not pairs.
    header = {"header": True} if all(map(_headed, tables)) else {}
    # The column of each kind by its likeliest name, if the header has one.
    known = {k: next((lower.index(n) for n in FIELDS[k] if n in lower), None) for k in _PAIR}
    if header and None not in known.values() and len({*known.values()}) == len(_PAIR):
        renamed = {place: name for name, place in known.items()}
        yield {"columns": [renamed.get(n, name) for n, name in enumerate(names)], **header}
        return
    if len(names) <= _WIDEST:
        rows = [row for table in tables for row in table[1:] if len(row) == len(names)]
        counts, least = _contained(rows), _STANDING * len(rows)
        every = [p for p in permutations(range(len(names)), len(_PAIR)) if p[1] < p[2]]
        standing = [p for p in every if counts[p[0], p[1]] + counts[p[0], p[2]] > least]
        for places in standing or every:
            if counts[places[0], places[3]] * 2 > len(rows):
                continue  # What stands in the texts is rather an end than a relation.
            renamed = dict(zip(places, _PAIR, strict=True))
            yield {"columns": [renamed.get(n, f"column_{n}") for n in range(len(names))], **header}


def _contained(rows: Sequence[Sequence[str]]) -> Counter[tuple[int, int]]:
    """Return (column of texts, other column) -> in how many rows the text contains the other."""
    counts: Counter[tuple[int, int]] = Counter()
    for row in rows:
        cells = [cell.strip().lower() for cell in row]
        for (text, whole), (other, part) in permutations(enumerate(cells), 2):
            counts[text, other] += part in whole
    return counts


def _headed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table has a header: no cell of its first row is in the text or occurs below.

    The text is the longest column. In most other rows it contains two columns: head and tail.
    """
    width = len(rows[0])
    below = [row for row in rows[1:] if len(row) == width]
    text = max(range(width), key=lambda i: sum(len(row[i]) for row in below))

    def standing(row: Sequence[str]) -> int:
        return sum(bool(cell) and cell in row[text] for i, cell in enumerate(row) if i != text)

    pairs = sum(standing(row) > 1 for row in below)
    returning = any(row[i] == cell for i, cell in enumerate(rows[0]) for row in below)
    return pairs * 2 > len(below) and not standing(rows[0]) and not returning


def _cells(rows: Sequence[str], separator: str, *, quoted: bool) -> list[list[str]]:
    """Return the cells of the first rows that are not empty."""
    cells = _split([row for row in rows if row.strip()], separator, quoted=quoted)
    return [row for row in cells if any(cell.strip() for cell in row)][:_ROWS]


def _split(rows: Sequence[str], separator: str, *, quoted: bool) -> list[list[str]]:
    """Split rows into cells as the reader does."""
    if quoted or separator == ",":
        try:
            return [*csv.reader((f"{row}\n" for row in rows), delimiter=separator, strict=True)]
        except csv.Error:
            return []
    return [row.split(separator) if separator else row.split() for row in rows]


def _quoted(rows: Sequence[str], separator: str) -> bool:
    """Whether cells are quoted as spreadsheets do it: quotation marks inside are doubled.

    In many files a token that is a single quotation mark is written without quoting.
    """
    cells = [cell for row in rows for cell in row.split(separator)]
    return any(map(_DOUBLED.fullmatch, cells)) and not any(map(_OPEN.fullmatch, cells))


def _sentences(columns: Sequence[Sequence[str]], raw: Sequence[str]) -> dict[str, int]:
    """Return the option for the column that names sentences, if no empty lines separate them."""
    if sum(not row.strip() for row in raw) > 3:
        return {}
    for place, (first, *column) in enumerate(columns):
        empty = sum(not cell.strip() for cell in column)
        runs = [cell for cell, _ in groupby(column)]
        named = not empty and 1 < len({*runs}) == len(runs) < len(column) / 2
        if named or (empty * 3 > len(column) and first.strip()):
            return {"sentence_column": place}
    return {}


def _token_column(columns: Sequence[Sequence[str]], tag: int, sentence: int | None) -> int:
    """Return the first column but the tags whose cells are not numbers and not all the same."""
    for place, column in enumerate(columns):
        counts = all(map(_COUNT.fullmatch, column[1:]))
        if place not in (tag, sentence) and not counts and len({*column}) > 1:
            return place
    return 0 if tag else min(1, len(columns) - 1)


def _first_lines(file: Path, encoding: str) -> Iterator[str]:
    return (line for _, line in islice(lines(file, encoding), _LINES))


def _comment(rows: Sequence[str]) -> dict[str, str]:
    """Return the option `comment`, if most lines with # above a sentence hold no tag.

    A line that begins with several #, such as ###MEDLINE:90210001, names a document.
    """
    begun = [row for before, row in pairwise(rows) if not before.strip(" \t")]
    above = [row for row in begun if row.startswith("#") and not row.startswith("##")]
    tagged = sum(
        row.split()[-1:] == ["O"] or tags.style_of(row.split()) is not None for row in above
    )
    if tagged * 2 >= len(above):
        return {}
    # A hashtag as the first token of a sentence has no space after #.
    return {"comment": "# " if all(row.startswith("# ") for row in above) else "#"}


def _uncommented(rows: Iterable[str], comment: str) -> Iterator[str]:
    """Yield the rows of tokens, as the reader sees them."""
    inside = False
    for row in rows:
        if not row.strip(" \t") or row.startswith("-DOCSTART-"):
            inside = False
        elif inside or not (comment and row.startswith(comment)):
            inside = True
            yield row


def _width(cells: Sequence[Sequence[str]]) -> int:
    """Return how many columns nearly all rows have; 0 if the widths differ."""
    widths = Counter(map(len, cells))
    most, n = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    return most if n >= _REGULAR * len(cells) else 0
