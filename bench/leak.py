"""What the labels asked give away, under every grouping, on real data: a table.

    iepile run --raw DIR --manifests DIR --out RUN
    python -m bench.leak RUN [--into FILE]

For the train records of a run and the dictionary that it built, every dataset and task with eight
labels and 600 rows. A classifier sees the labels of a row, never its text, and ranks those that are
positive: its average precision, that of label frequency alone, and the 95 % interval of the
difference over records (see `pipeline/report/leak.py`). "rows" are rows per record; "pure" is the
share of rows without a positive, and "tells pure" what the labels say of that beyond the share of
records that hold none of them; "nearest" is how often a positive stands beside its nearest absent
label in the dictionary; "again" is the share of positives that are asked once more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline import catalog, hashing, tasks
from pipeline.config import Instruct
from pipeline.dedupe.tags import kept
from pipeline.execution import shards
from pipeline.instruct import pairs
from pipeline.instruct.asking import Asking, labels_held, near_matrix, sets_to_ask
from pipeline.instruct.stage import batched, dictionary_of
from pipeline.negatives import interchange
from pipeline.report import leak

_MODES = {
    "confusable": Instruct(),
    "confusable, 16 ways": Instruct(ways=16),
    "confusable, 256 ways": Instruct(ways=256),
    **{
        name: Instruct(grouping=name, pure_negative_ratio=3)
        for name in ("round_robin", "shuffle", "contrast")
    },
    "reference": Instruct(remainder="reference", pure_negative_ratio=None),
}
_COLUMNS = (
    *("dataset", "task", "grouping", "k'", "rows", "probe", "prior", "difference"),
    *("tells pure", "pure", "nearest", "again"),
)


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


def _batches(table, dataset, task, near, settings) -> tuple:
    """(batches, positive, ids) of all records of a table, or of their pairs."""
    asked = tasks.inventory(dataset, task)
    asking = Asking(dataset, task, "train", asked, near, settings)
    if settings.in_sets:
        asking = asking._replace(sets=sets_to_ask(asking, [labels_held(table, asking)]))
    if asking.way == "pair":
        table = pairs.by_pair(table)
    ids = pairs.unit_ids(table)
    positive = np.zeros((len(ids), len(asked)), bool)
    positive[tasks.held(dataset, task, table)] = True
    batches, _ = batched(ids, positive, asking)
    return batches, positive, ids


def _row(table, dataset, task, near, mode, least) -> str | None:
    batches, positive, ids = _batches(table, dataset, task, near, _MODES[mode])
    if len(batches.row) < least:
        return None
    owners = hashing.hashes(ids)[batches.row]
    order = np.argsort(hashing.mix64(owners + batches.number.astype(np.uint64)), kind="stable")
    take = np.sort(order[: leak.MOST_ROWS])
    found = leak.probe(batches.labels[take], positive, batches.row[take], ids)
    own, pure = found["positive"], found["pure"]
    member = np.zeros((len(batches.row), positive.shape[1] + 1), bool)
    np.put_along_axis(member, batches.labels, values=True, axis=1)  # -1 lands in the spare column
    batch, label = np.nonzero(member[:, :-1] & positive[batches.row])
    first = _first_hard(positive, near_matrix(tasks.inventory(dataset, task), near))[
        batches.row[batch], label
    ]
    exists = first >= 0
    beside = member[batch[exists], first[exists]].mean() if exists.any() else 0
    cells = (
        *(dataset.id, task, mode, batches.labels.shape[1]),
        f"{len(batches.row) / len(ids):.2f}",
        *(f"{own[key]:.3f}" for key in ("probe", "prior")),
        f"{own['low']:+.3f} to {own['high']:+.3f}",
        f"{pure['low']:+.3f} to {pure['high']:+.3f}" if pure else "-",
        f"{1 - len(np.unique(batch)) / len(batches.row):.1%}",
        f"{beside:.2f}",
        f"{len(batch) / positive.sum() - 1:.3f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def table(run: Path, least: int) -> list[str]:
    """The lines of a Markdown table over all datasets of a run."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "|---|---|---|" + "---:|" * (len(_COLUMNS) - 3)]
    for name in sorted(path.name for path in (run / "clean").iterdir()):
        dataset = catalog.load(name)
        if dataset.use == "held-out" or dataset.inventory == "split":
            continue
        near = interchange.dictionary_for(dataset, run / "negatives")
        parts = [
            kept(shard, run / "dedupe" / name)
            for _, shard in shards.record_shards(run / "clean" / name, ("train",))
        ]
        for task in dataset.tasks if parts else ():
            if task != "EEA" and len(tasks.inventory(dataset, task)) >= leak.LABELS:
                whole = pa.concat_tables(parts).combine_chunks()
                own = dictionary_of(near, task)
                lines += filter(
                    None, (_row(whole, dataset, task, own, mode, least) for mode in _MODES)
                )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.leak")
    parser.add_argument("run", type=Path, help="the folder of a finished `iepile run`")
    parser.add_argument("--rows", type=int, default=leak.ROWS, help="leave out tasks with fewer")
    parser.add_argument("--into", type=Path, help="write the table to this Markdown file")
    arguments = parser.parse_args()
    lines = table(arguments.run, arguments.rows)
    print("\n".join(lines))
    if arguments.into:
        about = __doc__.split("\n\n", 2)
        head = "\n\n".join(["# What the labels asked give away", *about[1:]])
        text = "\n".join([head, *lines])
        arguments.into.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
