"""What the event tasks share: events as rows with their trigger, and their arguments by role."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.catalog import Dataset
from pipeline.tasks._answers import Answers, dumps, mentions, one_or_all
from pipeline.tasks._labels import inventory, phrasing_of, phrasings, schemas

#: What stands for a role that nobody fills, and for a trigger that the source does not give.
NOTHING: Final = "NAN"


class Occurrence(NamedTuple):
    """One event of a record, with strings in place of indices."""

    row: int
    label: str
    trigger: str | None
    roles: dict[str, list[str]]


def occurrences(table: Any) -> Iterator[Occurrence]:
    """All events of a table, record by record, in text order of their triggers."""
    spans = mentions(table)
    texts, places = spans.text.to_pylist(), spans.place.tolist()
    for row, events in enumerate(table["events"].to_pylist()):
        first = int(spans.first[row])
        placed: list[tuple[int, Occurrence]] = []
        for event in events:
            slots = sorted(
                (places[first + a["mention"]], n, a["role"], texts[first + a["mention"]])
                for n, a in enumerate(event["arguments"])
            )
            roles: dict[str, list[str]] = {}
            for _, _, role, text in slots:
                if text not in roles.setdefault(role, []):
                    roles[role].append(text)
            place, trigger = slots[0][0] if slots else 0, None
            if event["trigger"] is not None:
                place, trigger = places[first + event["trigger"]], texts[first + event["trigger"]]
            placed.append((place, Occurrence(row, event["label"], trigger, roles)))
        placed.sort(key=itemgetter(0))
        yield from (event for _, event in placed)


def filled(roles: dict[str, list[str]], event: Occurrence) -> dict[str, Any]:
    """The answer of one event: every role of its label, those that nobody fills as "NAN"."""
    arguments = {role: event.roles.get(role, [NOTHING]) for role in roles.get(event.label, ())}
    one = {role: one_or_all(values) for role, values in arguments.items()}
    return {"trigger": event.trigger or NOTHING, "arguments": one}


def answers(dataset: Dataset, task: str, table: Any) -> Answers:
    """Per (row, label) the distinct events, or their triggers for EET, as JSON in text order.

    With EEA goes the schema item of each label, with its triggers in the record.
    """
    roles = dataset.roles_of()
    numbers = {label: i for i, label in enumerate(inventory(dataset, task))}
    events_of_pair: dict[tuple[int, int], dict[str, None]] = {}
    triggers: dict[tuple[int, int], dict[str, None]] = {}
    for event in occurrences(table):
        pair = event.row, numbers[event.label]
        if event.trigger is not None:
            triggers.setdefault(pair, {})[event.trigger] = None
        if task != "EET":
            events_of_pair.setdefault(pair, {})[dumps(filled(roles, event))] = None
    if task == "EET":
        events_of_pair = {pair: dict.fromkeys(map(dumps, ts)) for pair, ts in triggers.items()}
    row, code = np.array([*events_of_pair], np.int64).reshape(-1, 2).T
    values = ["[" + ", ".join(texts) + "]" for texts in events_of_pair.values()]
    answers = Answers(row, code, pa.array(values, pa.string()))
    if task != "EEA":
        return answers
    phrased = [[*schemas(phrased_dataset, task).values()] for phrased_dataset in phrasings(dataset)]
    phrasing = phrasing_of(table["id"].to_pylist(), len(phrased))
    items = [
        dumps({**phrased[phrasing[row]][code], "trigger": [*triggers.get((row, code), ())]})
        for row, code in events_of_pair
    ]
    return answers._replace(schema=pa.array(items, pa.string()))
