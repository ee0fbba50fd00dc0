"""The records of one dataset with every tag on them: what clean and dedupe dropped, and why.

`negatives`, `instruct` and `report` all read records through here, so that they agree on what is
kept. Dedupe writes per dataset `drops.parquet` (id, reason, detail) and, where a conflict policy
merges annotations, `merged.parquet` (RECORDS rows that take the place of those with their ids).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import shards
from pipeline.records import SPLITS
from pipeline.tables import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: One row per record that dedupe drops.
DROPS: Final = pa.schema([(name, pa.string()) for name in ("id", "reason", "detail")])


def record_shards(folder: Path, splits: Sequence[str] = SPLITS) -> list[tuple[str, Path]]:
    """(split, path) of a dataset's record shards, in the order of splits and shards."""
    return [(split, p) for split in splits for p in shards.listed(folder, f"{split}-*.parquet")]


def tagged(shard: Path, dedupe: Path | None, columns: Sequence[str] | None = None) -> Any:
    """A clean shard with dedupe's drops and merged annotations of the folder `dedupe` applied."""
    table = shards.read(shard, columns or RECORDS.names)
    if dedupe is None:
        return table
    drops = shards.read(dedupe / "drops.parquet", DROPS.names)
    if (dedupe / "merged.parquet").exists():
        merged = shards.read(dedupe / "merged.parquet", columns)
        table = _replace(table, merged)
    if drops.num_rows == 0:
        return table
    at = pc.index_in(table["id"], value_set=drops["id"].combine_chunks())
    for column, source in (("dropped", "reason"), ("drop_detail", "detail")):
        if column in table.column_names:
            tags = pc.coalesce(table[column], pc.take(drops[source], at))
            index = table.schema.get_field_index(column)
            table = table.set_column(index, RECORDS.field(column), tags)
    return table


def _replace(table: Any, merged: Any) -> Any:
    at = pc.index_in(table["id"], value_set=merged["id"].combine_chunks())
    own = pa.array(range(table.num_rows), pa.int32())
    rows = pc.coalesce(pc.add(at, table.num_rows), own)
    return pa.concat_tables([table, merged.cast(table.schema)]).take(rows)


def kept(shard: Path, dedupe: Path | None, columns: Sequence[str] | None = None) -> Any:
    """The rows of a shard that nothing dropped. `columns` must hold "id" and "dropped"."""
    table = tagged(shard, dedupe, columns)
    return table.filter(pc.is_null(table["dropped"]))


def tables(
    clean: Path, dedupe: Path | None, splits: Sequence[str] = SPLITS
) -> Iterator[tuple[str, Any]]:
    """(split, kept records) of one dataset, shard by shard."""
    for split, path in record_shards(clean, splits):
        yield split, kept(path, dedupe)


def account(clean: Path, dedupe: Path | None) -> dict[str, dict[str, Any]]:
    """Split -> records, kept, and dropped by reason, of one dataset, counted in its shards."""
    splits: dict[str, dict[str, Any]] = {}
    for split, path in record_shards(clean):
        count(splits, split, tagged(path, dedupe, ["id", "dropped"]))
    return splits


def count(splits: dict[str, dict[str, Any]], split: str, table: Any) -> None:
    """Add the records of a tagged table to the account of its split."""
    own = splits.setdefault(split, {"records": 0, "kept": 0, "dropped": {}})
    tags = table["dropped"]
    own["records"] += len(tags)
    own["kept"] += tags.null_count
    dropped = Counter(own["dropped"]) + Counter(tags.drop_null().to_pylist())
    own["dropped"] = dict(sorted(dropped.items()))
