"""Stage 2: tag the records that a cleaning rule drops. Nothing is deleted.

Shard by shard: `normalize/<id>/<split>-NNNNN.parquet` -> `clean/<id>/` of the same names and rows.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline import engines, rules, shards
from pipeline.kept import record_shards
from pipeline.records import RECORDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.config import Clean
    from pipeline.engines import Workers


def clean(
    names: Sequence[str],
    normalize: Path,
    settings: Clean,
    stop_words: Path,
    out: Path,
    workers: Workers | int = 1,
) -> None:
    """Clean every shard of the datasets' folders in `normalize` into folders of `out`."""
    with ExitStack() as stack:
        folders = [stack.enter_context(shards.replacing(out / name)) for name in names]
        jobs = [
            (shard, folder / shard.name)
            for name, folder in zip(names, folders, strict=True)
            for _, shard in record_shards(normalize / name)
        ]
        jobs.sort(key=lambda job: -job[0].stat().st_size)
        workers = engines.enough(workers, sum(job[0].stat().st_size for job in jobs))
        job = partial(_shard, settings=settings, stop_words=stop_words)
        for _ in engines.run(job, jobs, workers, _name):
            pass


def _shard(job: tuple[Path, Path], settings: Clean, stop_words: Path) -> None:
    source, target = job
    shards.write(cleaned(shards.read(source), settings, stop_words), target)


def _name(job: tuple[Path, Path]) -> str:
    return f"{job[0].parent.name}/{job[0].stem}"


def cleaned(table: Any, settings: Clean, stop_words: Path) -> Any:
    """The table with `dropped` and `drop_detail` filled for every record that a rule drops."""
    reasons = rules.first_reason(table, settings, stop_words)
    details = rules.details(table, reasons, stop_words)
    for name, column in (("dropped", reasons), ("drop_detail", details)):
        index = RECORDS.get_field_index(name)
        table = table.set_column(index, RECORDS.field(index), pa.chunked_array([column]))
    return table
