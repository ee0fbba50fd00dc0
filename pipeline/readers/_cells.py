"""The cells of rows: parted by a separator, by blanks, or quoted as spreadsheets write them.

With the names of the columns as fields, such rows are objects of JSON.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from pipeline.errors import RawFileError
from pipeline.readers._paths import Item, RowError
from pipeline.readers._rows import Options, Span
from pipeline.readers._source import EXCERPT, lines
from pipeline.records import Reject

#: What makes a line empty. No other white space does: Chinese text has tokens of U+3000.
BLANK: Final = " \t\r"
_BLANKS: Final = re.compile("[ \t]+")
#: A whole number, as spreadsheets and data frames write it.
WHOLE: Final = re.compile(r"-?\d+(?:\.0+)?")
#: What Python writes otherwise than JSON: strings, tuples with their last comma, constants.
_LITERAL: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[()]|,\s*(?=\))|\b(?:None|True|False)\b""", re.DOTALL
)
_JSON: Final = {"(": "[", ")": "]", "None": "null", "True": "true", "False": "false"}
#: The parts of a span that are numbers.
_NUMBERS: Final = ("start", "end", "sentence")


def cells(
    file: Path, separator: str, *, quoted: bool = False, encoding: str = "utf-8"
) -> Iterator[tuple[str, list[str]]]:
    """Yield (origin, cells) of every row; an empty line has none.

    A separator "" means blanks and tabs. A comma means cells in quotation marks as well, and with
    `quoted` so does any other. The origin of a row of several lines is its last one.
    """
    if quoted or separator == ",":
        yield from _quoted(file, separator, encoding)
        return
    for origin, line in lines(file, encoding):
        if not line or (line[0] in BLANK and not line.strip(BLANK)):
            yield origin, []
        else:
            row = line.split(separator) if separator else _BLANKS.split(line.strip(BLANK))
            yield origin, row


def _quoted(file: Path, separator: str, encoding: str) -> Iterator[tuple[str, list[str]]]:
    given = (f"{line}\n" for _, line in lines(file, encoding))
    rows = csv.reader(given, delimiter=separator or " ", strict=True)
    try:
        for fields in rows:
            blank = not any(field.strip(BLANK) for field in fields)
            yield f"{file.name}:{rows.line_num}", [] if blank and len(fields) < 2 else fields
    except csv.Error as problem:
        what = f"not a table with quoted cells: {problem}"
        todo = "check the quotes of this row, or the options `separator` and `quoted`"
        raise RawFileError(what, where=f"{file}:{rows.line_num}", todo=todo) from None


def table_rows(files: Sequence[Path], options: Options) -> Iterator[tuple[str, Item]]:
    """(origin, row) of all rows that are not empty; what is declared as a place is a number.

    A text that is left out is that of the row above, if both are of the same `source_id`.
    """
    numbers, document = {*_number_columns(options)}, str(options.source_id)
    text = str(options.text if options.tokens is None else options.tokens)
    for file in files:
        all_rows = cells(file, options.separator or "\t", quoted=options.quoted)
        rows = ((at, row) for at, row in all_rows if any(cell.strip() for cell in row))
        first = next(rows, ("", []))[1] if options.header or not options.columns else []
        names = [*options.columns] or column_names(first)
        if twin := next((name for name in names if names.count(name) > 1), None):
            todo = "name the columns in `columns` of [reader], or correct the first row"
            raise RawFileError(f"two columns are called {twin!r}", where=file, todo=todo)
        above: dict[str, Any] = {}
        for origin, row in rows:
            if len(row) != len(names):
                why = f"{len(row)} cells in a table of {len(names)} columns"
                lost = Reject(origin, "malformed_record", why, " ".join(row)[:EXCERPT])
                pairs = options.relations is not None
                yield origin, Item(lost._replace(entities=int(not pairs), relations=int(pairs)))
                continue
            values: dict[str, Any] = dict(zip(names, row, strict=True))
            if values.get(text) == "":
                same = document in values and values[document] == above.get(document)
                values[text] = above.get(text) if same else None
            above = values
            yield origin, Item({k: _cell(v) if k in numbers else v for k, v in values.items()})


def column_names(first: Sequence[str]) -> list[str]:
    """Return the names in the first row; a data frame writes none for its index."""
    return [name.strip() or f"column_{place}" for place, name in enumerate(first)]


def _number_columns(options: Options) -> Iterator[str]:
    for table in (options.entities, options.relations):
        parts = [table, *(msgspec.structs.asdict(table).values() if table else ())]
        for span in parts:
            if isinstance(span, Span):
                yield from (str(getattr(span, name)) for name in _NUMBERS)


def _cell(cell: str) -> int | str | None:
    """Return the number in a cell: None if it is empty, its text if that is not a number."""
    bare = cell.strip()
    return int(bare.partition(".")[0]) if WHOLE.fullmatch(bare) else bare or None


def unpacked(fields: Sequence[str], row: dict[str, Any]) -> dict[str, Any]:
    """Return the row with the values that strings in these fields hold: JSON, or Python's lists.

    Raises RowError for any other string.
    """
    return {**row, **{field: _value(field, row.get(field)) for field in fields}}


def _value(field: str, cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.strip():
        return cell or []
    for written in (str, partial(_LITERAL.sub, _in_json)):
        with suppress(ValueError, TypeError):  # TypeError: half of a surrogate pair
            return orjson.loads(written(cell))
    raise RowError(f"no JSON and no list of Python in {field!r}: {cell!r:.60}")


def _in_json(match: re.Match[str]) -> str:
    """Return a piece of Python's lists as JSON writes it."""
    piece = match[0]
    if piece[0] in "'\"":
        raw = piece[1:-1].encode("latin-1", "backslashreplace")
        return orjson.dumps(raw.decode("unicode_escape", "replace")).decode()
    return _JSON.get(piece, "")
