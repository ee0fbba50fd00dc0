"""What is asked of the records of one split for one task; this whole stage builds on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline import tasks
from pipeline.instruct import coverage

if TYPE_CHECKING:
    from pipeline.catalog import Dataset
    from pipeline.config import Instruct
    from pipeline.instruct.confusable import Sets


class Asking(NamedTuple):
    """The labels to ask, and all that decides how."""

    dataset: Dataset
    task: str
    split: str
    #: The keys of the labels, and for each key its near labels, best first.
    labels: Sequence[str]
    near: Mapping[str, Sequence[str]]
    settings: Instruct
    #: The sets that train records are asked, where the grouping has sets.
    sets: Sets | None = None
    #: Whether a label of the task means something else in another dataset, and all are described.
    qualified: bool = False

    @property
    def absent(self) -> str | None:
        """Return the answer to a label that is absent; None where only those present are asked."""
        return tasks.ABSENT[self.task]

    @property
    def way(self) -> coverage.Way:
        """Return how the task is asked, given what its annotation covers."""
        return coverage.way(self.dataset, self.task, self.settings)

    @property
    def k(self) -> int:
        """Return how many labels an instruction asks at most."""
        return self.settings.k(self.task)

    def answer_keys(self) -> list[str]:
        """Return the key of the answer of each label; two labels may share one."""
        keys = tasks.output_keys(self.dataset, self.task)
        return [keys.get(key, key) for key in self.labels]

    def numbers(self) -> Any:
        """Return inventory number -> number among the labels, -1 if not asked; -1 comes last."""
        number = {key: i for i, key in enumerate(self.labels)}
        inventory = tasks.inventory(self.dataset, self.task)
        return np.array([*(number.get(key, -1) for key in inventory), -1], np.int64)

    def near_matrix(self) -> Any:
        """Return the rank of each label among the near ones of another, -1 for none."""
        return near_matrix(self.labels, self.near)


def near_matrix(labels: Sequence[str], near: Mapping[str, Sequence[str]]) -> Any:
    """Return labels x labels: the rank of the second among the near ones of the first, or -1."""
    number = {key: i for i, key in enumerate(labels)}
    matrix = np.full((len(labels), len(labels)), -1, np.int64)
    for key, others in near.items():
        if key in number:
            ranked = [number[o] for o in others if o in number and o != key]
            matrix[number[key], ranked] = np.arange(len(ranked))
    return matrix
