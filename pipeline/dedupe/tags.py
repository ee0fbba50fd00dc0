"""The records of one dataset with every tag on them: what clean and dedupe dropped, and why.

All code reads kept records through this module, so that all agree on what is kept. For every shard
of clean, dedupe writes one with the same name and rows that holds the tags of both (`TAGS`). Where
a conflict policy merges annotations, it also writes `merged-<name>`: RECORDS rows that replace
those with the same ids.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import RawFileError
from pipeline.execution import shards
from pipeline.records import SPLITS
from pipeline.tables import RECORDS

#: What became of each record of a shard, row by row.
TAGS: Final = pa.schema([RECORDS.field(n) for n in ("dropped", "drop_partner", "drop_detail")])


def merged_path(shard: Path, dedupe: Path) -> Path:
    """Return where the merged records of a shard are, if it has any."""
    return dedupe / f"merged-{shard.name}"


def tagged(shard: Path, dedupe: Path | None, columns: Sequence[str] | None = None) -> Any:
    """Return a clean shard with the tags and merged annotations that dedupe wrote to `dedupe`.

    `columns` must hold "id". Raises RawFileError if the tags do not belong to this shard.
    """
    columns = columns or RECORDS.names
    if dedupe is None:
        return shards.read(shard, columns)
    table = shards.read(shard, [name for name in columns if name not in TAGS.names])
    tags = shards.read(dedupe / shard.name, [name for name in columns if name in TAGS.names])
    if table.num_rows != tags.num_rows:
        what = "these tags have other rows than the shard that they belong to"
        raise RawFileError(what, where=dedupe / shard.name, todo="run dedupe again")
    if (path := merged_path(shard, dedupe)).exists():
        table = _replaced(table, shards.read(path, table.column_names))
    for name in tags.column_names:
        table = table.append_column(TAGS.field(name), tags[name])
    return table.select([*columns])


def _replaced(table: Any, merged: Any) -> Any:
    at = pc.index_in(table["id"], value_set=merged["id"].combine_chunks())
    row_numbers = pa.array(range(table.num_rows), pa.int32())
    rows = pc.coalesce(pc.add(at, table.num_rows), row_numbers)
    return pa.concat_tables([table, merged.cast(table.schema)]).take(rows)


def with_drops(tags: Any, rows: Any, reasons: Any, partners: Any) -> Any:
    """Return `TAGS` with the drops of more rows; a row dropped before keeps its tags."""
    places = pa.array(np.arange(tags.num_rows))
    at = pc.index_in(places, value_set=rows)
    free = pc.is_null(tags["dropped"])
    columns = [
        pc.if_else(free, pc.take(new, at), tags[name])
        for name, new in (("dropped", reasons), ("drop_partner", partners))
    ]
    return pa.table([*columns, tags["drop_detail"]], schema=TAGS)


def kept(shard: Path, dedupe: Path | None, columns: Sequence[str] | None = None) -> Any:
    """Return the rows of a shard that were not dropped. `columns` must hold "id", "dropped"."""
    table = tagged(shard, dedupe, columns)
    dropped = table["dropped"]
    return table if dropped.null_count == len(dropped) else table.filter(pc.is_null(dropped))


def tables(
    clean: Path, dedupe: Path | None, splits: Sequence[str] = SPLITS
) -> Iterator[tuple[str, Any]]:
    """Yield (split, kept records) of one dataset, shard by shard."""
    for split, path in shards.record_shards(clean, splits):
        yield split, kept(path, dedupe)


def account(clean: Path, dedupe: Path | None) -> dict[str, dict[str, Any]]:
    """Count in a dataset's shards: split -> records, kept, and dropped by reason."""
    splits: dict[str, dict[str, Any]] = {}
    for split, path in shards.record_shards(clean):
        count(splits, split, shards.read(dedupe / path.name if dedupe else path, ["dropped"]))
    return splits


def count(splits: dict[str, dict[str, Any]], split: str, table: Any) -> None:
    """Add the records of a tagged table to the account of its split."""
    counts = splits.setdefault(split, {"records": 0, "kept": 0, "dropped": {}})
    tags = table["dropped"]
    counts["records"] += len(tags)
    counts["kept"] += tags.null_count
    dropped = Counter(counts["dropped"]) + Counter(tags.drop_null().to_pylist())
    counts["dropped"] = dict(sorted(dropped.items()))
