"""What the ways of dealing labels into batches do on real data, as a table per task.

    iepile run --raw DIR --manifests DIR --out RUN
    python -m bench.groupings RUN [--into FILE]

For the train records of a run and the dictionary that it built: positives per label batch, the
share of batches without any, and how often a positive shares its batch with its first hard
negative (the nearest label in the dictionary that the record does not hold).
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from pipeline import catalog, hashing, tasks
from pipeline.config import Instruct
from pipeline.corpus import batching
from pipeline.corpus.counting import near_matrix
from pipeline.dictionary import interchange
from pipeline.kept import kept, record_shards
from pipeline.stages.instruct import blocks, dictionary_of

_MODES = {
    "round_robin": Instruct(grouping="round_robin", pure_negative_ratio=3),
    "shuffle": Instruct(grouping="shuffle", pure_negative_ratio=3),
    "contrast": Instruct(grouping="contrast", pure_negative_ratio=3),
    "peer": Instruct(peer=True, pure_negative_ratio=None),
}


def _first_hard(positive: np.ndarray, near: np.ndarray) -> np.ndarray:
    """For every (record, label) the nearest absent label, or -1; only positives count."""
    first = np.full(positive.shape, -1)
    for label in np.flatnonzero(positive.any(axis=0)):
        rows = np.flatnonzero(positive[:, label])
        ranked = [j for j in np.argsort(near[label], kind="stable") if near[label, j] >= 0]
        for other in reversed(ranked):
            absent = rows[~positive[rows, other]]
            first[absent, label] = other
    return first


def _count(
    table: object, dataset: catalog.Dataset, task: str, near: dict, settings: Instruct
) -> Counter:
    asked = tasks.inventory(dataset, task)
    found = tasks.module(task).answers(table, dataset)
    positive = np.zeros((table.num_rows, len(asked)), bool)
    positive[found.row, found.code] = True
    matrix = near_matrix(asked, near)
    keys = hashing.priorities(table["id"].to_pylist(), asked, settings.seed)
    batches, _ = batching.dealt(positive, matrix, keys, settings.k(task), settings)
    member = np.zeros((len(batches.row), len(asked) + 1), bool)
    np.put_along_axis(member, batches.labels, values=True, axis=1)  # -1 lands in the spare column
    batch, label = np.nonzero(member[:, :-1] & positive[batches.row])
    first = _first_hard(positive, matrix)[batches.row[batch], label]
    exists = first >= 0
    return Counter(
        batches=len(batches.row),
        positives=len(batch),
        pure=len(batches.row) - len(np.unique(batch)),
        paired=int(exists.sum()),
        beside=int(member[batch[exists], first[exists]].sum()),
    )


def table(run: Path) -> list[str]:
    """The lines of a Markdown table over all datasets of a run."""
    counts: dict[tuple[str, str], Counter] = {}
    for name in sorted(path.name for path in (run / "clean").iterdir()):
        dataset = catalog.load(name)
        if dataset.use == "held-out" or dataset.inventory == "split":
            continue
        near = interchange.dictionary_for(dataset, run / "negatives")
        for _, shard in record_shards(run / "clean" / name, ("train",)):
            records = kept(shard, run / "dedupe" / name)
            for task in dataset.tasks:
                if task == "EEA":
                    continue  # asks the events present, nothing is dealt
                labels = len(tasks.inventory(dataset, task))
                own = dictionary_of(near, task)
                for block in blocks(records, labels, Instruct().k(task)):
                    for mode, settings in _MODES.items():
                        counts.setdefault((task, mode), Counter()).update(
                            _count(block, dataset, task, own, settings)
                        )
    head = ("task", "grouping", "label batches", "positives per batch", "pure-negative share")
    lines = [f"| {' | '.join(head)} | positive beside its first hard negative |"]
    lines += ["|---|---|---:|---:|---:|---:|"]
    keys = [(task, mode) for task in catalog.TASKS for mode in _MODES if (task, mode) in counts]
    return lines + [_row(*key, counts[key]) for key in keys]


def _row(task: str, mode: str, own: Counter) -> str:
    cells = (
        f"{own['batches']:,}",
        f"{own['positives'] / own['batches']:.2f}",
        f"{own['pure'] / own['batches']:.1%}",
        f"{own['beside'] / max(own['paired'], 1):.1%}",
    )
    return f"| {task} | {mode} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.groupings")
    parser.add_argument("run", type=Path, help="the folder of a finished `iepile run`")
    parser.add_argument("--into", type=Path, help="write the table to this Markdown file")
    arguments = parser.parse_args()
    lines = table(arguments.run)
    print("\n".join(lines))
    if arguments.into:
        about = __doc__.split("\n\n")[-1].strip()
        text = "\n".join(["# Groupings on real data", "", about, "", *lines])
        arguments.into.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
