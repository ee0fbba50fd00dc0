"""Questions about entities, one label a row: the files of machine reading comprehension (MRC).

    [{"context": "Ada left Oslo .", "query": "persons are named", "entity_label": "PER",
      "impossible": false, "start_position": [0], "end_position": [0], "qas_id": "0.1"},
     {"context": "Ada left Oslo .", "query": "places are named", "entity_label": "LOC",
      "impossible": false, "start_position": [2], "end_position": [2], "qas_id": "0.2"}]

Positions count the words of the context, ends are inclusive. Rows of one text complete each other:
declare `one_annotation_per_row = true`.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.readers._paths import Joined as Options  # noqa: F401 - the catalog asks for it
from pipeline.readers._paths import RowError
from pipeline.readers._source import items
from pipeline.readers.json_rows import shaped


def _asked(origin: str, row: Any, _: object) -> Iterator[tuple[str, Any]]:
    """A row with a list of spans, of its one label."""
    starts, ends = items(row["start_position"]), items(row["end_position"])
    if len(starts) != len(ends):
        raise RowError(f"{len(starts)} start_position, {len(ends)} end_position")
    places = zip(starts, ends, strict=True)
    yield origin, {**row, "spans": [[start, end, row["entity_label"]] for start, end in places]}


read, unread_fields = shaped("mrc", _asked)
