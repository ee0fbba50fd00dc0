"""What the annotation of a dataset covers, and what may therefore be asked of it.

An absent label is an answer only where annotators looked for it. A declaration says of each task
what they looked for (`coverage`), and `instruct.incomplete` says what becomes of the tasks that
are not "complete":

    coverage   annotated is                   "given" asks
    complete   every label, everywhere        the whole text
    pair       a label of a chosen pair       about that pair, which the instruction gives
    event      a chosen event                 no events (EE, EET); their arguments (EEA) are whole
    partial    most of what there is          the whole text

Of "pair" and "partial" tasks no label is asked that a positive one makes doubtful (`implied`).
"positives" asks only the labels that are present, "ask" asks as if all were complete, "skip" leaves
the task out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from pipeline.instruct.batching import Batches
from pipeline.tables import running

if TYPE_CHECKING:
    from pipeline.catalog import Dataset
    from pipeline.config import Instruct

#: How a task is asked: of the whole text, of a given pair, without doubtful labels, of what is
#: present alone, or not at all.
Way = Literal["text", "pair", "sure", "present", "never"]
#: Ways in which a label is not asked where a positive one makes it doubtful.
WITHOUT_DOUBTFUL: Final = ("pair", "sure")


def way(dataset: Dataset, task: str, settings: Instruct) -> Way:
    """Return how a dataset's task is asked under the parameters."""
    coverage = dataset.coverage.get(task, "complete")
    if coverage == "complete" or settings.incomplete == "ask":
        return "text"
    if settings.incomplete == "skip":
        return "never"
    if settings.incomplete == "positives":
        return "present"
    given: dict[str, Way] = {"pair": "pair", "event": "never", "partial": "sure"}
    return given[coverage]


def doubtful(positive: Any, implied: dict[str, list[str]], asked: Sequence[str]) -> Any:
    """Return which labels cannot be called absent with certainty: records x labels, bool.

    `implied` gives the labels that usually hold where a label holds, whether or not the source
    notes them. A positive label is not doubtful.
    """
    number = {label: n for n, label in enumerate(asked)}
    unsure = np.zeros_like(positive)
    for label, others in implied.items():
        for other in others:
            if label in number and other in number:
                unsure[:, number[other]] |= positive[:, number[label]]
    return unsure & ~positive


def without(batches: Batches, unsure: Any, keys: Any) -> Batches:
    """Return the batches with every label that is doubtful for its record replaced by another.

    The other label is the first in the order of `keys` (records x labels) that is neither doubtful
    nor in the batch. If there is none, the batch asks fewer labels; an empty batch is left out.
    """
    labels = batches.labels.copy()
    odd = (labels >= 0) & np.take_along_axis(unsure[batches.row], np.maximum(labels, 0), axis=1)
    for batch in np.flatnonzero(odd.any(axis=1)):
        row, places = batches.row[batch], np.flatnonzero(odd[batch])
        free = ~unsure[row]
        free[labels[batch][labels[batch] >= 0]] = False
        order = np.argsort(keys[row], kind="stable")
        fillers = order[free[order]][: len(places)]
        labels[batch, places] = -1
        labels[batch, places[: len(fillers)]] = fillers
    stay = (labels >= 0).any(axis=1)
    row = batches.row[stay]
    return Batches(row, running(row), labels[stay])


def present(positive: Any, k: int | None = None) -> Batches:
    """Return batches of exactly the labels present: one per record, or of at most `k` labels."""
    row, label = np.nonzero(positive)
    place = running(row)
    size = k or int(positive.sum(axis=1).max(initial=0)) or 1
    first = place % size == 0
    batch = np.cumsum(first) - 1
    labels = np.full((int(first.sum()), size), -1, np.int64)
    labels[batch, place % size] = label
    return Batches(row[first], running(row[first]), labels[:, : int(place.max(initial=0)) + 1])
