"""`iepile negatives` builds, imports or compares dictionaries; `iepile neighbors` looks up."""

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
        "`iepile negatives compare A B` prints instead how far two dictionaries agree; each is a "
        "file in the form task -> dataset -> label -> [labels], one of ours, or a folder of ours.",
    )
    build.add_argument("action", nargs="*", metavar="compare A B", help="compare two dictionaries")
    build.add_argument(
        "--import",
        dest="imported",
        type=Path,
        metavar="FILE",
        help="use another project's dictionary in place of ours",
    )
    build.add_argument("--dictionaries", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    stages.options(build)
    look = command(commands, "neighbors", "show the near labels of a label, and why they are near")
    look.add_argument("dataset", metavar="DATASET")
    look.add_argument("label", metavar="LABEL")
    look.add_argument("--task", metavar="TASK", help="only this task (default: all)")
    common(look)


def run(arguments: argparse.Namespace) -> int:
    """Do what the subcommand says."""
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
    told = {name: shards.read_json(folder / name / "account.json") for name in names}
    for name, own in told.items():
        for task, found in own["tasks"].items():
            if found["labels"] > 1 and found["without_neighbours"]:
                say(f"{name} {task}: no neighbour for {', '.join(found['without_neighbours'])}")
    if arguments.imported:
        _tell_imported([own["imported"] for own in told.values()])
    return 0


def _tell_imported(accounts: list[dict[str, Any]]) -> None:
    """Say what was used of an imported dictionary, and what was not."""
    absent = [entry for own in accounts for entry in own.pop("datasets_without_entry")]
    sums = {what: sum(own[what] for own in accounts) for what in accounts[0]}
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
            todo="say `iepile negatives compare A B`, A and B being dictionaries; or nothing more",
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
        if not path.is_file():  # nothing has been run; the dictionary under git may know
            path = Path("dictionaries", "hard_negatives", f"{arguments.dataset}.json")
        rows = neighbors(path, arguments.label, arguments.task)
    signals = [*dict.fromkeys(name for row in rows for name in row["signals"])]
    cells = [
        [row["task"], row["label"], _figure(row["score"])]
        + [_figure(row["signals"].get(name)) for name in signals]
        for row in rows
    ]
    print(table(["task", "label", "score", *signals], cells))
    return 0


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
