"""Do the labels asked give the answer away? A probe sees the labels of a row, never its text.

From half of the records a classifier learns which of the labels asked are positive, from each label
and from the others in its row. On the other half it must do no better than the frequencies of the
labels. A second classifier separates rows without a positive from the others. Hashes decide which
rows and records are used.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing, tasks
from pipeline.catalog import Dataset
from pipeline.execution import shards
from pipeline.report import asked

#: The least labels and rows to probe. Of more than MOST_ROWS rows, about MOST_ROWS are drawn.
LABELS, ROWS, MOST_ROWS = 8, 600, 12_000
_RESAMPLES: Final = 200
_HALF, _ROW = (np.uint64(n) for n in (0x4841, 0x524F))


def probed(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Task -> the result of `probe` on the train rows of a dataset's instructions in `folder`.

    Tasks with too few labels or rows, or without a positive in the probed rows, are left out.
    """
    results: dict[str, Any] = {}
    for task in dataset.tasks:
        if tasks.ABSENT[task] is None or len(tasks.inventory(dataset, task)) < LABELS:
            continue
        paths = shards.listed(folder / task, "train-*.parquet")
        if sum(map(shards.rows, paths)) >= ROWS:
            result = probe(*_drawn(dataset, task, paths))
            if result["positive"]:
                results[task] = result
    return results


def _drawn(dataset: Dataset, task: str, paths: Sequence[Path]) -> tuple[Any, Any, Any, list[str]]:
    """The arguments of `probe`: all rows of as many records, or pairs, as fit in MOST_ROWS."""
    lowest, most = np.empty(0, np.uint64), np.uint64(2**64 - 1)
    candidates = []  # of each shard: few, however many rows there are
    for path in paths:
        keys = _keys(asked.units(shards.read(path, ["id"])["id"]))
        lowest = np.sort(np.concatenate([lowest, keys]))[: MOST_ROWS + 1]
        most = lowest[MOST_ROWS] if len(lowest) > MOST_ROWS else most
        rows = np.flatnonzero(keys < most)
        candidates.append((rows, keys[rows]))
    columns = ["id", "labels", "output"]
    tables = [
        shards.read(path, columns).take(pa.array(rows[keys < most]))
        for path, (rows, keys) in zip(paths, candidates, strict=True)
    ]
    table = pa.concat_tables(tables).combine_chunks()
    units = asked.units(table["id"]).combine_chunks().dictionary_encode()
    owner = units.indices.to_numpy()
    inventory = pa.array(tasks.inventory(dataset, task), pa.string())
    lists = table["labels"].combine_chunks()
    sizes = pc.list_value_length(lists).to_numpy()
    labels = np.full((len(lists), sizes.max()), -1, np.int64)
    asked_at = np.arange(labels.shape[1]) < sizes[:, None]
    labels[asked_at] = pc.index_in(pc.list_flatten(lists), value_set=inventory).to_numpy()
    keys_of = tasks.output_keys(dataset, task)
    answers = (
        asked.answers(names, output, keys_of)
        for names, output in zip(lists.to_pylist(), table["output"].to_pylist(), strict=True)
    )
    there = np.array([bool(answer) for row in answers for answer in row])
    positive = np.zeros((len(units.dictionary), len(inventory)), bool)
    positive[np.repeat(owner, sizes)[there], labels[asked_at][there]] = True
    return labels, positive, owner, units.dictionary.to_pylist()


def _keys(units: Any) -> Any:
    """A hash for every record or pair, so that either all of its rows are drawn or none."""
    return hashing.mix64(hashing.hashes(units.to_pylist()) ^ _ROW)


def probe(labels: Any, positive: Any, owner: Any, record_ids: Sequence[str]) -> dict[str, Any]:
    """How far the labels alone give the answers away, as average precision.

    `labels` is rows x width, codes padded with -1; `positive` records x labels, bool; `owner` the
    record of each row; `record_ids` the ids of the records. Where instructions ask about a pair,
    the pair stands for the record.

    `positive` is for finding the positive labels of a row, `pure` for finding rows without any.
    Each has the average precision of the classifier (`probe`) and of the frequencies alone
    (`prior`), and the 95 % interval of their difference over records (`low`, `high`); it is None
    where all examples are alike. For rows the prior is the share of records that hold none of the
    labels: that some labels occur together is a property of the data, not a leak.
    """
    row, column = np.nonzero(labels >= 0)
    label = labels[row, column]
    is_positive = positive[owner[row], label]
    to_fit = hashing.mix64(hashing.hashes(record_ids) ^ _HALF) % np.uint64(2) == 0
    fit = to_fit[owner]
    size = int(labels.max()) + 1
    times_asked = np.bincount(label[fit[row]], minlength=size)
    positives = np.bincount(label[fit[row]], is_positive[fit[row]], minlength=size)
    frequency = (positives + 0.5) / (times_asked + 1)
    is_pure = ~np.logical_or.reduceat(is_positive, np.flatnonzero(np.diff(row, prepend=-1)))
    return {
        "rows": len(labels),
        "positive": _gain(
            _beside(labels, row, column, size), is_positive, frequency[label], fit[row], owner[row]
        ),
        "pure": _gain(
            _together(labels, size), is_pure, _share_without(labels, positive[to_fit]), fit, owner
        ),
    }


