r"""A table with one pair a row: text, head, tail and relation, in columns of any order.

    text<TAB>head<TAB>tail<TAB>relation           "Rosa Kern, 40, runs Tidal.",Rosa Kern,Tidal,runs
    Rosa Kern runs Tidal.<TAB>Rosa Kern<TAB>Tidal<TAB>runs

`columns` names them as they stand: text, head, tail and relation, and if they are there head_start,
head_end, tail_start, tail_end (code points of the text, half-open) and document; other names are
passed over. Without `columns` the first row names them; with `columns` and `header` it is skipped,
in every file. `separator` "," reads quoted cells as spreadsheets write them, and with `quoted` so
does any other; else quotation marks are text. A row without a relation says that its text has
none; what it may have as head and tail is passed over.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from pipeline.errors import RawFileError
from pipeline.readers._cells import cells
from pipeline.readers._options import Files, Rows, Table
from pipeline.readers._paths import Item
from pipeline.readers._source import EXCERPT
from pipeline.readers.json_rows import shaped
from pipeline.records import Reject

_NEEDED: Final = ("text", "head", "tail", "relation")


class Options(Table, frozen=True):
    """What the columns are."""

    columns: tuple[str, ...] = ()
    separator: Annotated[str, msgspec.Meta(min_length=1)] = "\t"
    #: Cells may stand in quotation marks also where no comma parts them.
    quoted: bool = False
    header: bool = False


def _rows(files: Files, options: Options) -> Rows:
    """The rows, each as an object of its columns."""
    for file in files:
        all_rows = cells(file, options.separator, quoted=options.quoted)
        rows = (row for row in all_rows if any(cell.strip() for cell in row[1]))
        first = [] if options.columns and not options.header else next(rows, ("", []))[1]
        names = [*options.columns] or [name.strip() for name in first]
        if missing := [name for name in _NEEDED if names.count(name) != 1]:
            raise RawFileError(
                f"{names} do not name one column {missing[0]!r}",
                where=file,
                todo="name the columns in [reader], or in the first row",
            )
        for origin, fields in rows:
            if len(names) == len(fields):
                yield origin, Item(dict(zip(names, fields, strict=True)))
            else:
                why, row = f"{len(fields)} of {len(names)} columns", " ".join(fields)[:EXCERPT]
                yield origin, Item(Reject(origin, "malformed_record", why, row, relations=1))


def _pair(origin: str, row: dict[str, str], _: object) -> Rows:
    """A row with a list of its one pair, or of none."""
    pair: dict[str, Any] = {name: row[name] for name in ("head", "tail")}
    pair["relation"] = row["relation"].strip()
    for side in ("head", "tail"):
        ends = {name: row.get(name, "") for name in (f"{side}_start", f"{side}_end")}
        if pair["relation"] and "".join(ends.values()).strip():
            pair |= {name: int(end) for name, end in ends.items()}
    pairs = [pair] if pair["relation"] else []
    yield origin, {"text": row["text"], "document": row.get("document") or None, "pairs": pairs}


read, unread_fields = shaped("pair_table", _pair, _rows)
