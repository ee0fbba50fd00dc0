"""The Arrow tables that stages write: records, instructions, and what could become neither.

`normalize` writes tables of `RECORDS`; `instruct` turns those into tables of `INSTRUCTIONS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Argument, Event, Mention, Record, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _f(name: str, kind: Any, *, null: bool = False) -> Any:
    return pa.field(name, kind, nullable=null)


_ROLE = pa.struct([_f("role", pa.string()), _f("mention", pa.int32())])
MENTION: Final = pa.struct(
    [
        _f("text", pa.string()),
        _f("start", pa.int32(), null=True),
        _f("end", pa.int32(), null=True),
        _f("label", pa.string(), null=True),
    ]
)
RELATION: Final = pa.struct(
    [
        _f("label", pa.string()),
        _f("head", pa.int32()),
        _f("tail", pa.int32()),
        _f("qualifiers", pa.list_(_f("item", _ROLE))),
    ]
)
EVENT: Final = pa.struct(
    [
        _f("label", pa.string()),
        _f("trigger", pa.int32(), null=True),
        _f("arguments", pa.list_(_f("item", _ROLE))),
    ]
)

#: One row per annotated text; every stage before `instruct` reads and writes exactly this.
#: `dropped` is null or the drop reason, `drop_partner` the id of the record that it lost against,
#: `drop_detail` the offending value in words.
RECORDS: Final = pa.schema(
    [
        _f("id", pa.string()),
        _f("dataset", pa.string()),
        _f("split", pa.string()),
        _f("language", pa.string()),
        _f("text", pa.string()),
        _f("source_id", pa.string(), null=True),
        _f("origin", pa.string()),
        _f("mentions", pa.list_(_f("item", MENTION))),
        _f("relations", pa.list_(_f("item", RELATION))),
        _f("events", pa.list_(_f("item", EVENT))),
        _f("dropped", pa.string(), null=True),
        _f("drop_partner", pa.string(), null=True),
        _f("drop_detail", pa.string(), null=True),
    ]
)

#: One row per training or evaluation instruction: what `datasets.load_dataset` shows.
INSTRUCTIONS: Final = pa.schema(
    [
        _f("task", pa.string()),
        _f("source", pa.string()),
        _f("instruction", pa.string()),
        _f("output", pa.string()),
        _f("id", pa.string()),
        _f("record_id", pa.string()),
        _f("language", pa.string()),
        _f("split", pa.string()),
        _f("labels", pa.list_(_f("item", pa.string()))),
        _f("n_positive", pa.int32()),
        _f("n_hard", pa.int32()),
        _f("n_other", pa.int32()),
    ]
)

#: What could not become a record, per dataset.
REJECTS: Final = pa.schema(
    [
        _f("dataset", pa.string()),
        _f("split", pa.string()),
        *(_f(name, pa.string()) for name in ("origin", "reason", "detail", "excerpt")),
        *(
            _f(name, pa.int32())
            for name in ("records", "entities", "relations", "events", "arguments")
        ),
    ]
)


def _lists(sizes: Iterable[int], items: Any) -> Any:
    offsets = [0]
    for size in sizes:
        offsets.append(offsets[-1] + size)
    kind = pa.list_(_f("item", items.type))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, type=kind)


def _struct(kind: Any, columns: Sequence[Any]) -> Any:
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, kind, strict=True)
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def _roles(groups: Sequence[Sequence[Argument]]) -> Any:
    flat = [item for group in groups for item in group]
    items = _struct(_ROLE, ([a.role for a in flat], [a.mention for a in flat]))
    return _lists(map(len, groups), items)


def to_table(
    records: Sequence[Record], ids: Sequence[str], *, dataset: str, split: str, language: str
) -> Any:
    """Records as a table of `RECORDS`, nothing dropped. Columns are built flat, for speed."""
    mentions = [m for r in records for m in r.mentions]
    relations = [x for r in records for x in r.relations]
    events = [e for r in records for e in r.events]
    columns = [
        ids,
        [dataset] * len(records),
        [split] * len(records),
        [language] * len(records),
        [r.text for r in records],
        [r.source_id for r in records],
        [r.origin for r in records],
        _lists(
            (len(r.mentions) for r in records),
            _struct(MENTION, [[m[i] for m in mentions] for i in range(4)]),
        ),
        _lists(
            (len(r.relations) for r in records),
            _struct(
                RELATION,
                [
                    *([x[i] for x in relations] for i in range(3)),
                    _roles([x.qualifiers for x in relations]),
                ],
            ),
        ),
        _lists(
            (len(r.events) for r in records),
            _struct(
                EVENT,
                [
                    *([e[i] for e in events] for i in range(2)),
                    _roles([e.arguments for e in events]),
                ],
            ),
        ),
        *([None] * len(records) for _ in range(3)),
    ]
    arrays = [
        c if isinstance(c, pa.Array) else pa.array(c, f.type)
        for c, f in zip(columns, RECORDS, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=RECORDS)


def from_table(table: Any) -> list[Record]:
    """The rows of a `RECORDS` table as `Record` tuples: the inverse of `to_table`."""
    rows = table.select(["text", "origin", "mentions", "relations", "events", "source_id"])
    return [
        Record(
            row["text"],
            row["origin"],
            [Mention(**m) for m in row["mentions"]],
            [
                Relation(**{**x, "qualifiers": tuple(Argument(**q) for q in x["qualifiers"])})
                for x in row["relations"]
            ],
            [
                Event(**{**e, "arguments": tuple(Argument(**a) for a in e["arguments"])})
                for e in row["events"]
            ],
            row["source_id"],
        )
        for row in rows.to_pylist()
    ]


def of_corpus(piece: Any) -> Any:
    """Some columns of a corpus as `INSTRUCTIONS` has them, whichever program wrote the shard.

    pandas, for one, writes strings as large ones, views or dictionaries.
    """
    fields = [INSTRUCTIONS.field(name) for name in piece.schema.names]
    columns = [piece[field.name].cast(field.type) for field in fields]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def flat(table: Any, column: str) -> tuple[Any, Any, Any]:
    """The items of a column of lists: (items of all rows, the row of each, where a row's begin)."""
    lists = table[column].combine_chunks()
    begins = np.concatenate(([0], np.cumsum(pc.list_value_length(lists).to_numpy())))
    return pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy(), begins


def elements(sizes: Any) -> tuple[Any, Any]:
    """(row, place) of every element of ragged rows of these sizes."""
    row = np.repeat(np.arange(len(sizes)), sizes)
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    return row, np.arange(len(row)) - start[row]


def shuffled(row: Any, key: Any) -> Any:
    """The place of each element in its row when the row is ordered by key."""
    order = np.lexsort((key, row))
    place = np.empty(len(row), np.int64)
    place[order] = running(row[order])
    return place


def running(groups: Any) -> Any:
    """0, 1, 2, ... within each run of equal values."""
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(groups)]]))
    return np.arange(len(groups)) - np.repeat(starts, lengths)
