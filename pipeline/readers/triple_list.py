r"""Sentences with triples of strings, as CasRel and its successors write them in JSON.

    [{"text": " The ferry links Split , Croatia , with Ancona . ",
      "triple_list": [["Croatia", "/location/location/contains", "Split"]]},
     {"text": " Ms. Falk grew up in Tromso .\\r\\n ", "triple_list": [...]}]

The file is an array or JSON lines. A triple is subject, relation, object. There are no offsets
and no types. The blanks around a text are cut, and so is a line end that stands there spelled out,
as backslashes and letters.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pipeline.readers._source import attempt, items, json_rows, listed
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SPELLED_LINE_END: Final = "\\r\\n"


def read(files: Sequence[Path], *, language: str) -> Iterator[Record | Reject]:  # noqa: ARG001
    """Yield one record per text."""
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin=origin), row)
            if isinstance(item, Reject):
                item = item._replace(relations=len(listed(row, "triple_list")))
            yield item


def _record(row: dict[str, Any], *, origin: str) -> Record:
    text = row["text"].strip().removesuffix(_SPELLED_LINE_END).rstrip()
    index: dict[str, int] = {}
    relations = []
    for subject, relation, object_ in items(row["triple_list"]):
        head = index.setdefault(subject, len(index))
        tail = index.setdefault(object_, len(index))
        relations.append(Relation(relation, head, tail))
    return Record(text, origin, [Mention(name) for name in index], relations)
