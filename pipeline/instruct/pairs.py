"""Split records into the pairs that were annotated, one row for each pair.

Where a source annotates chosen pairs of a text, a label is absent between the members of such a
pair, and nowhere else. So the instruction gives the pair: its members in text order, which does not
reveal the subject. If exactly two mentions of a record are in no relation, they are a pair for
which the source says that no label holds.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables import flat, running
from pipeline.tasks._answers import mentions, relations


def by_pair(table: Any) -> Any:
    """Return the pairs of a table of records as rows, with two more columns.

    `number` counts the pairs of a record from 0, in text order; `pair` holds the two strings.
    `relations` holds those between the two, in both directions. Needs the column text.
    """
    spans = mentions(table)
    linked = relations(table, spans.first)
    lone_row, lone = _lone_pairs(table.num_rows, spans, linked)
    ends = np.concatenate([np.stack([linked.head, linked.tail], axis=1), lone])
    ends = np.where(_later(spans, ends)[:, None], ends[:, ::-1], ends)
    row = np.concatenate([linked.row, lone_row])
    # Mentions with equal strings count as one: the instruction gives strings.
    strings = np.sort(spans.text.dictionary_encode().indices.to_numpy()[ends], axis=1)
    place = spans.place[ends]
    order = np.lexsort((place[:, 1], place[:, 0], row))
    keys = np.column_stack([row, strings])[order]
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    # The pairs are in the order of their strings: put them into text order.
    turn = np.argsort(first)
    heads = order[first[turn]]
    owner = np.empty(len(row), np.int64)
    owner[order] = np.argsort(turn)[group.ravel()]
    link = np.argsort(owner[: len(linked.row)], kind="stable")
    sizes = np.bincount(owner[: len(linked.row)], minlength=len(heads))
    items, _, _ = flat(table, "relations")
    lists = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32()),
        items.take(pa.array(link)),
        type=table.schema.field("relations").type,
    )
    pairs = table.take(pa.array(row[heads]))
    pairs = pairs.set_column(pairs.schema.get_field_index("relations"), "relations", lists)
    names = spans.text.take(pa.array(ends[heads].ravel()))
    return pairs.append_column("number", pa.array(running(row[heads]))).append_column(
        "pair", pa.ListArray.from_arrays(pa.array(np.arange(len(heads) + 1) * 2, pa.int32()), names)
    )


def _lone_pairs(rows: int, spans: Any, linked: Any) -> tuple[Any, Any]:
    """Return (row, two mentions) of records where exactly two mentions are in no relation."""
    used = np.zeros(len(spans.row), bool)
    used[np.concatenate([linked.head, linked.tail])] = True
    free = np.flatnonzero(~used)
    row = spans.row[free]
    two = np.bincount(row, minlength=rows)[row] == 2
    return row[two][::2], free[two].reshape(-1, 2)


def _later(spans: Any, ends: Any) -> Any:
    """Return for which pairs the first mention stands later in the text."""
    first, second = spans.place[ends[:, 0]], spans.place[ends[:, 1]]
    return (first > second) | ((first == second) & (ends[:, 0] > ends[:, 1]))


def unit_ids(table: Any) -> list[str]:
    """Return the ids that random draws depend on: record ids, for pairs with their number."""
    ids = table["id"]
    if "number" in table.column_names:
        ids = pc.binary_join_element_wise(ids, table["number"].cast(pa.string()), "/")
    names: list[str] = ids.to_pylist()
    return names
