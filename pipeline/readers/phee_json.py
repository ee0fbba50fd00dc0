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
filler, in any order; those that do not touch make a discontinuous mention. A
role is the path to it: "Treatment.Drug", "Treatment.Combination.Trigger".
"""

from typing import Any, Final

from pipeline.readers._paths import Item, Rows, lister
from pipeline.readers._paths import Joined as Options  # noqa: F401 - the catalog asks for it
from pipeline.readers.json_rows import shaped

_TRIGGER: Final = "Trigger"
_EVENTS: Final = lister("annotations.*.events")


def _flat(origin: str, row: Any, _: object) -> Rows:
    """A row with a list of events, each with its trigger and with its arguments by their paths."""
    events = [_event(event.value, row.get("context")) for event in _EVENTS(Item(row)) or ()]
    yield origin, {**row, "events": events}


def _event(event: Any, text: Any) -> Any:
    if not isinstance(event, dict):
        return event
    slots = [*_slots(event, "")]
    triggers = _fillers(event.get(_TRIGGER), text)
    return {
        "event_type": event.get("event_type"),
        "trigger": {"pieces": triggers[0] if len(triggers) == 1 else []},
        "arguments": [
            {"role": role, "pieces": pieces}
            for role, slot in slots
            if role != _TRIGGER
            for pieces in _fillers(slot, text)
        ],
    }


def _slots(node: dict[str, Any], path: str) -> Rows:
    """Yield (role, slot) of every slot below `node`; a pseudo-event is none, but holds some."""
    for name, inner in node.items():
        role = f"{path}.{name}" if path else name
        for slot in inner if isinstance(inner, list) else [inner]:
            if isinstance(slot, dict):
                if "event_type" not in slot:
                    yield role, slot
                yield from _slots(slot, role)


def _fillers(slot: Any, text: Any) -> list[list[list[int]]]:
    """The pieces of each filler of a slot. One whose strings do not stand there has none."""
    texts = slot.get("text") if isinstance(slot, dict) else None
    starts = slot.get("start") if isinstance(slot, dict) else None
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        return [[]] * (len(texts) if isinstance(texts, list) else 1)
    return [_pieces(strings, at, text) for strings, at in zip(texts, starts, strict=True)]


def _pieces(strings: Any, starts: Any, text: Any) -> list[list[int]]:
    if not isinstance(strings, list) or not isinstance(starts, list) or len(strings) != len(starts):
        return []
    pairs = [*zip(strings, starts, strict=True)]
    sound = all(
        isinstance(s, str) and s and type(n) is int and n >= 0 and str(text).startswith(s, n)
        for s, n in pairs
    )
    return [[start, start + len(string)] for string, start in pairs] if sound else []


read, unread_fields = shaped("phee_json", _flat)
