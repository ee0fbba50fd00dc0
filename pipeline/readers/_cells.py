"""The cells of rows: parted by a separator, by blanks, or quoted as spreadsheets write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipeline.errors import RawFileError
from pipeline.readers._source import lines

#: What makes a line empty. No other white space does: Chinese text has tokens of U+3000.
BLANK: Final = " \t\r"
_BLANKS: Final = re.compile("[ \t]+")


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
    rows = csv.reader(
        (f"{line}\n" for _, line in lines(file, encoding)), delimiter=separator or " ", strict=True
    )
    try:
        for fields in rows:
            blank = not any(field.strip(BLANK) for field in fields)
            yield f"{file.name}:{rows.line_num}", [] if blank and len(fields) < 2 else fields
    except csv.Error as problem:
        raise RawFileError(
            f"not a table with quoted cells: {problem}",
            where=f"{file}:{rows.line_num}",
            todo="check the quotes of this row, or the options `separator` and `quoted`",
        ) from None
