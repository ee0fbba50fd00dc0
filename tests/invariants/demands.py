"""How a check says what is wrong, and the arithmetic of shards that all checks share."""

import numpy as np
import pyarrow.compute as pc

#: Of longer shards, so many rows of JSON are read, evenly.
MOST = 200


class UnsoundError(AssertionError):
    """What is stored is not what the stage promises."""


def demand(holds, what, where=""):
    if not holds:
        raise UnsoundError(f"{what}, in {where}" if where else what)


def equal(found, wanted, what, where):
    """Two values are the same; the first difference of lists or tables of keys is told."""
    if found == wanted:
        return
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = [k for k in {**wanted, **found} if found.get(k) != wanted.get(k)]
        found, wanted = ({k: value.get(k) for k in keys[:1]} for value in (found, wanted))
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        at = next(n for n, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
        found, wanted = (f"[{at}] {value[at]!r}" for value in (found, wanted))
    raise UnsoundError(f"{what}: {found!r:.200} instead of {wanted!r:.200}, in {where}")


def of_schema(table, schema, where):
    """The columns and their types, and no null where none may be."""
    demand(table.schema.equals(schema), f"the columns are {table.schema.names}", where)
    for field in schema:
        none = field.nullable or not table[field.name].null_count
        demand(none, f"{field.name} is null", where)


def constant(table, where, **values):
    """Columns that hold the same in every row."""
    for name, value in values.items():
        found = pc.unique(table[name]).to_pylist()
        demand(found in ([], [value]), f"{name} is {found} and not {value!r}", where)


def some(rows, most=MOST):
    """Which of so many rows are looked at one by one: an even share."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
