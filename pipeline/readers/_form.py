"""The options of `json_rows`, with their paths ready to be followed."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._options import Table
from pipeline.readers._paths import Item, RowError, finder, gatherer, lister
from pipeline.readers._rows import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.readers._paths import Path
    from pipeline.readers._rows import Options

    Find = Callable[[Item], Any]
    List = Callable[[Item], list[Item] | None]

LISTS: Final = ("entities", "relations", "events")
#: Parts that an item may lack: it may do with the others.
_MAYBE: Final = ("at", "start", "text", "ref")


class Form:
    """What `_build` follows to make the record of a row."""

    def __init__(self, options: Options) -> None:
        o = self.options = options
        texts = o.text if isinstance(o.text, tuple) else [o.text]
        self.texts = [finder(path, required=path == texts[-1]) for path in texts]
        self.title = _found(o.title, required=False)
        self.tokens = None if o.tokens is None else gatherer(o.tokens)
        self.tags = _found(o.tags)
        self.tag_names = dict(enumerate(o.tag_names))
        self.source_id = _found(o.source_id, required=False)
        self.annotator = _found(o.annotator, required=False)
        self.only = [(field, finder(field, required=False), gold) for field, gold in o.only.items()]
        self.entities, self.relations, self.events = map(
            _followed, (o.entities, o.relations, o.events)
        )
        tables = (self.entities, self.relations, self.events)
        for table in tables if o.separator is not None else ():
            if table is not None:
                table.items = partial(_labelled, table)
        self.lists: list[List | None] = [table and table.items for table in tables]
        self.required = [table is not None and not table.optional for table in tables]
        self.arguments = self.events and self.events.arguments

    def not_gold(self, row: Item) -> str:
        """Return which field says that a row is not gold, or "" if none does."""
        if not isinstance(row.value, dict):
            return ""
        values = ((field, find(row), gold) for field, find, gold in self.only)
        odd = (f"{f} is {v!r:.40}" for f, v, gold in values if v is not None and v not in gold)
        return next(odd, "")

    def document(self, row: Item) -> str | None:
        """The id of the document that a row is from."""
        try:
            identifier = self.source_id(row) if self.source_id else None
        except RowError:
            return None  # No row: this is reported where its text is looked up.
        return str(identifier) if isinstance(identifier, int | str) else None


def _labelled(table: Any, row: Item) -> list[Item]:
    """The row of a table, where it has a label."""
    return [row] if table.label(row) != "" else []


def _found(path: Path | None, *, required: bool = True) -> Find | None:
    return None if path is None else finder(path, required=required)


def _followed(table: Table | None) -> Any:
    """Replace the paths of a table by functions; `items` finds the list that `at` names."""
    if table is None:
        return None
    parts: dict[str, Any] = {"at": None, "items": None}
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, bool):
            parts[name] = value
        elif name == "at" and type(table) is not Span:
            parts["items"] = lister(value)
        elif name == "pieces":
            parts[name] = None if value is None else lister(value)
        elif isinstance(value, Table | None):
            parts[name] = _followed(value)
        elif name != "at" or value != "":
            maybe = name in _MAYBE or (name == "label" and isinstance(table, Span))
            parts[name] = finder(value, required=not maybe)
    return SimpleNamespace(**parts)
