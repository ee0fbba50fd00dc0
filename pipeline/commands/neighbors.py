"""`iepile neighbors`: the labels near a label, and why they are near."""

from __future__ import annotations

from pathlib import Path

from pipeline import catalog
from pipeline.commands import Arguments, reading
from pipeline.negatives.interchange import NAME, neighbors
from pipeline.terminal.listing import table


def run(arguments: Arguments) -> int:
    """Print the near labels, best first, with what each signal says."""
    catalog.load(arguments.dataset)
    with reading(arguments) as folders:
        path = folders["negatives"] / arguments.dataset / NAME
        if not path.is_file():  # nothing has been run yet: try the dictionary that is in git
            path = Path("dictionaries", "hard_negatives", f"{arguments.dataset}.json")
        rows = neighbors(path, arguments.label, arguments.task)
    signals = [*dict.fromkeys(name for row in rows for name in row["signals"])]
    cells = []
    for row in rows:
        scores = [row["score"], *(row["signals"].get(name) for name in signals)]
        numbers = ["-" if score is None else f"{score:.2f}" for score in scores]
        cells.append([row["task"], row["label"], *numbers])
    print(table(["task", "label", "score", *signals], cells))
    return 0
