"""Stage 7: count what became of every record, from the shards themselves.

Writes `reports/counts.json`: per dataset and split the rows read, rejected, merged, dropped by each
reason and kept, the annotations, and the instructions of every task. The sums are checked: a record
that is unaccounted for is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow.compute as pc

from pipeline import shards
from pipeline.errors import CountError
from pipeline.kept import account, record_shards

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

_COUNTED: Final = ("n_positive", "n_hard", "n_other")


def report(
    datasets: Sequence[Dataset],
    folders: Mapping[str, Path],
    out: Path,
    skipped: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """Count everything into the folder `out`; `folders` maps each stage to its output."""
    counts: dict[str, Any] = {"datasets": {}, "skipped": dict(skipped)}
    for dataset in datasets:
        read = shards.read_json(folders["normalize"] / dataset.id / "summary.json")
        counts["datasets"][dataset.id] = {
            "read": read["splits"],
            "records": _records(dataset, folders, read["splits"]),
            "instructions": _instructions(dataset, folders["instruct"] / dataset.id),
        }
    with shards.replacing(out) as folder:
        shards.write_json(counts, folder / "counts.json")
    return counts


def _records(dataset: Dataset, folders: Mapping[str, Path], read: Any) -> dict[str, Any]:
    """Split -> kept, and dropped by reason; checked against what normalize wrote."""
    splits = account(folders["clean"] / dataset.id, folders["dedupe"] / dataset.id)
    written = sum(own["records"] for own in read.values())
    found = sum(own["records"] for own in splits.values())
    if written != found:
        raise CountError(
            f"normalize wrote {written} records, clean holds {found}",
            where=dataset.id,
            todo="run the stages again from normalize",
        )
    return splits


def _instructions(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Task -> split -> instructions, labels asked by kind, and pure-negative instructions."""
    tasks: dict[str, Any] = {}
    for task in dataset.tasks:
        for split, path in record_shards(folder / task):
            table = shards.read(path, _COUNTED)
            own = tasks.setdefault(task, {}).setdefault(
                split, dict.fromkeys(("instructions", "pure_negative", *_COUNTED), 0)
            )
            own["instructions"] += table.num_rows
            own["pure_negative"] += pc.sum(pc.equal(table["n_positive"], 0)).as_py() or 0
            for column in _COUNTED:
                own[column] += pc.sum(table[column]).as_py() or 0
    return tasks


def rows(counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One flat row per dataset and split, for tables: what was read, dropped, kept and asked."""
    flat = []
    for name, own in counts["datasets"].items():
        for split, records in own["records"].items():
            tasks = own["instructions"]
            flat.append(
                {
                    "dataset": name,
                    "split": split,
                    **records,
                    "instructions": {
                        task: by_split[split]["instructions"]
                        for task, by_split in tasks.items()
                        if split in by_split
                    },
                }
            )
    return flat
