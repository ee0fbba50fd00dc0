"""What the readers take and give, and what their options have in common."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.records import Record, Reject

#: The files of one split, or folders of them.
Files = Sequence[Path]
#: (origin, raw row) of each row, or (origin, row as a layout has it).
Rows = Iterator[tuple[str, Any]]
Found = Iterator[Record | Reject]


class Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of `[reader]`: an unknown key in it is an error."""


class Joined(Table, frozen=True):
    """The options of a reader that joins tokens, or pieces of a mention, as their language does."""

    language: str
