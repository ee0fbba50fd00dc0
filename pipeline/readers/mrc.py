"""Questions about entities, one label a row: the files of machine reading comprehension (MRC).

    [{"context": "Ada left Oslo .", "query": "persons are named", "entity_label": "PER",
      "impossible": false, "start_position": [0], "end_position": [0], "qas_id": "0.1"},
     {"context": "Ada left Oslo .", "query": "places are named", "entity_label": "LOC",
      "impossible": false, "start_position": [2], "end_position": [2], "qas_id": "0.2"}]

Positions count the words of the context, ends are inclusive. Rows of one text complete each other:
declare `one_annotation_per_row = true`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.readers import json_rows
from pipeline.readers._options import Joined as Options  # noqa: TC001 - the catalogue asks for it
from pipeline.readers._paths import Item

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record, Reject


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per row, with the entities of one label."""
    form = json_rows.layout("mrc", language=options.language)
    return json_rows.rows_read(map(_asked, json_rows.rows_of(files)), form)


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:  # noqa: ARG001
    """Field of the rows that is not read -> in how many it stands."""
    rows = (row.value for _, row in json_rows.rows_of(files))
    positions = ("start_position", "end_position")
    return json_rows.others(rows, "context", "entity_label", *positions)


def _asked(place: tuple[str, Item]) -> tuple[str, Item]:
    """A row with a list of spans; one whose positions do not pair has none, and is rejected."""
    origin, item = place
    row = item.value if isinstance(item.value, dict) else {}
    starts, ends = row.get("start_position"), row.get("end_position")
    if not isinstance(starts, list) or not isinstance(ends, list) or len(starts) != len(ends):
        return place
    label = row.get("entity_label")
    spans = [[start, end, label] for start, end in zip(starts, ends, strict=True)]
    return origin, Item({**row, "spans": spans})
