"""What the kept records of one dataset look like in figures: labels, lengths, positives.

Every figure is a small count that adds up over shards: memory does not grow with the corpus.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow.compute as pc

from pipeline import tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.catalog import Dataset

    #: The names of a table's columns, and its rows.
    Table = tuple[tuple[str, ...], Sequence[tuple[object, ...]]]

#: The lower bounds of the text lengths that are counted together, in characters.
LENGTHS: Final = (0, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800)
#: Records with at least this many positive labels are counted together.
MANY: Final = 10


def asked_tasks(dataset: Dataset) -> list[str]:
    """The tasks whose labels differ: EET and EEA ask the events of EE."""
    same = {"EET", "EEA"} if "EE" in dataset.tasks else set()
    return [task for task in dataset.tasks if task not in same]


def figures(dataset: Dataset, tables: Iterable[Any]) -> dict[str, Any]:
    """Count what the published records of one dataset hold, given in tables.

    `labels`     task -> label -> records in which it is positive, in the order of the inventory
    `positives`  task -> records with 0, 1, ... MANY or more positive labels
    `lengths`    records of each of LENGTHS
    """
    names = {task: tasks.inventory(dataset, task) for task in asked_tasks(dataset)}
    labels = {task: np.zeros(len(own), np.int64) for task, own in names.items()}
    positives = {task: np.zeros(MANY + 1, np.int64) for task in names}
    lengths = np.zeros(len(LENGTHS), np.int64)
    for table in tables:
        size = pc.utf8_length(table["text"]).to_numpy()
        lengths += np.bincount(np.searchsorted(LENGTHS, size, "right") - 1, minlength=len(lengths))
        for task, own in names.items():
            present = np.zeros((table.num_rows, len(own)), bool)
            present[tasks.held(dataset, task, table)] = True
            labels[task] += present.sum(axis=0)
            per_record = present.sum(axis=1)
            positives[task] += np.bincount(np.minimum(per_record, MANY), minlength=MANY + 1)
    return {
        "labels": {
            task: dict(zip(own, labels[task].tolist(), strict=True)) for task, own in names.items()
        },
        "positives": {task: counts.tolist() for task, counts in positives.items()},
        "lengths": lengths.tolist(),
    }


def asked(instructions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The instructions of every task and split, what they ask, and records asked nothing."""
    return [
        {"task": task, "split": split, **shares(own), "asked_nothing": own["asked_nothing"]}
        for task, by_split in instructions.items()
        for split, own in by_split.items()
    ]


def shares(own: Mapping[str, int]) -> dict[str, Any]:
    """Instructions, and the shares of positive, hard and other labels and of pure negatives."""
    labels = own["n_positive"] + own["n_hard"] + own["n_other"]
    asked_kinds = {kind: _share(own[f"n_{kind}"], labels) for kind in ("positive", "hard", "other")}
    return {
        "instructions": own["instructions"],
        **{f"{kind}_share": share for kind, share in asked_kinds.items()},
        "pure_negative_share": _share(own["pure_negative"], own["instructions"]),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def totals(counts: Mapping[str, Any]) -> dict[str, Any]:
    """What became of every dataset as a whole, and of all of them under "".

    Every entry counts the same drop reasons, in the same order. Rows read are rejected, merged into
    the record of the same text, or a record; `windows` are the records that long texts became more
    than they were. Records are kept or dropped. `leak` is by how much the labels alone tell the
    positive better than their frequencies do, of the task where that is most.
    """
    summed: dict[str, tuple[Counter[str], ...]] = {"": (Counter(), Counter(), Counter())}
    for name, dataset in counts["datasets"].items():
        read, dropped, out = summed[name] = (Counter(), Counter(), Counter())
        for split in dataset["read"].values():
            read.update({key: split[key] for key in ("rows", "rejected", "merged_rows")})
            cut = split.get("windows", {})
            read["windows"] += cut.get("windows", 0) - cut.get("texts", 0)
        for split in dataset["records"].values():
            read.update({key: split[key] for key in ("records", "kept")})
            dropped.update(split["dropped"])
        for by_split in dataset["instructions"].values():
            for own in by_split.values():
                out.update(own)
        for whole, part in zip(summed[""], (read, dropped, out), strict=True):
            whole.update(part)
    reasons = sorted(summed[""][1])
    return {
        name: {
            **{key: read[key] for key in ("rows", "rejected", "merged_rows", "windows", "records")},
            "dropped": {reason: dropped[reason] for reason in reasons},
            "kept": read["kept"],
            **shares(out),
            "leak": max(
                (
                    round(own["positive"]["probe"] - own["positive"]["prior"], 4)
                    for part in ([name] if name else counts["datasets"])
                    for own in counts["datasets"][part]["leak"].values()
                ),
                default=None,
            ),
        }
        for name, (read, dropped, out) in summed.items()
    }


def plots(
    counts: Mapping[str, Any], total: Mapping[str, Any], measured: Mapping[str, Any]
) -> dict[str, Table]:
    """The data of the plots in dvc.yaml: of `counts`, their `totals`, and all datasets' figures."""
    drops = [
        (name, reason, n, round(n / own["records"], 5))
        for name, own in total.items()
        for reason, n in own["dropped"].items()
        if name and n
    ]
    frequency = [
        (name, task, label, n)
        for name, own in measured.items()
        for task, labels in own["labels"].items()
        for label, n in labels.items()
    ]
    lengths = [
        (name, characters, *entry)
        for name, own in measured.items()
        for characters, entry in zip(LENGTHS, _with_shares(own["lengths"]), strict=True)
    ]
    positives = [
        (f"{name} {task}", number, *entry)
        for name, own in measured.items()
        for task, records in own["positives"].items()
        for number, entry in enumerate(_with_shares(records))
    ]
    pure = [
        (f"{name} {row['task']}", row["split"], row["instructions"], row["pure_negative_share"])
        for name, own in counts["datasets"].items()
        for row in asked(own["instructions"])
        if row["instructions"]
    ]
    return {
        "drops": (("dataset", "reason", "records", "share"), drops),
        "label_frequency": (("dataset", "task", "label", "records"), frequency),
        "text_length": (("dataset", "characters", "records", "share"), lengths),
        "positives": (("dataset", "positives", "records", "share"), positives),
        "pure_negative": (("dataset", "split", "instructions", "share"), pure),
    }


def _with_shares(records: Sequence[int]) -> list[tuple[int, float]]:
    whole = sum(records) or 1
    return [(n, round(n / whole, 5)) for n in records]
