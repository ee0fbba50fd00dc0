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

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._source import attempt, items, json_rows
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_TRIGGER: Final = "trigger"


def read(
    files: Sequence[Path],
    *,
    language: str,  # noqa: ARG001 - the text is given whole, nothing is joined
) -> Iterator[Record | Reject]:
    """Yield one record per row; the trigger is no argument, and an event may lack one."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin), row)
            yield _counted(item, row) if isinstance(item, Reject) else item


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of annotations that are lost with the row."""
    events = row.get("events") if isinstance(row, dict) else None
    if not isinstance(events, list):
        return reject
    lists = [e.get("mentions") for e in events if isinstance(e, dict)]
    mentions = [m for own in lists if isinstance(own, list) for m in own]
    arguments = sum(isinstance(m, dict) and m.get("role") != _TRIGGER for m in mentions)
    return reject._replace(events=len(events), arguments=arguments)


def _record(origin: str, row: Any) -> Record:
    mentions: dict[Mention, int] = {}
    events = []
    for event in items(row["events"]):
        kind, trigger, arguments = event["type"], None, []
        for part in items(event["mentions"]):
            start, end = part["span"]
            index = mentions.setdefault(Mention(part["word"], start, end), len(mentions))
            if part["role"] != _TRIGGER:
                arguments.append(Argument(f"{kind}/{part['role']}", index))
            elif trigger is None:
                trigger = index
            else:
                raise ValueError(f"an event {kind} with two triggers")
        events.append(Event(kind, trigger, tuple(arguments)))
    return Record(row["content"], origin, [*mentions], (), events, row["id"])
