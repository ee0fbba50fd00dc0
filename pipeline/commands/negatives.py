"""`iepile negatives`: build, import or compare dictionaries; `iepile neighbors`: look labels up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands import command, common, say, stages, workspace


def add(commands: Any) -> None:
    """Declare both subcommands."""
    build = command(
        commands,
        "negatives",
        "build the hard-negative dictionary",
        "`iepile negatives compare A B` instead prints how far two dictionaries agree. Each is a "
        "file of the form task -> dataset -> label -> [labels], or a file or folder that this "
        "command wrote.",
    )
    build.add_argument("action", nargs="*", metavar="compare A B", help="compare two dictionaries")
    text = "use this dictionary of another project instead"
    build.add_argument("--import", dest="imported", type=Path, metavar="FILE", help=text)
    build.add_argument("--dictionaries", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    stages.options(build)
    look = command(commands, "neighbors", "show the labels near a label, and why they are near")
    look.add_argument("dataset", metavar="DATASET")
    look.add_argument("label", metavar="LABEL")
    look.add_argument("--task", metavar="TASK", help="only this task (default: all)")
    common(look)


def run(arguments: argparse.Namespace) -> int:
    """Build, import, compare or look up."""
    if arguments.command == "neighbors":
        return _neighbors(arguments)
    if arguments.action:
        return _compare(arguments.action)
    from pipeline.execution import shards
    from pipeline.negatives import interchange

    stages.make(arguments, imported=arguments.imported)
    ws = workspace(arguments)
    folder = ws.folders["negatives"]
    names = sorted(ws.settings.datasets)
    interchange.gather(names, folder, arguments.dictionaries or ws.out / "dictionaries")
    accounts = {name: shards.read_json(folder / name / "account.json") for name in names}
    for name, account in accounts.items():
        for task, counts in account["tasks"].items():
            if counts["labels"] > 1 and counts["without_neighbours"]:
                say(f"{name} {task}: no neighbor for {', '.join(counts['without_neighbours'])}")
    if arguments.imported:
        _say_imported([account["imported"] for account in accounts.values()])
    return 0


def _say_imported(accounts: list[dict[str, Any]]) -> None:
    """Say what was used of an imported dictionary, and what was not."""
    absent = [entry for account in accounts for entry in account.pop("datasets_without_entry")]
    sums = {what: sum(account[what] for account in accounts) for what in accounts[0]}
    counts = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in sums.items())
    without = ", ".join(absent) or "none"
    say(f"warning: imported: {counts}; datasets without an entry: {without}")


def _compare(action: list[str]) -> int:
    from pipeline.errors import DeclarationError
    from pipeline.negatives.interchange import compare
    from pipeline.terminal.listing import table

    if len(action) != 3 or action[0] != "compare":
        raise DeclarationError(
            f"cannot do {' '.join(action)!r}",
            where="iepile negatives",
            todo="use `iepile negatives compare A B` with two dictionaries, or no words at all",
        )
    rows = compare(Path(action[1]), Path(action[2]))
    columns = [*rows[0]] if rows else ["task", "source"]
    print(table(columns, [[*row.values()] for row in rows]))
    return 0


def _neighbors(arguments: argparse.Namespace) -> int:
    from pipeline.execution import ownership
    from pipeline.negatives.interchange import NAME, neighbors
    from pipeline.terminal.listing import table

    ws = workspace(arguments)
    ws.dataset(arguments.dataset)
    with ownership.reading(ws.out):
        path = ws.folders["negatives"] / arguments.dataset / NAME
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
