"""Nested events in JSON lines, every filler a list of fragments (PHEE).

    {"id": "5100001_1", "context": "Fatal hepatitis after disulfiram with isoniazid in an old man.",
     "is_mult_event": false, "annotations": [{"events": [{
        "event_id": "E1", "event_type": "Adverse_event",
        "Trigger": {"text": [["after"]], "start": [[16]], "entity_id": ["T1"]},
        "Effect": {"text": [["Fatal hepatitis"]], "start": [[0]], "entity_id": ["T2"]},
        "Subject": {"text": [["an old man"]], "start": [[51]], "entity_id": ["T3"],
            "Gender": {"text": [["man"]], "start": [[58]], "entity_id": ["T4"]}},
        "Treatment": {"text": [["disulfiram", "isoniazid"]], "start": [[22, 38]],
            "entity_id": ["T5"],
            "Drug": {"text": [["disulfiram"], ["isoniazid"]], "start": [[22], [38]],
                     "entity_id": ["T6", "T7"]},
            "Combination": [{"event_id": "E2", "event_type": "Combination",
                "Trigger": {"text": [["with"]], "start": [[33]], "entity_id": ["T8"]},
                "Drug": {"text": [["disulfiram"], ["isoniazid"]], "start": [[22], [38]],
                         "entity_id": ["T6", "T7"]}}]},
        "Severity": {"text": [["Fatal"]], "start": [[0]], "entity_id": ["T9"], "value": "High"}}]}]}

Of `text` and `start`, the outer list holds separate fillers, the inner one the fragments of one
filler, in any order. A role is the path to it: "Treatment.Drug", "Treatment.Combination.Trigger".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._source import attempt, items, json_rows
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_TRIGGER: Final = "Trigger"


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per row; fragments that do not touch become a discontinuous mention."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin, language), row)
            yield _counted(item, row) if isinstance(item, Reject) else item


def _record(origin: str, language: str, row: Any) -> Record:
    text, gap = row["context"], "" if language == "zh" else " "
    mentions: dict[Mention, int] = {}
    events = []

    def indices(filled: Any) -> list[int]:
        pairs = zip(filled["text"], filled["start"], strict=True)
        found = [_mention(text, parts, starts, gap) for parts, starts in pairs]
        return [mentions.setdefault(m, len(mentions)) for m in found]

    for annotation in items(row["annotations"]):
        for event in items(annotation["events"]):
            (trigger,) = indices(event[_TRIGGER])
            arguments = [
                Argument(role, index)
                for role, filled in _slots(event, "")
                if role != _TRIGGER
                for index in indices(filled)
            ]
            events.append(Event(event["event_type"], trigger, tuple(arguments)))
    return Record(text, origin, [*mentions], (), events, row["id"])


def _slots(node: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield (role, slot) of every slot below `node`; a pseudo-event is none, but holds some."""
    for name, inner in node.items():
        role = f"{path}.{name}" if path else name
        for slot in inner if isinstance(inner, list) else [inner]:
            if isinstance(slot, dict):
                if "event_type" not in slot:
                    yield role, slot
                yield from _slots(slot, role)


def _mention(text: str, fragments: list[str], starts: list[int], gap: str) -> Mention:
    parts = sorted(zip(starts, fragments, strict=True))
    for start, fragment in parts:
        if not fragment or start < 0 or not text.startswith(fragment, start):
            raise ValueError(f"{fragment!r} is not at {start}")
    start, end = parts[0][0], parts[-1][0] + len(parts[-1][1])
    joined = gap.join(fragment for _, fragment in parts)
    if text[start:end] == joined:
        return Mention(joined, start, end)
    return Mention(joined, discontinuous=True)


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of annotations that are lost with the row."""
    annotations = row.get("annotations") if isinstance(row, dict) else None
    if not isinstance(annotations, list):
        return reject
    lists = [a.get("events") for a in annotations if isinstance(a, dict)]
    events = [e for own in lists if isinstance(own, list) for e in own if isinstance(e, dict)]
    fillers = [
        slot.get("text") for event in events for role, slot in _slots(event, "") if role != _TRIGGER
    ]
    arguments = sum(len(own) for own in fillers if isinstance(own, list))
    return reject._replace(events=len(events), arguments=arguments)
