"""The `kb` schema of BigBIO: passages, entities of one or several pieces, relations and events.

    {"id": "1", "document_id": "90210001", "passages": [
        {"id": "2", "type": "title", "text": ["Tremor of hands."], "offsets": [[0, 16]]}],
     "entities": [{"id": "3", "type": "Disease", "text": ["Tremor"], "offsets": [[0, 6]],
                   "normalized": []}],
     "relations": [{"id": "4", "type": "CID", "arg1_id": "3", "arg2_id": "3", "normalized": []}],
     "events": [{"id": "5", "type": "Growth", "trigger": {"text": ["hands"], "offsets": [[10, 15]]},
                 "arguments": [{"role": "Theme", "ref_id": "3"}]}], "coreferences": []}

Offsets count characters of the document, half-open. An argument may be an event: then its trigger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.readers import json_rows
from pipeline.readers._options import Joined as Options  # noqa: TC001 - the catalogue asks for it
from pipeline.readers._passages import joined
from pipeline.readers._paths import Item, RowError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.readers._rows import Options as RowOptions
    from pipeline.records import Record, Reject


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per document."""
    form = json_rows.layout("bigbio", language=options.language)
    return json_rows.rows_read(_rows(files, form), form)


def _rows(files: Sequence[Path], form: RowOptions) -> Iterator[tuple[str, Item]]:
    for origin, item in json_rows.rows_of(files):
        row = item.value
        try:
            passages = [(p["offsets"][0][0], p["text"][0]) for p in row["passages"]]
            found: Any = Item({**row, "text": joined(passages)})
        except (RowError, KeyError, TypeError, IndexError) as problem:
            words = str(problem) if isinstance(problem, RowError) else "no sound passages"
            found = Item(json_rows.refused(origin, item, form, words))
        yield origin, found


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:  # noqa: ARG001
    """Field of the documents that is not read -> in how many it stands."""
    rows = (row.value for _, row in json_rows.rows_of(files))
    return json_rows.others(
        rows, "id", "document_id", "passages", "entities", "relations", "events"
    )
