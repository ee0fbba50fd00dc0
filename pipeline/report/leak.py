"""Does what is asked give the answer away? A probe that sees the labels of a row, never its text.

A classifier learns from half of the records which of the labels asked are positive, from each label
and from who stands beside it; on the other half it must do no better than the labels' frequencies.
A second one tells rows without a positive from the others. Everything follows from hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from pipeline import hashing, tasks
from pipeline.execution import shards

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

#: Smaller inventories and fewer rows say nothing; of more rows these are taken, by hash.
LABELS, ROWS, MOST_ROWS = 8, 600, 12_000
_RESAMPLES: Final = 200
_HALF, _ROW = (np.uint64(n) for n in (0x4841, 0x524F))


def drawn(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Task -> the train rows to probe (record_id, labels), of the instructions in a folder."""
    found: dict[str, Any] = {}
    for task in dataset.tasks:
        own = tasks.module(task)
        if own.ABSENT is None or len(own.inventory(dataset)) < LABELS:
            continue
        paths = shards.listed(folder / task, "train-*.parquet")
        if not paths:
            continue
        table = pa.concat_tables(shards.read(p, ["id", "record_id", "labels"]) for p in paths)
        if table.num_rows >= ROWS:
            keys = hashing.mix64(hashing.hashes(table["id"].to_pylist()) ^ _ROW)
            found[task] = table.take(np.sort(np.argsort(keys, kind="stable")[:MOST_ROWS]))
    return found


def probed(dataset: Dataset, rows: Mapping[str, Any], tables: Sequence[Any]) -> dict[str, Any]:
    """Task -> what `probe` finds in the rows `drawn`; `tables` hold their records."""
    found: dict[str, Any] = {}
    if not rows:
        return found
    records = pa.concat_tables(tables).combine_chunks()
    for task, table in rows.items():
        inventory = tasks.inventory(dataset, task)
        owner = pc.index_in(table["record_id"], value_set=records["id"]).to_numpy()
        positive = np.zeros((records.num_rows, len(inventory)), bool)
        positive[tasks.held(dataset, task, records)] = True
        lists = table["labels"].combine_chunks()
        sizes = pc.list_value_length(lists).to_numpy()
        labels = np.full((len(lists), sizes.max()), -1, np.int64)
        flat = pc.index_in(pc.list_flatten(lists), value_set=pa.array(inventory, pa.string()))
        labels[np.arange(labels.shape[1]) < sizes[:, None]] = flat.to_numpy()
        own = probe(labels, positive, owner, records["id"].to_pylist())
        found |= {task: own} if own["positive"] else {}
    return found


def probe(labels: Any, positive: Any, owner: Any, record_ids: Sequence[str]) -> dict[str, Any]:
    """What labels alone give away, as average precision.

    `labels` is rows x width, codes padded with -1; `positive` records x labels, bool; `owner` the
    record of each row; `record_ids` the ids of the records.

    `positive` is for finding the positive labels of a row, `pure` for finding rows without any;
    each with the `probe`, the `prior` that knows how often labels are positive and no more, and the
    95 % interval of their difference over records (`low`, `high`); None where there is nothing to
    tell apart. For rows the prior is the share of records that hold none of the labels: that some
    labels occur together is of the data and no leak.
    """
    row, column = np.nonzero(labels >= 0)
    label = labels[row, column]
    here = positive[owner[row], label]
    hashed = hashing.mix64(hashing.hashes(record_ids) ^ _HALF)
    fit = (hashed % np.uint64(2) == 0)[owner]
    size = int(labels.max()) + 1
    asked = np.bincount(label[fit[row]], minlength=size)
    found = np.bincount(label[fit[row]], here[fit[row]], minlength=size)
    frequency = (found + 0.5) / (asked + 1)
    pure = ~np.logical_or.reduceat(here, np.flatnonzero(np.diff(row, prepend=-1)))
    none = _without(labels, positive[hashed % np.uint64(2) == 0])
    return {
        "rows": len(labels),
        "positive": _gain(
            _beside(labels, row, column, size), here, frequency[label], fit[row], owner[row]
        ),
        "pure": _gain(_together(labels, size), pure, none, fit, owner),
    }


