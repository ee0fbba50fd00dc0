"""Stage 2: tag the records of one dataset that a cleaning rule drops. Nothing is deleted.

Shard by shard: `normalize/<id>/<split>-NNNNN.parquet` -> `clean/<id>/` of the same names and rows,
and `hygiene.json`: what is odd about the annotations, by split and kind, with examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hygiene, rules, shards
from pipeline.kept import record_shards
from pipeline.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pipeline.config import Clean


def clean(
    source: Path, settings: Clean, stop_words: Path, out: Path, enum_roles: Collection[str] = ()
) -> None:
    """Clean every shard of the folder `source` into the folder `out`."""
    tally = hygiene.Tally()
    with shards.replacing(out) as partial:
        for split, shard in record_shards(source):
            table = shards.read(shard)
            found = hygiene.findings(table, enum_roles, settings.long_text)
            tally.add(split, table, found)
            table = hygiene.mended(table, found, settings.fix)
            table = cleaned(table, settings, stop_words)
            shards.write(_without_long(table, found, settings), partial / shard.name)
        report = {"long_text": settings.long_text, "fixed": sorted({*settings.fix})}
        shards.write_json({**report, "splits": tally.summary()}, partial / "hygiene.json")


def cleaned(table: Any, settings: Clean, stop_words: Path) -> Any:
    """The table with `dropped` and `drop_detail` filled for every record that a rule drops."""
    reasons = rules.first_reason(table, settings, stop_words)
    return _tagged(table, reasons, rules.details(table, reasons, stop_words))


def _without_long(table: Any, found: list[hygiene.Finding], settings: Clean) -> Any:
    """The table with the too long texts tagged as well, where that is asked."""
    if "text_too_long" not in settings.fix:
        return table
    columns = [np.full(table.num_rows, None, object) for _ in range(2)]
    for finding in found:
        if finding.kind == "text_too_long":
            columns[0][finding.row], columns[1][finding.row] = finding.kind, finding.detail
    old = table["dropped"]
    return _tagged(
        table,
        pc.coalesce(old, pa.array(columns[0], pa.string())),
        pc.if_else(pc.is_null(old), pa.array(columns[1], pa.string()), table["drop_detail"]),
    )


def _tagged(table: Any, reasons: Any, details: Any) -> Any:
    for name, column in (("dropped", reasons), ("drop_detail", details)):
        index = RECORDS.get_field_index(name)
        table = table.set_column(index, RECORDS.field(index), column)
    return table
