"""Rows of a table of cells as objects of JSON, with the names of the columns as fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.errors import RawFileError
from pipeline.readers._cells import cells
from pipeline.readers._paths import Item
from pipeline.readers._rows import Span
from pipeline.readers._source import EXCERPT
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.readers._rows import Options

#: The parts of a span that are numbers.
_NUMBERS: Final = ("start", "end", "sentence")


def table_rows(files: Sequence[Path], options: Options) -> Iterator[tuple[str, Item]]:
    """(origin, row) of all rows that are not empty; what is declared as a place is a number.

    A text that is left out is that of the row above, if both are of the same `source_id`.
    """
    numbers = {*_number_columns(options)}
    text = str(options.text if options.tokens is None else options.tokens)
    for file in files:
        all_rows = cells(file, options.separator or "\t", quoted=options.quoted)
        rows = ((at, row) for at, row in all_rows if any(cell.strip() for cell in row))
        first = next(rows, ("", []))[1] if options.header or not options.columns else []
        names = [*options.columns] or [name.strip() for name in first]
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
                same = _same_document(values, above, str(options.source_id))
                values[text] = above.get(text) if same else None
            above = values
            yield origin, Item({k: _cell(v) if k in numbers else v for k, v in values.items()})


def _same_document(row: dict[str, Any], above: dict[str, Any], field: str) -> bool:
    return field in row and row[field] == above.get(field)


def _number_columns(options: Options) -> Iterator[str]:
    for table in (options.entities, options.relations):
        parts = [table, *(msgspec.structs.asdict(table).values() if table else ())]
        for span in parts:
            if isinstance(span, Span):
                yield from (str(getattr(span, name)) for name in _NUMBERS)


def _cell(cell: str) -> int | str | None:
    """Return the number in a cell: None if it is empty, its text if that is not a number."""
    bare = cell.strip()
    return int(bare) if bare.removeprefix("-").isdecimal() else bare or None