def _share_without(labels: Any, positive: Any) -> Any:
    """For every row, the share of records that hold none of its labels."""
    sets, set_of_row = np.unique(np.sort(labels, axis=1), axis=0, return_inverse=True)
    held, times = np.unique(positive, axis=0, return_counts=True)
    holders = np.pad(held.T, ((0, 1), (0, 0))).copy()  # row -1, for padding: no record holds it
    shares = [times @ ~holders[labels_of_set].any(axis=0) for labels_of_set in sets]
    return np.array(shares)[set_of_row] / max(len(positive), 1)


def _beside(labels: Any, row: Any, column: Any, size: int) -> Any:
    """The features of every label asked: the label, and its pairs with the others of the row."""
    label = labels[row, column][:, None]
    others = labels[row]
    itself = np.arange(labels.shape[1]) == column[:, None]
    return _one_hot(np.where(itself, label, size + label * size + others), others >= 0)


def _together(labels: Any, size: int) -> Any:
    """The features of every row: its labels, and the pairs of them."""
    ordered = np.sort(labels, axis=1)
    first, second = np.triu_indices(labels.shape[1], 1)
    a, b = ordered[:, first], ordered[:, second]
    codes = np.concatenate([ordered, size + a * size + b], axis=1)
    return _one_hot(codes, np.concatenate([ordered >= 0, a >= 0], axis=1))


def _one_hot(codes: Any, present: Any) -> Any:
    """A sparse matrix of rows x features, from the codes of the features that each row has."""
    from scipy.sparse import csr_matrix

    _, column = np.unique(codes[present], return_inverse=True)
    row = np.nonzero(present)[0]
    return csr_matrix((np.ones(len(row)), (row, column)))


def _gain(features: Any, truth: Any, prior: Any, fit: Any, owner: Any) -> dict[str, float] | None:
    """Average precision of a classifier and of the prior, on the rows where `fit` is false."""
    from sklearn.linear_model import LogisticRegression

    to_fit, truth_to_find = truth[fit], truth[~fit]
    if to_fit.all() or not to_fit.any() or not truth_to_find.any():
        return None
    model = LogisticRegression(solver="liblinear").fit(features[fit], to_fit)
    # Rounded, so that the last bits of a sum do not decide ties.
    scores = np.round(model.decision_function(features[~fit]), 6)
    _, record = np.unique(owner[~fit], return_inverse=True)
    records = record.max() + 1
    picks = np.random.default_rng(0).integers(records, size=(_RESAMPLES, records))
    times = [np.ones(records), *(np.bincount(pick, minlength=records) for pick in picks)]
    probe, base = (
        _precision(ranking, truth_to_find, record, np.stack(times, axis=1))
        for ranking in (scores, np.round(prior[~fit], 6))
    )
    low, high = np.quantile(probe[1:] - base[1:], [0.025, 0.975])
    figures = {"probe": probe[0], "prior": base[0], "low": low, "high": high}
    return {key: round(float(value), 4) for key, value in figures.items()}


def _precision(scores: Any, truth: Any, record: Any, times: Any) -> Any:
    """The average precision of scores, for each column of `times`: how often a record counts."""
    from scipy.sparse import csr_matrix

    ranks, rank = np.unique(-scores, return_inverse=True)
    shape = (len(ranks), len(times))
    every = csr_matrix((np.ones(len(rank)), (rank, record)), shape)
    positive = csr_matrix((truth.astype(float), (rank, record)), shape)
    precisions = []
    for some in np.array_split(times, max(1, times.shape[1] // 20), axis=1):  # bounds the memory
        hits = positive @ some
        hits_so_far = np.cumsum(hits, axis=0)
        precision = hits_so_far / np.maximum(np.cumsum(every @ some, axis=0), 1)
        precisions.append((hits * precision).sum(axis=0) / np.maximum(hits_so_far[-1], 1))
    return np.concatenate(precisions)
