"""Infer how to read files of rows and columns: separator, columns, header, comments, tags."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice, pairwise, permutations
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.adding.json_lists import FIELDS
from pipeline.readers._cells import WHOLE, column_names
from pipeline.readers._source import lines

#: Tags of tokens outside all entities, as files write them.
_OUTSIDE: Final = ("O", "o", "0", "_", "OUT", "None")
_PREFIXED: Final = re.compile(r"([BIMESLUWbimesluw])[-_:](\S.*)")
_SUFFIXED: Final = re.compile(r"(\S*[^\s-])[-_:]([BIMESLUWbimesluw])")
_BARE: Final = re.compile(r"[BIMESLUWbimesluw]")
_GLUED: Final = re.compile(r"([BIMESLUW])([A-Z]\w+)")
_LABEL: Final = re.compile(r"[^\W\d][\w&/.+ #-]{0,39}")
#: Among this many labels or fewer, tags without a scheme may be labels.
_FEW_LABELS: Final = 40


class Style(NamedTuple):
    """How tags are written, as options of the readers of tags."""

    options: dict[str, Any]
    #: The tags have no labels: the user must name the one label of all.
    bare: bool = False
    #: Whether the style is certain: tags with a scheme are, labels without one are not.
    certain: bool = True


def style_of(tags: Sequence[str]) -> Style | None:
    """Return the style of a column; None if it does not look like tags.

    A few odd tags are slips: a column is judged by nearly all of its tags.
    """
    counts = Counter(tag for tag in tags if tag)
    if not counts:
        return None
    outside = [tag for tag in _OUTSIDE if tag in counts]
    rest = Counter({tag: n for tag, n in counts.items() if tag not in outside})
    if "O" in outside:
        # Beside O, an underscore or a zero is a tag like any other odd one.
        rest.update({tag: counts[tag] for tag in outside if tag not in ("O", "o")})
        outside = [tag for tag in outside if tag in ("O", "o")]
    if not rest or (not outside and not _schemed(rest)):
        return None
    odd = {"outside": [tag for tag in outside if tag != "O"]}
    options = {key: value for key, value in odd.items() if value}
    if _most(rest, _PREFIXED):
        return Style({"scheme": _scheme(tags, _PREFIXED, 1), **options})
    if _most(rest, _SUFFIXED):
        suffixed = {"scheme": _scheme(tags, _SUFFIXED, 2), "label_first": True}
        return Style({**suffixed, **options})
    if _most(rest, _BARE):
        return Style({"scheme": _scheme(tags, _BARE, 0), **options}, bare=True)
    if "0" in outside or "_" in outside:
        return None
    matches = [match for match in map(_GLUED.fullmatch, rest) if match]
    opened = {match[2] for match in matches if match[1] in "BSUW"}
    if len(matches) == len(rest) > len(opened) > 0 and opened == {match[2] for match in matches}:
        # A label goes on with another letter than the one that it begins with.
        return Style({"scheme": _scheme(tags, _GLUED, 1), "glued": True, **options})
    likely = len(rest) <= _FEW_LABELS and _most(rest, _LABEL)
    recurring = rest.total() >= 2 * len(rest) or rest.total() < 12
    if likely and recurring and sum(counts[tag] for tag in outside) * 4 > counts.total():
        return Style({"scheme": "IO", **options}, certain=False)
    return None


def is_name(cell: str) -> bool:
    """Whether a cell may be the name of a column, and is not a tag."""
    word = cell.strip()
    tag = _PREFIXED.fullmatch(word) or _SUFFIXED.fullmatch(word) or _BARE.fullmatch(word)
    return bool(_LABEL.fullmatch(word)) and not tag and word not in _OUTSIDE


def _schemed(rest: Counter[str]) -> bool:
    """Whether a column without a single O may still hold tags."""
    return _most(rest, _PREFIXED) or _most(rest, _SUFFIXED)


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


def tagged(files: Sequence[Path], encoding: str) -> Iterator[tuple[Options, Style]]:
    """Yield options of `columns` for every column that may hold tags, the likeliest first.

    Columns with a tagging scheme come before those without one, such as parts of speech; of equals,
    the last column comes first.
    """
    raw = [line for f in files for line in ("", *_first_lines(f, encoding))]
    comment = _comment(raw)
    rows = [*_uncommented(raw, comment.get("comment", ""))]
    for separator in _SEPARATORS:
        readings = [*_tagged(rows, raw, separator)]
        yield from (({**comment, **options}, style) for options, style in readings)
        if any(style.certain for _, style in readings):
            return


def _tagged(
    rows: Sequence[str], raw: Sequence[str], separator: str
) -> Iterator[tuple[Options, Style]]:
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
    for place, column in enumerate(columns):
        style = style_of([tag.strip() for tag in column[1:]])
        if style is None:
            continue
        headed = column[0].strip() not in {*map(str.strip, column[1:])} and is_name(column[0])
        style = style if headed else style_of([tag.strip() for tag in column]) or style
        options = {**base, **style.options, **({"header": True} if headed else {})}
        if place != width - 1 or (irregular and not style.certain):
            options["tag_column"] = place
        token = _token_column(columns, place, options.get("sentence_column"))
        if token:
            options["token_column"] = token
        if all(map(_LANGUAGE.match, columns[token][headed:])):
            options |= {"token_pattern": _LANGUAGE.pattern}
        readings.append((options, style))
    readings.reverse()
    yield from sorted(readings, key=lambda reading: not reading[1].certain)


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
    return not again and len({*first}) == len(first) and all(map(is_name, named))


def _value(cell: str) -> str | int | None:
    return int(cell.partition(".")[0]) if WHOLE.fullmatch(cell.strip()) else cell or None


def _columns(tables: Sequence[Sequence[Sequence[str]]]) -> Iterator[Options]:
    """Yield possible names of the columns. Of the two ends of a pair, the first is the head."""
    names = [name.strip() for name in tables[0][0]]
    if {*_PAIR} <= {*names}:
        yield {}
        return
    if {name.lower() for name in names} & {*FIELDS["trigger"]}:
        return  # These are events, not pairs.
    header = {"header": True} if all(map(_headed, tables)) else {}
    known = {name: _place(name, names) for name in _PAIR}
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
    if not below:
        return False
    text = max(range(width), key=lambda i: sum(len(row[i]) for row in below))

    def standing(row: Sequence[str]) -> int:
        return sum(bool(cell) and cell in row[text] for i, cell in enumerate(row) if i != text)

    pairs = sum(standing(row) > 1 for row in below)
    returning = any(row[i] == cell for i, cell in enumerate(rows[0]) for row in below)
    return pairs * 2 > len(below) and not standing(rows[0]) and not returning


def _place(kind: str, names: Sequence[str]) -> int | None:
    """Return the index of a column of a pair table among the names of a header, or None."""
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in FIELDS[kind] if name in lower), None)


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
    tagged = sum(row.split()[-1:] == ["O"] or style_of(row.split()) is not None for row in above)
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
