"""Documents as DyGIE, DyGIE++ and SciERC write them: JSON lines, token positions of the document.

    {"doc_key": "W07-0311", "sentences": [["We", "train", "a", "tagger", "."], ["It", "works"]],
     "ner": [[[3, 3, "Method"]], [[5, 5, "Generic"]]],
     "relations": [[], [[5, 5, 3, 3, "USED-FOR"]]],
     "events": [[[[1, "Training"], [3, 3, "Object"]]], []], "clusters": [[[3, 3], [5, 5]]]}

Every sentence is a record. Positions run through the whole document and their ends are inclusive,
so the length of the earlier sentences is subtracted. An event is its trigger, `[token, label]` or
`[first, last, label]`, followed by its arguments. Each of `ner`, `relations` and `events` may be
absent; `clusters` are not read. A sentence with a position outside of it is rejected whole (as the
second one above would be), because an annotation left out teaches a false negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.readers import json_rows
from pipeline.readers._options import Joined as Options  # noqa: TC001 - the catalogue asks for it
from pipeline.readers._paths import Item, RowError
from pipeline.readers._source import EXCERPT, items
from pipeline.readers._source import json_rows as rows_of
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.readers._rows import Options as RowOptions
    from pipeline.records import Record

_LAYERS: Final = ("ner", "relations", "events")


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence, with the document's key as its source id."""
    return json_rows.rows_read(_rows(files), _form(options))


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:  # noqa: ARG001
    """Field of the documents that is not read -> in how many it stands."""
    rows = (row for file in files for _, row in rows_of(file))
    return json_rows.others(rows, "doc_key", "sentences", *_LAYERS)


def _form(options: Options) -> RowOptions:
    return json_rows.layout("dygie", language=options.language)


def _rows(files: Sequence[Path]) -> Iterator[tuple[str, Item]]:
    """(origin, sentence as a row of its own) of all sentences."""
    for file in files:
        for origin, row in rows_of(file):
            if isinstance(row, Reject):
                yield origin, Item(row)
                continue
            try:
                sentences = [*_sentences(row)]
            except (RowError, KeyError, TypeError, ValueError, AttributeError):
                yield origin, Item(_lost(origin, row))
            else:
                for number, sentence in enumerate(sentences, start=1):
                    yield f"{origin}#{number}", Item(sentence)


def _sentences(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    sentences, first = items(row["sentences"]), 0
    layers = [items(row[name]) if name in row else [[]] * len(sentences) for name in _LAYERS]
    for tokens, ner, relations, events in zip(sentences, *layers, strict=True):
        yield {
            "doc_key": row.get("doc_key"),
            "tokens": items(tokens),
            "ner": [_moved(part, first) for part in items(ner)],
            "relations": [_moved(part, first) for part in items(relations)],
            "events": [_event(part, first) for part in items(events)],
        }
        first += len(tokens)


def _moved(part: Any, first: int) -> Any:
    """A list of the document's token numbers, counted from a sentence's first token."""
    if not isinstance(part, list):
        return part
    return [value - first if type(value) is int else value for value in part]


def _event(part: Any, first: int) -> dict[str, Any]:
    """An event as an object. The trigger of one token has its number once."""
    trigger, *arguments = part if isinstance(part, list) and part else [None]
    head = _moved(trigger, first)
    if isinstance(head, list) and len(head) in (2, 3):
        head, label = [head[0], head[-2]], head[-1]
    else:
        head, label = None, None  # `json_rows` rejects an event without a label.
    own = [_moved(argument, first) for argument in arguments]
    return {"label": label, "trigger": head, "arguments": own}


def _lost(origin: str, row: Any) -> Reject:
    """The reject of a document that cannot be parted, with all that is lost with it."""

    def parts(name: str) -> list[Any]:
        own = row.get(name) if isinstance(row, dict) else None
        return (
            [part for inner in own if isinstance(inner, list) for part in inner]
            if isinstance(own, list)
            else []
        )

    entities, relations, events = map(parts, _LAYERS)
    sentences = row.get("sentences") if isinstance(row, dict) else None
    return Reject(
        origin,
        "malformed_record",
        "sentences and their annotations are not lists of the same length",
        str(row)[:EXCERPT],
        records=max(1, len(sentences)) if isinstance(sentences, list) else 1,
        entities=len(entities),
        relations=len(relations),
        events=len(events),
        arguments=sum(len(event) - 1 for event in events if isinstance(event, list) and event),
    )
