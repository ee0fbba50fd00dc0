"""Events in JSON, one text a line or one array, as DuEE has them and as users write their own.

    {"id": "e1", "text": "昨夜，南浔一家木器厂起火，致两人受伤", "event_list": [
        {"event_type": "灾害/意外-起火", "trigger": "起火", "trigger_start_index": 10,
         "arguments": [
            {"role": "地点", "argument": "南浔一家木器厂", "argument_start_index": 3},
            {"role": "受伤人数", "argument": "两人", "argument_start_index": 14}]}]}

Offsets are starts into the text; where they are missing, null or -1, normalize looks for the one
place of the string. Trigger and arguments may be missing; other keys (`class`, `alias`) are not
read. A row without the list is unlabelled, which is not negative, and rejected, unless
`missing_events = "none"` says that such a text has no event (as DuEE-fin's).

`fields` renames fields, e.g. { text = "content", event_list = "events", event_type = "type" }.
`title_field` names a field that belongs to the text: its line is put before it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipeline.errors import DeclarationError
from pipeline.readers._source import EXCERPT, attempt, items, json_rows, whole
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class _Names(NamedTuple):
    """What the fields are called in the file."""

    text: str = "text"
    id: str = "id"
    event_list: str = "event_list"
    event_type: str = "event_type"
    trigger: str = "trigger"
    trigger_start_index: str = "trigger_start_index"
    arguments: str = "arguments"
    role: str = "role"
    argument: str = "argument"
    argument_start_index: str = "argument_start_index"


class _Format(NamedTuple):
    names: _Names
    title_field: str
    events_may_miss: bool


def read(
    files: Sequence[Path],
    *,
    language: str,  # noqa: ARG001 - the text is given whole, nothing is joined
    fields: Mapping[str, str] | None = None,
    title_field: str = "",
    missing_events: Literal["reject", "none"] = "reject",
) -> Iterator[Record | Reject]:
    """Yield one record per row, with the offsets that the source gives."""
    if missing_events not in ("reject", "none"):
        raise DeclarationError(
            f"no policy {missing_events!r}",
            where="[reader] missing_events",
            todo='use "reject" or "none"',
        )
    if unknown := sorted({*(fields or {})} - {*_Names._fields}):
        raise DeclarationError(
            f"event_json has no field {unknown[0]!r}",
            where="[reader] fields",
            todo=f"rename one of {', '.join(_Names._fields)}",
        )
    form = _Format(_Names(**(fields or {})), title_field, missing_events == "none")
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin, form), row)
            yield _counted(item, row, form.names) if isinstance(item, Reject) else item


def _counted(reject: Reject, row: Any, names: _Names) -> Reject:
    """A reject with the number of annotations that are lost with the row."""
    events = row.get(names.event_list) if isinstance(row, dict) else None
    if not isinstance(events, list):
        return reject
    lists = [e.get(names.arguments) for e in events if isinstance(e, dict)]
    arguments = sum(len(own) for own in lists if isinstance(own, list))
    return reject._replace(events=len(events), arguments=arguments)


def _record(origin: str, form: _Format, row: Any) -> Record | Reject:
    names = form.names
    text: str = row[names.text]
    shift = 0
    if form.title_field and (title := row.get(form.title_field)):
        text, shift = title + "\n" + text, len(title) + 1
    found = row.get(names.event_list)
    if found is None and not form.events_may_miss:
        return Reject(origin, "unlabelled", f"no {names.event_list}", str(text)[:EXCERPT])
    places: dict[tuple[str, int | str], int] = {}
    mentions: list[Mention] = []

    def mention(string: str, start: int | None, role: str) -> int:
        first = None if start is None or start == -1 else whole(start) + shift
        # Without offsets a string is shared only inside its role: the value of an enum role is no
        # span, though the same string may be one elsewhere.
        index = places.setdefault((string, role if first is None else first), len(mentions))
        if index == len(mentions):
            mentions.append(Mention(string, first, None if first is None else first + len(string)))
        return index

    events = []
    for event in () if found is None else items(found):
        trigger = event.get(names.trigger)
        if trigger == "":
            trigger = None
        if trigger is not None:
            trigger = mention(trigger, event.get(names.trigger_start_index), "")
        arguments = []
        given = event.get(names.arguments)
        for own in () if given is None else items(given):
            start = own.get(names.argument_start_index)
            index = mention(own[names.argument], start, own[names.role])
            arguments.append(Argument(own[names.role], index))
        events.append(Event(event[names.event_type], trigger, tuple(arguments)))
    own_id = row.get(names.id)
    own_id = str(own_id) if isinstance(own_id, int) else own_id
    return Record(text, origin, mentions, (), events, own_id)