def _without(labels: Any, positive: Any) -> Any:
    """For every row, the share of records that hold none of its labels."""
    rows, at = np.unique(np.sort(labels, axis=1), axis=0, return_inverse=True)
    held, times = np.unique(positive, axis=0, return_counts=True)
    there = np.nonzero(rows >= 0)
    size = max(positive.shape[1], 1)
    member = csr_matrix((np.ones(len(there[0])), (there[0], rows[there])), (len(rows), size))
    step = max(1, 10**7 // max(len(held), 1))
    columns = held.T.astype(float)
    starts = range(0, len(rows), step)
    parts = [(member[i : i + step] @ columns == 0) @ times for i in starts]
    return np.concatenate(parts)[at] / max(len(positive), 1)


def _beside(labels: Any, row: Any, column: Any, size: int) -> Any:
    """The features of every label asked: itself, and itself beside each of the others."""
    label = labels[row, column][:, None]
    others = labels[row]
    own = np.arange(labels.shape[1]) == column[:, None]
    return _one_hot(np.where(own, label, size + label * size + others), (others >= 0))


def _together(labels: Any, size: int) -> Any:
    """The features of every row: its labels, and the pairs of them."""
    ordered = np.sort(labels, axis=1)
    first, second = np.triu_indices(labels.shape[1], 1)
    a, b = ordered[:, first], ordered[:, second]
    codes = np.concatenate([ordered, size + a * size + b], axis=1)
    return _one_hot(codes, np.concatenate([ordered >= 0, a >= 0], axis=1))


def _one_hot(codes: Any, there: Any) -> Any:
    _, column = np.unique(codes[there], return_inverse=True)
    row = np.nonzero(there)[0]
    return csr_matrix((np.ones(len(row)), (row, column)))


def _gain(features: Any, truth: Any, prior: Any, fit: Any, owner: Any) -> dict[str, float] | None:
    """Average precision of a classifier and of the prior on the half that is not to fit."""
    fitted = truth[fit]
    if fitted.all() or not fitted.any() or not truth[~fit].any():
        return None
    model = LogisticRegression(solver="liblinear").fit(features[fit], fitted)
    scores = np.round(model.decision_function(features[~fit]), 6)
    _, group = np.unique(owner[~fit], return_inverse=True)
    rng = np.random.default_rng(0)
    picks = rng.integers(group.max() + 1, size=(_RESAMPLES, group.max() + 1))
    weights = [np.ones(picks.shape[1]), *(np.bincount(p, minlength=len(p)) for p in picks)]
    found, base = (
        _precision(s, truth[~fit], group, np.stack(weights, axis=1))
        for s in (scores, np.round(prior[~fit], 6))
    )
    low, high = np.quantile(found[1:] - base[1:], [0.025, 0.975])
    told = {"probe": found[0], "prior": base[0], "low": low, "high": high}
    return {key: round(float(value), 4) for key, value in told.items()}


def _precision(scores: Any, truth: Any, group: Any, weights: Any) -> Any:
    """The average precision of scores, for every column of weights of the records."""
    steps, step = np.unique(-scores, return_inverse=True)
    shape = (len(steps), len(weights))
    every = csr_matrix((np.ones(len(step)), (step, group)), shape)
    hits = csr_matrix((truth.astype(float), (step, group)), shape)
    found = []
    for some in np.array_split(weights, max(1, weights.shape[1] // 20), axis=1):
        new = hits @ some
        hit = np.cumsum(new, axis=0)
        precision = hit / np.maximum(np.cumsum(every @ some, axis=0), 1)
        found.append((new * precision).sum(axis=0) / np.maximum(hit[-1], 1))
    return np.concatenate(found)
