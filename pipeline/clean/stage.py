"""Stage 2: tag the records that a cleaning rule drops. Nothing is deleted.

Shard by shard: `normalize/<id>/<split>-NNNNN.parquet` -> `clean/<id>/` of the same names and rows,
and `hygiene.json`: what is odd about the annotations, by split and kind, with examples.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.catalog import Dataset, invariant
from pipeline.clean import hygiene, rules
from pipeline.config import Clean
from pipeline.execution import shards
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Done, Step, building, steps
from pipeline.records import SPLITS
from pipeline.tables import RECORDS

#: Characters of a text that a drop tells at most.
_DETAIL: Final = 200


class _Job(NamedTuple):
    split: str
    source: Path
    target: Path
    dataset: Dataset


def clean(
    datasets: Sequence[Dataset],
    normalize: Path,
    settings: Clean,
    stop_words: Path,
    out: Path,
    workers: Workers | int = 1,
) -> None:
    """Clean every shard of the datasets' folders in `normalize` into folders of `out`."""
    with ExitStack() as stack:
        folders = [stack.enter_context(building(out / d.id)) for d in datasets]
        jobs = [
            _Job(split, shard, folder / shard.name, dataset)
            for dataset, folder in zip(datasets, folders, strict=True)
            for split, shard in shards.record_shards(normalize / dataset.id)
        ]
        jobs.sort(key=lambda job: -job.source.stat().st_size)
        work = partial(_shard, settings=settings, stop_words=stop_words)
        todo = [Step(j.target.parent, f"{j.dataset.id}/{j.source.stem}", j) for j in jobs]
        counts = [*zip(jobs, steps(work, todo, workers), strict=True)]
        counts.sort(key=lambda pair: (SPLITS.index(pair[0].split), pair[0].target))
        for folder in folders:
            of_shards = [(job.split, count) for job, count in counts if job.target.parent == folder]
            report = {
                "long_text": settings.long_text,
                "fixed": sorted({*settings.fix}),
                "splits": hygiene.summary(of_shards),
            }
            shards.write_json(report, folder / "hygiene.json")


def _enum_roles(dataset: Dataset) -> list[str]:
    names = dataset.names("role")
    return [names[role] for role in dataset.enum_roles if role in names]


def _shard(job: _Job, settings: Clean, stop_words: Path) -> Done:
    table = shards.read(job.source, RECORDS.names)
    odd = hygiene.findings(table, _enum_roles(job.dataset), settings.long_text)
    counted = hygiene.counted(table, odd)
    table = invariant.checked(hygiene.mended(table, odd, settings.fix), job.dataset)
    table = cleaned(table, settings, stop_words)
    shards.write(_with_dropped(table, odd, settings), job.target)
    return Done([job.target], counted)


def cleaned(table: Any, settings: Clean, stop_words: Path) -> Any:
    """The table with `dropped` and `drop_detail` filled for every record that a rule drops."""
    reasons = rules.first_reason(table, settings, stop_words)
    return _tagged(table, reasons, rules.details(table, reasons, stop_words))


def _with_dropped(table: Any, odd: list[hygiene.Finding], settings: Clean) -> Any:
    """The table with the records tagged that have a finding about the text which is to be fixed."""
    kinds = {*settings.fix} & {*hygiene.OF_TEXTS}
    first = {f.row: f for f in reversed(odd) if f.kind in kinds}
    if not first:
        return table
    by_row = [first.get(row) for row in range(table.num_rows)]
    columns = [(f and f.kind, f and f.detail[:_DETAIL]) for f in by_row]
    reasons, details = (pa.array(column, pa.string()) for column in zip(*columns, strict=True))
    earlier = (table["dropped"], reasons), (table["drop_detail"], details)
    return _tagged(table, *(pc.coalesce(*columns) for columns in earlier))


def _tagged(table: Any, reasons: Any, details: Any) -> Any:
    for name, column in (("dropped", reasons), ("drop_detail", details)):
        index = RECORDS.get_field_index(name)
        table = table.set_column(index, RECORDS.field(index), column)
    return table
