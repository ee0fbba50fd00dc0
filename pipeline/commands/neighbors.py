"""`iepile neighbors`: the labels near a label, and why they are near."""

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
    cells = []
    for row in rows:
        score = "-" if row["score"] is None else f"{row['score']:.2f}"
        signals = sorted(row["signals"].items(), key=lambda signal: -signal[1])
        why = [f"{name.replace('_', ' ')} {value:.2f}" for name, value in signals]
        cells.append([row["task"], row["label"], score, ", ".join(why)])
    print(table(["task", "label", "score", "why: signals, strongest first"], cells))
    return 0
