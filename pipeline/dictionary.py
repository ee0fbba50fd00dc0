"""The hard-negative dictionary of one dataset, as `negatives` writes it and `instruct` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import shards

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> dict[str, dict[str, list[str]]]:
    """Task -> label -> its near labels, best first."""
    content = shards.read_json(path)
    return {
        task: {label: [n["label"] for n in near] for label, near in labels.items()}
        for task, labels in content["tasks"].items()
    }
