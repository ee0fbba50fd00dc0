"""Events as lists of mentions with spans and roles, the trigger among them (FewFC).

    {"id": "7c1e", "content": "7月2日,汇澜股份收购蓝屿科技。", "events": [
        {"type": "收购", "mentions": [
            {"word": "7月2日", "span": [0, 4], "role": "date"},
            {"word": "汇澜股份", "span": [5, 9], "role": "sub-org"},
            {"word": "收购", "span": [9, 11], "role": "trigger"},
            {"word": "蓝屿科技", "span": [11, 15], "role": "obj-org"}]}]}

Spans are half-open. A role means something else in each event type (the `sub-org` of 收购 buys,
that of 担保 guarantees), so its raw label names both: "收购/sub-org".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.readers import json_rows
from pipeline.readers._paths import Item

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.readers._rows import Options as RowOptions
    from pipeline.records import Record, Reject

_TRIGGER: Final = "trigger"


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per row; the trigger is no argument, and an event may lack one."""
    return json_rows.rows_read(map(_parted, json_rows.rows_of(files)), _form())


def unread_fields(files: Sequence[Path]) -> Counter[str]:
    """Field of the rows that is not read -> in how many places it stands."""
    return json_rows.unread_of(map(_parted, json_rows.rows_of(files)), _form())


def _form() -> RowOptions:
    return json_rows.layout("event_mentions")


def _parted(place: tuple[str, Item]) -> tuple[str, Item]:
    """A row whose events have their trigger apart."""
    origin, item = place
    events = item.value.get("events") if isinstance(item.value, dict) else None
    if not isinstance(events, list):
        return place
    row = Item({**item.value, "events": [_event(event) for event in events]})
    for event in row.value["events"]:
        if isinstance(event, dict) and isinstance(event.get("trigger"), list):
            words = f"an event {event.get('type')} with two triggers"
            return origin, Item(json_rows.refused(origin, row, _form(), words))
    return origin, row


def _event(event: Any) -> Any:
    mentions = event.get("mentions") if isinstance(event, dict) else None
    if not isinstance(mentions, list) or not all(isinstance(m, dict) for m in mentions):
        # An object in the place of the list, or of a mention, is rejected for what it lacks.
        return {**event, "mentions": {}} if isinstance(event, dict) else event
    triggers = [m for m in mentions if m.get("role") == _TRIGGER]
    others = [m for m in mentions if m.get("role") != _TRIGGER]
    kind = event.get("type")
    roles = [{**m, "role": f"{kind}/{m['role']}"} if "role" in m else m for m in others]
    trigger = triggers[0] if len(triggers) == 1 else triggers or None
    return {**event, "mentions": roles, "trigger": trigger}
