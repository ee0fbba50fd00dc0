"""KG: the attributes of every entity of a type, from relations typed by their heads.

schema  [{"entity_type": "人物", "attributes": ["国籍", "毕业院校"]}]
        with descriptions {"entity_type": ..., "description": "…", "attributes": {"国籍": "…"}}
output  {"人物": {"…": {"国籍": "…", "毕业院校": ["…", "…"]}}}   absent attributes are left out
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from pipeline.tasks._answers import Answers, codes, dumps, mentions, relations
from pipeline.tasks._described import described, description

if TYPE_CHECKING:
    from pipeline.catalog import Dataset

ABSENT: Final = "{}"


def inventory(dataset: Dataset) -> list[str]:
    """The head types of the signatures."""
    return [*dict.fromkeys(head for head, _, _ in dataset.signatures_of())]


def schemas(dataset: Dataset) -> dict[str, object]:
    """Every type with its attributes: the relations whose head it can be."""
    attributes: dict[str, dict[str, None]] = {}
    for head, relation, _ in dataset.signatures_of():
        attributes.setdefault(head, {})[relation] = None
    return {
        key: {
            "entity_type": key,
            **description(dataset, key),
            "attributes": described(dataset, [*own]),
        }
        for key, own in attributes.items()
    }


def answers(table: Any, dataset: Dataset) -> Answers:
    """Per head type, each head's attributes: one value as it is, several as a list."""
    found = mentions(table)
    row, label, head, tail = relations(table, found.first)
    code = codes(found.label.take(pa.array(head)), inventory(dataset))
    labels, texts = label.to_pylist(), found.text.to_pylist()
    merged: dict[tuple[int, int], dict[str, dict[str, dict[str, None]]]] = {}
    for i in np.lexsort((found.place[tail], found.place[head], code, row)):
        if code[i] >= 0:
            heads = merged.setdefault((int(row[i]), int(code[i])), {})
            own = heads.setdefault(texts[head[i]], {}).setdefault(labels[i], {})
            own[texts[tail[i]]] = None
    values = [
        {h: {a: _value([*v]) for a, v in attributes.items()} for h, attributes in heads.items()}
        for heads in merged.values()
    ]
    pair = np.array([*merged], np.int64).reshape(-1, 2)
    return Answers(pair[:, 0], pair[:, 1], pa.array(map(dumps, values), pa.string()))


def _value(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
