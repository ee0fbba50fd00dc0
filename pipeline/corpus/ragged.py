"""Ragged rows as flat arrays: which row an element is of, and its place there."""

from __future__ import annotations

from typing import Any

import numpy as np


def elements(sizes: Any) -> tuple[Any, Any]:
    """(row, place) of every element of ragged rows of these sizes."""
    row = np.repeat(np.arange(len(sizes)), sizes)
    start = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    return row, np.arange(len(row)) - start[row]


def shuffled(row: Any, key: Any) -> Any:
    """The place of each element in its row when the row is ordered by key."""
    order = np.lexsort((key, row))
    place = np.empty(len(row), np.int64)
    place[order] = running(row[order])
    return place


def running(groups: Any) -> Any:
    """0, 1, 2, ... within each run of equal values."""
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(groups)]]))
    return np.arange(len(groups)) - np.repeat(starts, lengths)
