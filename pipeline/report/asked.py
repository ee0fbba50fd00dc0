"""Labels and answers of instructions: counts for every task and split, and rows to read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tasks
from pipeline.catalog import Dataset
from pipeline.execution import shards
from pipeline.report import examples
from pipeline.report.examples import cut

_COUNTED: Final = ("n_positive", "n_hard", "n_other")
#: Characters of a text and of an answer that the page shows.
_TEXT: Final = 700
_ANSWER: Final = 400


def units(ids: Any) -> Any:
    """The record of each row, or the pair of entities that it asks about, as `record/number`."""
    return pc.utf8_rtrim(pc.replace_substring_regex(ids, r"/[A-Z]+/(?:(\d+)\.)?\d+$", r"/\1"), "/")


def answers(labels: Sequence[str], output: str, keys: Mapping[str, str]) -> list[Any]:
    """The answer to every label of a row. The output may name labels differently: order decides."""
    distinct = dict.fromkeys(keys.get(label, label) for label in labels)
    by_key = dict(zip(distinct, orjson.loads(output).values(), strict=True))
    return [by_key[keys.get(label, label)] for label in labels]


def counted(dataset: Dataset, folder: Path, records: Mapping[str, Any]) -> dict[str, Any]:
    """Task -> split -> instructions, labels asked by kind, and pure-negative instructions.

    `asked_nothing` counts the kept records of `records` without an instruction.
    """
    counts: dict[str, Any] = {}
    for task in dataset.tasks:
        for split, path in shards.record_shards(folder / task):
            table = shards.read(path, ("record_id", *_COUNTED))
            none_yet = dict.fromkeys(("instructions", "pure_negative", *_COUNTED), 0)
            none_yet["asked_nothing"] = records[split]["kept"]
            sums = counts.setdefault(task, {}).setdefault(split, none_yet)
            sums["instructions"] += table.num_rows
            sums["pure_negative"] += pc.sum(pc.equal(table["n_positive"], 0)).as_py() or 0
            sums["asked_nothing"] -= pc.count_distinct(table["record_id"]).as_py()
            for column in _COUNTED:
                sums[column] += pc.sum(table[column]).as_py() or 0
    return counts


def chosen(
    dataset: Dataset, folder: Path, near: Mapping[str, Any], most: int
) -> list[dict[str, Any]]:
    """Rows of instructions to show: per task and split `most` with a positive and `most` without.

    `near` is the dataset's dictionary: task -> label -> its near labels.
    """
    rows: list[dict[str, Any]] = []
    for task in dataset.tasks:
        near_of_task = near.get("EE" if task in ("EET", "EEA") else task, {})
        for split in dict.fromkeys(split for split, _ in shards.record_shards(folder / task)):
            groups: examples.Groups = {}
            for _, path in shards.record_shards(folder / task, [split]):
                table = shards.read(path, ["id", "n_positive"])
                has_positive = pc.greater(table["n_positive"], 0).cast(pa.string())
                table = table.append_column("path", pa.array([path.name] * table.num_rows))
                examples.choose(groups, table, has_positive, "id", most)
            by_shard: dict[str, list[str]] = {}
            for _, name, row in (row for group in groups.values() for row in group):
                by_shard.setdefault(row["path"], []).append(name)
            for shard, ids in sorted(by_shard.items()):
                rows += _shown(dataset, task, folder / task / shard, ids, near_of_task)
    return rows


def _shown(
    dataset: Dataset, task: str, path: Path, ids: Sequence[str], near: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """The data that the page shows of rows: every label asked, with its kind and answer."""
    keys = tasks.output_keys(dataset, task)
    table = shards.read(path)
    table = table.append_column("unit", units(table["id"]))
    wanted = pc.is_in(table["id"], value_set=pa.array(ids))
    owners = pc.unique(table["unit"].filter(wanted))
    rows = table.filter(pc.is_in(table["unit"], value_set=owners)).to_pylist()
    hard: dict[str, set[str]] = {}
    for row in rows:
        row["answers"] = answers(row["labels"], row["output"], keys)
        near_positive = hard.setdefault(row["unit"], set())
        for label, answer in zip(row["labels"], row["answers"], strict=True):
            near_positive.update(near.get(label, ()) if answer else ())
    for row in rows:
        if row["id"] in ids:
            # Dev and test rows ask every label in turn, so no label is a hard negative there.
            hard_here = hard[row["unit"]] if row["n_hard"] else set()
            instruction = orjson.loads(row["instruction"])
            yield {
                **{key: row[key] for key in ("id", "task", "split", "language")},
                "dataset": dataset.id,
                "instruction": instruction["instruction"],
                "pair": instruction.get("pair"),
                "text": cut(instruction["input"], _TEXT),
                "labels": [
                    _asked(label, item, answer, hard_here)
                    for label, item, answer in zip(
                        row["labels"], instruction["schema"], row["answers"], strict=True
                    )
                ],
            }


def _asked(label: str, item: Any, answer: Any, hard: set[str]) -> list[Any]:
    """[label, kind, answer, schema item where it is more than the label]."""
    kind = "positive" if answer else "hard" if label in hard else "other"
    schema = "" if isinstance(item, str) else cut(orjson.dumps(item).decode(), _ANSWER)
    return [label, kind, beginning(answer), schema]


def beginning(answer: Any) -> Any:
    """The answer; of a long one its first items, and how many more there are."""
    if isinstance(answer, list):
        sizes = accumulate(len(orjson.dumps(item)) for item in answer)
        fitting = max(1, sum(size <= _ANSWER for size in sizes))
        more = len(answer) - fitting
        return answer[:fitting] + ([f"… and {more} more"] if more > 0 else [])
    text = orjson.dumps(answer).decode()
    return answer if len(text) <= _ANSWER else cut(text, _ANSWER)
