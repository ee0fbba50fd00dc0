"""Stage 2: tag the records of one dataset that a cleaning rule drops. Nothing is deleted.

Shard by shard: `normalize/<id>/<split>-NNNNN.parquet` -> `clean/<id>/` of the same names and rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline import rules, shards
from pipeline.kept import record_shards
from pipeline.records import RECORDS

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config import Clean


def clean(source: Path, settings: Clean, stop_words: Path, out: Path) -> None:
    """Clean every shard of the folder `source` into the folder `out`."""
    with shards.replacing(out) as partial:
        for _, shard in record_shards(source):
            shards.write(cleaned(shards.read(shard), settings, stop_words), partial / shard.name)


def cleaned(table: Any, settings: Clean, stop_words: Path) -> Any:
    """The table with `dropped` and `drop_detail` filled for every record that a rule drops."""
    reasons = rules.first_reason(table, settings, stop_words)
    details = rules.details(table, reasons, stop_words)
    for name, column in (("dropped", reasons), ("drop_detail", details)):
        index = RECORDS.get_field_index(name)
        table = table.set_column(index, RECORDS.field(index), pa.chunked_array([column]))
    return table
