r"""Windows of tokenized sentences, one event a line, its arguments linked to it (RAMS).

    {"doc_key": "nw_RC0a1", "split": "test", "language_id": "eng", "source_url": "http://...",
     "sentences": [["Rain", "fell", "."], ["Rebels", "shelled", "Varnia", "."]],
     "evt_triggers": [[4, 4, [["conflict.attack.n/a", 1.0]]]],
     "ent_spans": [[5, 5, [["evt004arg02target", 1.0]]], [3, 3, [["evt004arg01attacker", 1.0]]]],
     "gold_evt_links": [[[4, 4], [3, 3], "evt004arg01attacker"],
                        [[4, 4], [5, 5], "evt004arg02target"]],
     "rel_triggers": [], "gold_rel_links": []}

Numbers count tokens over all sentences of the window, ends are inclusive. A role's prefix numbers
the event type and the slot, and is no part of its name: "evt004arg02target" is read as "target".
`ent_spans` repeats the links. One window may stand on several lines, one for each of its events.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._source import attempt, items, join_tokens, json_rows, whole
from pipeline.records import Argument, Event, Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_PREFIX: Final = re.compile(r"evt\d+arg\d+")


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:
    """Yield one record per line, its text the tokens of the whole window."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin, language), row)
            yield _counted(item, row) if isinstance(item, Reject) else item


def _record(origin: str, language: str, row: Any) -> Record:
    tokens = [token for sentence in items(row["sentences"]) for token in items(sentence)]
    text, starts = join_tokens(tokens, language)
    mentions: dict[Mention, int] = {}

    def index(first: int, last: int) -> int:
        if not 0 <= whole(first) <= whole(last) < len(tokens):
            raise ValueError(f"tokens {first} to {last} of {len(tokens)}")
        start, end = starts[first], starts[last] + len(tokens[last])
        return mentions.setdefault(Mention(text[start:end], start, end), len(mentions))

    arguments: dict[tuple[int, int], list[Argument]] = {}
    for (first, last), span, role in items(row["gold_evt_links"]):
        found = Argument(_PREFIX.sub("", role, count=1), index(*span))
        arguments.setdefault((first, last), []).append(found)
    events = []
    for first, last, labels in items(row["evt_triggers"]):
        if not items(labels):
            raise ValueError(f"a trigger without label at {first}")
        for label, _ in labels:
            own = arguments.get((first, last), ())
            events.append(Event(label, index(first, last), tuple(own)))
        arguments.pop((first, last), None)
    if arguments:
        raise ValueError(f"a link from {next(iter(arguments))}, where no trigger is")
    return Record(text, origin, [*mentions], (), events, row["doc_key"])


def _counted(reject: Reject, row: Any) -> Reject:
    """A reject with the number of annotations that are lost with the row."""
    if not isinstance(row, dict):
        return reject
    lists = [row.get("evt_triggers"), row.get("gold_evt_links")]
    events, arguments = (len(own) if isinstance(own, list) else 0 for own in lists)
    return reject._replace(events=events, arguments=arguments)
