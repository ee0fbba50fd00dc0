"""The Arrow tables that stages write: records, instructions and rejects.

`normalize` writes tables of `RECORDS`; `instruct` turns those into tables of `INSTRUCTIONS`.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Argument, Event, Mention, Record, Relation

_KINDS: Final = {"": pa.string(), "int": pa.int32()}


def _fields(names: str, **lists: Any) -> list[Any]:
    """Columns such as "text start:int?": strings if no type is named; ? says that null is allowed.

    `lists` says what the items of a column are, if it holds lists.
    """
    fields = []
    for name, kind, null in re.findall(r"(\w+)(?::(\w+))?(\?)?", names):
        column = _list(lists[name]) if name in lists else _KINDS[kind]
        fields.append(pa.field(name, column, nullable=bool(null)))
    return fields


def _list(kind: Any) -> Any:
    return pa.list_(pa.field("item", kind, nullable=False))


_ROLE: Final = pa.struct(_fields("role mention:int"))
MENTION: Final = pa.struct(_fields("text start:int? end:int? label?"))
RELATION: Final = pa.struct(_fields("label head:int tail:int qualifiers", qualifiers=_ROLE))
EVENT: Final = pa.struct(_fields("label trigger:int? arguments", arguments=_ROLE))

#: One row per annotated text; every stage before `instruct` reads and writes exactly this.
#: `dropped` is null or the drop reason, `drop_partner` the id of the record that it lost against,
#: `drop_detail` the offending value in words.
RECORDS: Final = pa.schema(
    _fields(
        "id dataset split language text source_id? origin mentions relations events"
        " dropped? drop_partner? drop_detail?",
        mentions=MENTION,
        relations=RELATION,
        events=EVENT,
    )
)

#: One row per training or evaluation instruction: what `datasets.load_dataset` shows.
INSTRUCTIONS: Final = pa.schema(
    _fields(
        "task source instruction output id record_id language split labels"
        " n_positive:int n_hard:int n_other:int",
        labels=pa.string(),
    )
)

#: The pieces of a dataset's raw files that could not become records.
REJECTS: Final = pa.schema(
    _fields(
        "dataset split origin reason detail excerpt"
        " records:int entities:int relations:int events:int arguments:int"
    )
)


def to_table(
    records: Sequence[Record], ids: Sequence[str], *, dataset: str, split: str, language: str
) -> Any:
    """Return records as a table of `RECORDS`, none dropped."""
    size = len(records)
    columns = [
        ids,
        *([name] * size for name in (dataset, split, language)),
        [r.text for r in records],
        [r.source_id for r in records],
        [r.origin for r in records],
        # A tuple fills the fields of a struct in order; whether a mention is joined is not stored.
        [[mention[:4] for mention in r.mentions] for r in records],
        [r.relations for r in records],
        [r.events for r in records],
        *([None] * size for _ in range(3)),
    ]
    return pa.table(columns, schema=RECORDS)


def from_table(table: Any) -> list[Record]:
    """Return the rows of a `RECORDS` table as `Record` tuples: the inverse of `to_table`."""
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
    """Return columns of a corpus in the types of `INSTRUCTIONS`, whatever program wrote them.

    pandas, for one, may write strings as large strings, string views or dictionaries.
    """
    fields = [INSTRUCTIONS.field(name) for name in piece.schema.names]
    columns = [piece[field.name].cast(field.type) for field in fields]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def flat(table: Any, column: str) -> tuple[Any, Any, Any]:
    """Flatten a column of lists: (items of all rows, row of each item, where each row begins)."""
    lists = table[column].combine_chunks()
    begins = np.concatenate(([0], np.cumsum(pc.list_value_length(lists).to_numpy())))
    return pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy(), begins


def annotated(table: Any) -> Any:
    """Return which records have any annotation: a labeled mention, a relation or an event."""
    is_annotated = np.zeros(table.num_rows, bool)
    for column in ("relations", "events"):
        is_annotated |= pc.list_value_length(table[column]).to_numpy() > 0
    mentions, rows, _ = flat(table, "mentions")
    labeled = pc.is_valid(pc.struct_field(mentions, "label")).to_numpy(zero_copy_only=False)
    is_annotated[rows[labeled]] = True
    return is_annotated


def elements(sizes: Any) -> tuple[Any, Any]:
    """Return (row, position in its row) of every element, for rows of these sizes."""
    row = np.repeat(np.arange(len(sizes)), sizes)
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    return row, np.arange(len(row)) - start[row]


def running(groups: Any) -> Any:
    """Count 0, 1, 2, ... within each run of equal values."""
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(groups)]]))
    return np.arange(len(groups)) - np.repeat(starts, lengths)
