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

import re
from typing import Any, Final

from pipeline.readers._paths import Joined, RowError, Rows
from pipeline.readers._source import items
from pipeline.readers.json_rows import shaped

_PREFIX: Final = re.compile(r"evt\d+arg\d+")


class Options(Joined, frozen=True):
    """Whether the last token of a span is in it."""

    inclusive_end: bool = True


def _linked(origin: str, row: Any, _: object) -> Rows:
    """A row with a list of events, each with its arguments."""
    arguments: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for trigger, span, role in items(row["gold_evt_links"]):
        argument = {"role": _PREFIX.sub("", role, count=1), "span": items(span)}
        arguments.setdefault((trigger[0], trigger[1]), []).append(argument)
    events = []
    for first, last, labels in items(row["evt_triggers"]):
        linked = arguments.get((first, last), [])
        for label in labels if isinstance(labels, list) and labels else [labels]:
            name = label[0] if isinstance(label, list) and label else label
            events.append({"label": name, "trigger": [first, last], "arguments": linked})
    triggers = {tuple(event["trigger"]) for event in events}
    if nowhere := [key for key in arguments if key not in triggers]:
        raise RowError(f"a link from {nowhere[0]}, where no trigger is")
    yield origin, {**row, "events": events}


read, unread_fields = shaped("event_links", _linked)
