"""The record of a row of JSON, by the options that say where things stand in it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from pipeline.readers import _tags
from pipeline.readers._paths import Item, Path, RowError, lister
from pipeline.readers._rows import LISTS, PIECE, Form, List
from pipeline.readers._source import EXCERPT, items, label_of, whole
from pipeline.readers._text import Text, unmarked_row
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation

#: The key of the tail among the slots of an object that has several.
_VALUE: Final = "@value"
#: What stands for no string; the last is IEPile's.
_EMPTY: Final = ("", None, "NAN")
#: The part that a trigger plays in its event; no role has this name.
_TRIGGER: Final = " trigger"


def built(origin: str, form: Form, lost: list[Reject], row: Item) -> Record | Reject:
    """The record of a row, or why there is none. What is lost from a record is added to `lost`.

    Some tools count characters beyond U+FFFF twice. The words of a text tell: offsets are read
    so in a row whose mentions are torn otherwise, and are not then.
    """
    bare_row = unmarked_row(row, form.options) if form.options.marks else row
    make = partial(_Builder, origin, form, bare_row)
    utf16 = form.options.unit == "utf-16"
    builder = make(utf16=utf16)
    if builder.text.astral and not _fits(make(utf16=utf16)) and _fits(make(utf16=not utf16)):
        builder = make(utf16=not utf16)
    record = builder.record()
    lost += builder.lost
    return record


def _fits(builder: "_Builder") -> bool:
    """Whether all mentions of a row stand in its text, and begin and end where words do."""
    try:
        builder.record()
    except RowError:
        return False
    return not builder.text.torn(builder.mentions)


def lost_counts(reject: Reject, form: Form, row: Item, paths: Mapping[str, Path] = {}) -> Reject:
    """The reject of a row, with the number of annotations that are lost with it.

    `paths` says of some kinds which list in the row holds as many.
    """
    entities, relations, events = (_sound(find, row) for find in form.lists)
    arguments = [_sound(form.arguments and form.arguments.items, event) for event in events]
    counts = {
        "records": 1,
        "entities": len(entities) + _tagged_entities(form, row),
        "relations": len(relations),
        "events": len(events),
        "arguments": sum(map(len, arguments)),
        **{kind: len(_sound(lister(path), row)) for kind, path in paths.items()},
    }
    counts["records"] = max(1, counts["records"])
    return reject._replace(**counts, source_id=form.document(row))  # type: ignore[arg-type]


def _sound(find: List | None, item: Item) -> list[Item]:
    try:
        return (find and find(item)) or []
    except RowError:
        return []


def _tagged_entities(form: Form, row: Item) -> int:
    try:
        named = _named(_parted(form.tags(row)), form) if form.tags else []
    except RowError:
        return 0
    known = [tag if isinstance(tag, str) else "O" for tag in named]
    return _tags.count(known, form.options)


def _named(tags: list[Any], form: Form) -> list[Any]:
    """The tags by their names, where they are numbers that have names; any other is odd then."""
    if not form.tag_names:
        return tags
    return [form.tag_names.get(t, repr(t)) if type(t) is int else repr(t) for t in tags]


class _Builder:
    """Collects the mentions of one row, and builds its record."""

    def __init__(self, origin: str, form: Form, row: Item, *, utf16: bool) -> None:
        self.origin, self.form, self.row = origin, form, row
        self.text = Text(form, row, utf16=utf16)
        self.lost: list[Reject] = []
        self.mentions: list[Mention] = []
        #: (text, start, end, label or role) -> the first such mention.
        self.known: dict[tuple[Any, ...], int] = {}
        #: The id of an entity or event, or the place of an entity in its list, or the last token
        #: of a tagged one -> its mention.
        self.ids: dict[Any, int | None] = {}

    def record(self) -> Record | Reject:
        form, row = self.form, self.row
        lists = [find and find(row) for find in form.lists]
        parts = zip(LISTS, lists, form.required, strict=True)
        missing = [name for name, given, needed in parts if needed and given is None]
        some = form.tags or any(given is not None for given in lists)
        if form.options.unlabeled == "reject" and (missing or not some):
            why = f"no list of {' and '.join(missing) or 'annotations'}"
            return Reject(self.origin, "unlabeled", why, self.text.string[:EXCERPT])
        if form.tags and (odd := self._tagged(_parted(form.tags(row)))):
            return odd
        entities, relations, events = (given or [] for given in lists)
        for number, entity in enumerate(entities):
            self._entity(number, entity)
        pairs = [self._relation(relation) for relation in relations]
        if events and form.events.id:
            self.ids |= {form.events.id(event): self._trigger(event) for event in events}
        happened = [self._event(event) for event in events]
        return Record(
            self.text.string,
            self.origin,
            self.mentions,
            pairs if form.options.relations else (),
            happened if form.options.events else (),
            form.document(row),
        )

    def _tagged(self, tags: list[Any]) -> Reject | None:
        tokens, text = self.text.tokens or [], self.text.string
        if not self.form.tag_names and any(type(tag) is int for tag in tags):
            raise RowError("the tags are numbers: say in tag_names what they mean, from 0 on")
        if len(tags) != len(tokens):
            detail = f"{len(tokens)} tokens, {len(tags)} tags"
            return Reject(self.origin, "length_mismatch", detail, text[:EXCERPT])
        spans = _tags.decode(_named(tags, self.form), self.form.options)
        if isinstance(spans, str):
            return Reject(self.origin, "unknown_tag", spans, text[:EXCERPT])
        for first, last, label in spans:
            start, end = self.text.characters(first, last + 1)
            self.ids[last] = self._add(Mention(text[start:end], start, end, label))
        return None

    def _entity(self, number: int, item: Item) -> None:
        place = self.form.entities
        if self.form.options.skip_empty and place.text and place.text(item) == "":
            self._lose("empty_mention", "an entity without a string", entities=1)
            return
        mention = self._mention(place, item)
        label = place.label(item) if place.label else None
        labels = label if isinstance(label, list) and label else [label]
        numbers = [self._add(mention._replace(label=label_of(name))) for name in labels]
        key = place.id(item) if place.id else number + self.form.options.first_ref
        before = self.ids.setdefault(key, numbers[0])
        if before is not None and (self.mentions[before].start or 0) > (mention.start or 0):
            self.ids[key] = numbers[0]

    def _relation(self, item: Item) -> Relation:
        table = self.form.relations
        if table.tokens and table.tokens(item) != self.text.tokens:
            raise RowError("a relation repeats other tokens than those of its row", "tokens_differ")
        label, head = label_of(table.label(item)), self._reached(table.head, item)
        values = table.tail.text(item) if table.tail.text else None
        kinds = table.tail.label(item) if table.tail.label else None
        kind_of = kinds if isinstance(kinds, dict) else {_VALUE: kinds}
        if table.signature:
            label = f"{self.mentions[head].label}|{label}|{kind_of.get(_VALUE)}"
        if not isinstance(values, dict):
            return Relation(label, head, self._reached(table.tail, item))
        if _VALUE not in values:
            raise RowError(f"an object of slots without {_VALUE}: {values!r:.60}")
        named = {
            slot: self._shared(Mention(self.text.spelled(value), label=kind_of.get(slot)))
            for slot, value in sorted(values.items(), key=lambda pair: pair[0] != _VALUE)
            if value or slot == _VALUE
        }
        tail = named.pop(_VALUE)
        qualifiers = tuple(Argument(slot, number) for slot, number in named.items())
        return Relation(label, head, tail, qualifiers)

    def _event(self, item: Item) -> Event:
        form, arguments = self.form, []
        trigger = self._trigger(item)
        if (inner := form.arguments) is not None:
            for part in inner.items(item) or ():
                role, string = label_of(inner.role(part)), inner.text
                if form.options.skip_empty and string and string(part) in _EMPTY:
                    self._lose("empty_mention", "an argument without a string", arguments=1)
                else:
                    arguments.append(Argument(role, self._reached(inner, part, role)))
        return Event(label_of(form.events.label(item)), trigger, tuple(arguments))

    def _trigger(self, item: Item) -> int | None:
        """The mention of an event's trigger; None where it has none, or an empty string."""
        place = self.form.events.trigger
        inner = self._inner(place, item) if place else None
        if place is None or inner is None or inner.value is None:
            return None
        given = place.text and place.text(inner)
        others = (place.ref, place.start, place.tokens, place.pieces)
        nowhere = all(find is None or find(inner) is None for find in others)
        if given is None and nowhere and place.at and inner.value:
            raise RowError(f"a trigger with neither a string nor a place: {inner.value!r:.60}")
        if given in _EMPTY and (given is not None or nowhere):
            return None
        return self._reached(place, item, _TRIGGER)

    def _reached(self, place: Any, holder: Item, role: str = "") -> int:
        """The number of the mention at a place in an item, or of the one that it refers to."""
        item = self._inner(place, holder)
        if place.ref and not ((key := place.ref(item)) is None and place.text):
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise RowError(f"no id of an entity and no place in their list: {key!r:.60}")
            number = self.ids.get(key)
            if number is None:
                raise RowError(f"there is no entity {key!r:.60}", "unknown_entity")
            return number
        mention = self._mention(place, item)
        label = place.label(item) if place.label else None
        return self._shared(mention._replace(label=label or None), role)

    def _inner(self, place: Any, item: Item) -> Item:
        return Item(place.at(item), (*item.trail, ("", item.value))) if place.at else item

    def _mention(self, place: Any, item: Item) -> Mention:
        """The mention that an item is, without its label."""
        if place.tokens:
            return self.text.numbered(place.tokens(item))
        if place.pieces and (pieces := place.pieces(item)):
            return self.text.joined([self.text.span(*_two(piece.value)) for piece in pieces])
        given = place.text(item) if place.text else None
        given = None if given is None else self.text.spelled(given)
        start = place.start(item) if place.start else None
        if start is None or (start == -1 and given is not None):
            if given is None:
                raise RowError(f"neither a string nor a place: {item.value!r:.60}")
            return Mention(given)
        start = whole(start)
        if place.end:
            end = whole(place.end(item)) + self.form.options.inclusive_end
        else:
            end = start + len(given or "")
        sentence = place.sentence(item) if place.sentence else None
        if given is not None and self.form.options.misplaced == "drop offsets":
            return self._where_it_fits(given, start, end)
        first, stop = self.text.span(start, end, sentence)
        return Mention(self.text.string[first:stop] if given is None else given, first, stop)

    def _where_it_fits(self, given: str, start: Any, end: int) -> Mention:
        """The mention of a string, with its offsets only where it stands there."""
        try:
            first, stop = self.text.span(start, end)
        except RowError:
            first = stop = 0
        if given and self.text.string[first:stop] == given:
            return Mention(given, first, stop)
        self._lose("offsets_dropped", f"{given!r:.60} does not stand at {start}:{end}")
        return Mention(given)

    def _add(self, mention: Mention, role: str = "") -> int:
        number = len(self.mentions)
        self.mentions.append(mention)
        text, start, end, label, _ = mention
        self.known.setdefault((text, start, end, label), number)
        self.known.setdefault((text, start, end, role if start is None else ""), number)
        return number

    def _shared(self, mention: Mention, role: str = "") -> int:
        """The number of the mention that is there already, or of a new one.

        A string without label and place is an entity of that name, or is shared in its role alone:
        the value of an enum role is no span, though the same string may be one elsewhere.
        """
        text, start, end, label, _ = mention
        others = [label] if label is not None else ["", role]
        for other in others:
            if (number := self.known.get((text, start, end, other))) is not None:
                return number
        return self._add(mention, role)

    def _lose(self, reason: str, detail: str, **counts: Any) -> None:
        lost = Reject(self.origin, reason, detail, self.text.string[:EXCERPT], 0)
        self.lost.append(lost._replace(**counts))


def _parted(tags: Any) -> list[Any]:
    """The tags of a row, which may stand in one string, with blanks or commas between them."""
    return tags.replace(",", " ").split() if isinstance(tags, str) else items(tags)


def _two(piece: Any) -> Sequence[Any]:
    """Start and end of a piece: a list of both, or an object of offset and length."""
    if isinstance(piece, dict) and {*PIECE} <= {*piece}:
        return piece["offset"], whole(piece["offset"]) + whole(piece["length"])
    if isinstance(piece, list) and len(piece) == 2:
        return piece
    raise RowError(f"no piece of a mention: {piece!r:.60}")
