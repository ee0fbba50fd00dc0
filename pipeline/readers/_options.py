"""What the options of all readers have in common."""

from __future__ import annotations

import msgspec


class Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of `[reader]`: an unknown key in it is an error."""


class Joined(Table, frozen=True):
    """The options of a reader that joins tokens, or pieces of a mention, as their language does."""

    language: str
