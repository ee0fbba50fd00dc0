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

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from pipeline.errors import RawFileError
from pipeline.readers._cells import cells
from pipeline.readers._options import Table
from pipeline.readers._source import EXCERPT, attempt
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_READ: Final = frozenset(
    ["text", "head", "tail", "relation", "document"]
    + [f"{side}_{end}" for side in ("head", "tail") for end in ("start", "end")]
)
_NEEDED: Final = ("text", "head", "tail", "relation")


class Options(Table, frozen=True):
    """What the columns are."""

    columns: tuple[str, ...] = ()
    separator: Annotated[str, msgspec.Meta(min_length=1)] = "\t"
    #: Cells may stand in quotation marks also where no comma parts them.
    quoted: bool = False
    header: bool = False


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per row; rows of the same text complete each other."""
    for file in files:
        rows = table(file, options.separator, quoted=options.quoted)
        first = [] if options.columns and not options.header else next(rows, ("", []))[1]
        names = [*options.columns] or [name.strip() for name in first]
        if missing := [name for name in _NEEDED if names.count(name) != 1]:
            raise RawFileError(
                f"{names} do not name one column {missing[0]!r}",
                where=file,
                todo="name the columns in [reader], or in the first row",
            )
        for origin, fields in rows:
            found = attempt(origin, partial(_record, origin, names), fields)
            yield found._replace(relations=1) if isinstance(found, Reject) else found


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:
    """Column that is not read -> in how many rows it holds something."""
    found: Counter[str] = Counter()
    for file in files:
        rows = table(file, options.separator, quoted=options.quoted)
        first = [] if options.columns and not options.header else next(rows, ("", []))[1]
        names = [*options.columns] or [name.strip() for name in first]
        for _, row in rows:
            cells = zip(names, row, strict=False)
            found.update(name for name, cell in cells if name not in _READ and cell.strip())
    return found


def table(file: Path, separator: str, *, quoted: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Yield (origin, cells) of the rows that are not empty."""
    found = cells(file, separator, quoted=quoted)
    return ((origin, row) for origin, row in found if any(cell.strip() for cell in row))


def _record(origin: str, names: Sequence[str], fields: Sequence[str]) -> Record | Reject:
    if len(names) != len(fields):
        why = f"{len(fields)} of {len(names)} columns"
        return Reject(origin, "malformed_record", why, " ".join(fields)[:EXCERPT])
    row = dict(zip(names, fields, strict=True))
    relation, document = row["relation"].strip(), row.get("document") or None
    if not relation:
        return Record(row["text"], origin, source_id=document)
    mentions = [_mention(row, "head"), _mention(row, "tail")]
    relations = [Relation(relation, 0, 1)]
    return Record(row["text"], origin, mentions, relations, source_id=document)


def _mention(row: dict[str, str], side: str) -> Mention:
    start, end = row.get(f"{side}_start", ""), row.get(f"{side}_end", "")
    if not start.strip() and not end.strip():
        return Mention(row[side])
    return Mention(row[side], int(start), int(end))
