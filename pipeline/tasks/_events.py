"""What the event tasks share: events as rows with their trigger, and their arguments by role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.tasks._answers import Answers, mentions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.catalog import Dataset

#: What stands for a role that nobody fills, and for a trigger that the source does not give.
NOTHING: Final = "NAN"


class Occurrence(NamedTuple):
    """One event of a record, with strings in place of indices."""

    row: int
    label: str
    place: int
    trigger: str | None
    roles: dict[str, list[str]]


def occurrences(table: Any) -> Iterator[Occurrence]:
    """All events of a table, record by record, in text order of their triggers."""
    found = mentions(table)
    texts, places = found.text.to_pylist(), found.place.tolist()
    for row, events in enumerate(table["events"].to_pylist()):
        first = int(found.first[row])
        own = []
        for event in events:
            slots = sorted(
                (places[first + a["mention"]], n, a["role"], texts[first + a["mention"]])
                for n, a in enumerate(event["arguments"])
            )
            roles: dict[str, list[str]] = {}
            for _, _, role, text in slots:
                if text not in roles.setdefault(role, []):
                    roles[role].append(text)
            trigger = event["trigger"]
            place = slots[0][0] if slots else 0
            if trigger is not None:
                place = places[first + trigger]
            name = None if trigger is None else texts[first + trigger]
            own.append(Occurrence(row, event["label"], place, name, roles))
        yield from sorted(own, key=lambda event: event.place)


def filled(roles: dict[str, list[str]], event: Occurrence) -> dict[str, Any]:
    """The answer of one event: every role of its label, those that nobody fills as "NAN"."""
    arguments: dict[str, Any] = {}
    for role in roles.get(event.label, ()):
        values = event.roles.get(role, [])
        arguments[role] = NOTHING if not values else values[0] if len(values) == 1 else values
    return {"trigger": event.trigger or NOTHING, "arguments": arguments}


def answers_of(table: Any, dataset: Dataset, item: Callable[[Occurrence], str | None]) -> Answers:
    """Per (row, label) the distinct items of its events, as JSON, in text order; None is none."""
    numbers = {label: i for i, label in enumerate(dataset.labels_of("event"))}
    found: dict[tuple[int, int], dict[str, None]] = {}
    for event in occurrences(table):
        made = item(event)
        if made is not None:
            found.setdefault((event.row, numbers[event.label]), {})[made] = None
    pair = np.array([*found], np.int64).reshape(-1, 2)
    values = ["[" + ", ".join(own) + "]" for own in found.values()]
    return Answers(pair[:, 0], pair[:, 1], pa.array(values, pa.string()))
