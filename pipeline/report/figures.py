"""The figures of the report: label frequencies and lengths of a dataset, sums over datasets.

Every figure is a small count that adds up over shards: memory does not grow with the corpus.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from pipeline import tasks
from pipeline.catalog import Dataset

#: The names of a table's columns, and its rows.
Table = tuple[tuple[str, ...], list[tuple[object, ...]]]

#: The lower bounds of the classes of text lengths, in characters.
LENGTHS: Final = (0, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800)
#: Records with at least this many positive labels are counted together.
MANY: Final = 10


def asked_tasks(dataset: Dataset) -> list[str]:
    """The tasks with distinct labels: without EET and EEA beside EE, whose events they ask."""
    same_as_ee = {"EET", "EEA"} if "EE" in dataset.tasks else set()
    return [task for task in dataset.tasks if task not in same_as_ee]


def figures(dataset: Dataset, tables: Iterable[Any]) -> dict[str, Any]:
    """Count labels and lengths of the published records of one dataset, given as tables.

    `labels`     task -> label -> records in which it is positive, in the order of the inventory
    `positives`  task -> records with 0, 1, ... MANY or more positive labels
    `lengths`    records of each of LENGTHS
    """
    inventories = {task: tasks.inventory(dataset, task) for task in asked_tasks(dataset)}
    labels = {task: np.zeros(len(names), np.int64) for task, names in inventories.items()}
    positives = {task: np.zeros(MANY + 1, np.int64) for task in inventories}
    lengths = np.zeros(len(LENGTHS), np.int64)
    for table in tables:
        size = pc.utf8_length(table["text"]).to_numpy()
        lengths += np.bincount(np.searchsorted(LENGTHS, size, "right") - 1, minlength=len(lengths))
        for task, names in inventories.items():
            present = np.zeros((table.num_rows, len(names)), bool)
            present[tasks.held(dataset, task, table)] = True
            labels[task] += present.sum(axis=0)
            per_record = np.minimum(present.sum(axis=1), MANY)
            positives[task] += np.bincount(per_record, minlength=MANY + 1)
    return {
        "labels": {
            task: dict(zip(names, labels[task].tolist(), strict=True))
            for task, names in inventories.items()
        },
        "positives": {task: counts.tolist() for task, counts in positives.items()},
        "lengths": lengths.tolist(),
    }


def asked(instructions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The instructions of every task and split, with shares of labels and records asked nothing."""
    return [
        {"task": task, "split": split, **shares(sums), "asked_nothing": sums["asked_nothing"]}
        for task, by_split in instructions.items()
        for split, sums in by_split.items()
    ]


