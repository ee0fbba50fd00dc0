r"""Windows of tokenized sentences, one event a line, its arguments linked to it (RAMS).

    {"doc_key": "nw_RC0a1", "split": "test", "language_id": "eng", "source_url": "http://...",
     "sentences": [["Rain", "fell", "."], ["Rebels", "shelled", "Varnia", "."]],
     "evt_triggers": [[4, 4, [["conflict.attack.n/a", 1.0]]]],
     "ent_spans": [[5, 5, [["evt004arg02target", 1.0]]], [3, 3, [["evt004arg01attacker", 1.0]]]],
     "gold_evt_links": [[[4, 4], [3, 3], "evt004arg01attacker"],
                        [[4, 4], [5, 5], "evt004arg02target"]],
     "rel_triggers": [], "gold_rel_links": []}

Numbers count tokens over all sentences of the window; ends are inclusive, unless `inclusive_end` is
false. A label may stand bare, without a list and a score. A role's prefix numbers
the event type and the slot, and is no part of its name: "evt004arg02target" is read as "target".
`ent_spans` repeats the links. One window may stand on several lines, one for each of its events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers import json_rows
from pipeline.readers._options import Joined
from pipeline.readers._paths import Item, RowError
from pipeline.readers._source import attempt, items
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record

_PREFIX: Final = re.compile(r"evt\d+arg\d+")


class Options(Joined, frozen=True):
    """Whether the last token of a span is in it."""

    inclusive_end: bool = True


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per line, its text the tokens of the whole window."""
    form = json_rows.layout(
        "event_links", language=options.language, inclusive_end=options.inclusive_end
    )
    return json_rows.rows_read(map(_linked, json_rows.rows_of(files)), form)


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:  # noqa: ARG001
    """Field of the rows that is not read -> in how many it stands."""
    rows = (row.value for _, row in json_rows.rows_of(files))
    links = ("evt_triggers", "gold_evt_links", "ent_spans")
    return json_rows.others(rows, "doc_key", "sentences", *links)


def _linked(place: tuple[str, Item]) -> tuple[str, Item]:
    """A row with a list of events, each with its arguments."""
    origin, item = place
    if isinstance(item.value, Reject):
        return place
    found = attempt(origin, _events, item.value)
    if isinstance(found, Reject):
        row = item.value if isinstance(item.value, dict) else {}
        lists = [row.get(name) for name in ("evt_triggers", "gold_evt_links")]
        events, arguments = (len(own) if isinstance(own, list) else 0 for own in lists)
        found = found._replace(events=events, arguments=arguments)
        return origin, Item(found)
    return origin, Item({**item.value, "events": found})


def _events(row: dict[str, Any]) -> Any:
    arguments: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for trigger, span, role in items(row["gold_evt_links"]):
        argument = {"role": _PREFIX.sub("", role, count=1), "span": items(span)}
        arguments.setdefault((trigger[0], trigger[1]), []).append(argument)
    events = []
    for first, last, labels in items(row["evt_triggers"]):
        own = arguments.get((first, last), [])
        for label in labels if isinstance(labels, list) and labels else [labels]:
            name = label[0] if isinstance(label, list) and label else label
            events.append({"label": name, "trigger": [first, last], "arguments": own})
    triggers = {tuple(event["trigger"]) for event in events}
    if nowhere := [key for key in arguments if key not in triggers]:
        raise RowError(f"a link from {nowhere[0]}, where no trigger is")
    return events
