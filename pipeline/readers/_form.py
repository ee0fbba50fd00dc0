"""The options of `json_rows`, with their paths ready to be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.readers._paths import Item, RowError, finder, gatherer, lister

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.readers._paths import Path
    from pipeline.readers._rows import Arguments, Options, Span

    Find = Callable[[Item], Any]
    List = Callable[[Item], list[Item] | None]

LISTS: Final = ("entities", "relations", "events")


class Place(NamedTuple):
    """A `Span` of the options. A part is None where the span has no such path."""

    at: Find | None
    start: Find | None
    end: Find | None
    text: Find | None
    label: Find | None
    sentence: Find | None
    tokens: Find | None
    pieces: List | None
    ref: Find | None


class Inner(NamedTuple):
    """The arguments of an event: their list, and the role and the place of each."""

    items: List
    role: Find
    place: Place


class Form:
    """What `_build` follows to make the record of a row."""

    def __init__(self, options: Options) -> None:
        o = self.options = options
        texts = o.text if isinstance(o.text, tuple) else [o.text]
        self.texts = [finder(path, required=path == texts[-1]) for path in texts]
        self.title = _maybe(o.title)
        self.tokens = None if o.tokens is None else gatherer(o.tokens)
        self.tags = _sure(o.tags)
        self.style = o.style
        self.tag_names = dict(enumerate(o.tag_names))
        self.source_id = _maybe(o.source_id)
        self.only = [(field, finder(field, required=False), own) for field, own in o.only.items()]
        tables = (o.entities, o.relations, o.events)
        self.lists = [None if table is None else lister(table.at) for table in tables]
        self.required = [table is not None and not table.optional for table in tables]
        if o.entities:
            self.entity, self.entity_id = _place(o.entities), _sure(o.entities.id)
        if o.relations:
            self.relation, self.own_tokens = finder(o.relations.label), _sure(o.relations.tokens)
            self.head, self.tail = _place(o.relations.head), _place(o.relations.tail)
        self.arguments: Inner | None = None
        if o.events:
            self.event, self.event_id = finder(o.events.label), _sure(o.events.id)
            self.trigger = _place(o.events.trigger) if o.events.trigger else None
            self.arguments = _inner(o.events.arguments) if o.events.arguments else None

    def not_gold(self, row: Item) -> str:
        """Which field says that a row is no gold, "" if none does."""
        if not isinstance(row.value, dict):
            return ""
        found = ((field, find(row), gold) for field, find, gold in self.only)
        odd = (f"{f} is {v!r:.40}" for f, v, gold in found if v is not None and v not in gold)
        return next(odd, "")

    def document(self, row: Item) -> str | None:
        """The id of the document that a row is from."""
        try:
            found = self.source_id(row) if self.source_id else None
        except RowError:
            return None  # The row is none: that is told where its text is looked for.
        return str(found) if isinstance(found, int | str) else None


def _maybe(path: Path | None) -> Find | None:
    return None if path is None else finder(path, required=False)


def _sure(path: Path | None) -> Find | None:
    return None if path is None else finder(path)


def _place(span: Span) -> Place:
    """Where start, string, label or reference are missing, an item may do with the others."""
    return Place(
        None if span.at == "" else _maybe(span.at),
        _maybe(span.start),
        _sure(span.end),
        _maybe(span.text),
        _maybe(span.label),
        _sure(span.sentence),
        _sure(span.tokens),
        None if span.pieces is None else lister(span.pieces),
        _maybe(span.ref),
    )


def _inner(arguments: Arguments) -> Inner:
    place = _place(arguments)._replace(at=None)
    return Inner(lister(arguments.at), finder(arguments.role), place)