def shares(sums: Mapping[str, int]) -> dict[str, Any]:
    """Instructions, and the shares of positive, hard and other labels and of pure negatives."""
    kinds = ("positive", "hard", "other")
    labels = sum(sums[f"n_{kind}"] for kind in kinds)
    return {
        "instructions": sums["instructions"],
        **{f"{kind}_share": _share(sums[f"n_{kind}"], labels) for kind in kinds},
        "pure_negative_share": _share(sums["pure_negative"], sums["instructions"]),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def totals(counts: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of every dataset, and of all of them under "".

    Every entry counts the same drop reasons, in the same order. A row is rejected, merged into the
    record of the same text, or becomes a record; `windows` counts the records that were added by
    cutting long texts. Records are kept or dropped. `leak` says by how much the labels asked find
    the positive ones better than frequencies do, for the task where that is most.
    """
    datasets = counts["datasets"]
    records = [split for dataset in datasets.values() for split in dataset["records"].values()]
    reasons = sorted({reason for split in records for reason in split["dropped"]})
    groups = {"": [*datasets.values()], **{name: [dataset] for name, dataset in datasets.items()}}
    return {name: _total(members, reasons) for name, members in groups.items()}


def _total(datasets: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> dict[str, Any]:
    """The sums over all splits and tasks of some datasets."""
    read_splits = [split for dataset in datasets for split in dataset["read"].values()]
    record_splits = [split for dataset in datasets for split in dataset["records"].values()]
    by_task = [splits for dataset in datasets for splits in dataset["instructions"].values()]
    read, records = _summed(read_splits), _summed(record_splits)
    dropped = _summed(split["dropped"] for split in record_splits)
    windows = _summed(split.get("windows", {}) for split in read_splits)
    probes = [probe["positive"] for dataset in datasets for probe in dataset["leak"].values()]
    return {
        **{key: read[key] for key in ("rows", "rejected", "merged_rows")},
        "windows": windows["windows"] - windows["texts"],
        "records": records["records"],
        "dropped": {reason: dropped[reason] for reason in reasons},
        "kept": records["kept"],
        **shares(_summed(split for splits in by_task for split in splits.values())),
        "leak": max((round(p["probe"] - p["prior"], 4) for p in probes), default=None),
    }


def by_task(datasets: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Task -> instructions of all splits of some datasets."""
    made: Counter[str] = Counter()
    for dataset in datasets:
        for task, splits in dataset["instructions"].items():
            made[task] += sum(split["instructions"] for split in splits.values())
    return made


def _summed(parts: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """The sums of all numbers that have the same key."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update({key: n for key, n in part.items() if isinstance(n, int)})
    return total


def changes(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[list[Any]]:
    """[dataset, split, figure, count there, count here] of figures that differ between two runs.

    Both are counts.json. A figure that a run lacks counts as 0.
    """
    before, after = _by_split(there), _by_split(here)
    return [
        [*key, before.get(key, 0), after.get(key, 0)]
        for key in sorted({*before, *after})
        if before.get(key, 0) != after.get(key, 0)
    ]


def _by_split(counts: Mapping[str, Any]) -> dict[tuple[str, str, str], int]:
    """(dataset, split, figure) -> count."""
    count_by_key: dict[tuple[str, str, str], int] = {}
    for name, dataset in counts["datasets"].items():
        for split, records in dataset["records"].items():
            count_by_key[name, split, "records"] = records["records"]
            count_by_key[name, split, "kept"] = records["kept"]
            for reason, n in records["dropped"].items():
                count_by_key[name, split, f"dropped: {reason}"] = n
        for task, by_split in dataset["instructions"].items():
            for split, sums in by_split.items():
                count_by_key[name, split, f"instructions: {task}"] = sums["instructions"]
    return count_by_key


def plots(
    counts: Mapping[str, Any], totals: Mapping[str, Any], figures: Mapping[str, Any]
) -> dict[str, Table]:
    """The data of the plots in dvc.yaml, from `counts`, `totals` and the figures by dataset."""
    tables: dict[str, Table] = {
        "drops": (("dataset", "reason", "records", "share"), []),
        "label_frequency": (("dataset", "task", "label", "records"), []),
        "text_length": (("dataset", "characters", "records", "share"), []),
        "positives": (("dataset", "positives", "records", "share"), []),
        "pure_negative": (("dataset", "split", "instructions", "share"), []),
    }
    drops, frequencies, lengths, positives, pure = (rows for _, rows in tables.values())
    for name, dataset in figures.items():
        dropped, records = totals[name]["dropped"], totals[name]["records"]
        drops += [(name, reason, n, round(n / records, 5)) for reason, n in dropped.items() if n]
        for task, labels in dataset["labels"].items():
            frequencies += [(name, task, label, n) for label, n in labels.items()]
        lengths += _with_shares(name, LENGTHS, dataset["lengths"])
        for task, numbers in dataset["positives"].items():
            positives += _with_shares(f"{name} {task}", range(MANY + 1), numbers)
        for row in asked(counts["datasets"][name]["instructions"]):
            if row["instructions"]:
                cells = (row["split"], row["instructions"], row["pure_negative_share"])
                pure.append((f"{name} {row['task']}", *cells))
    return tables


def _with_shares(
    name: str, classes: Sequence[int], records: Sequence[int]
) -> list[tuple[object, ...]]:
    """Rows of a histogram: its name, the class, its records, and their share."""
    whole = sum(records) or 1
    return [(name, c, n, round(n / whole, 5)) for c, n in zip(classes, records, strict=True)]
