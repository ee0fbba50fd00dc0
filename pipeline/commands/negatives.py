"""`iepile negatives`: build or import the dictionary of hard negatives, or compare two."""

from typing import Any

from pipeline.commands import Arguments, say, stages, workspace
from pipeline.execution import shards
from pipeline.negatives import interchange
from pipeline.negatives.interchange import compare
from pipeline.terminal.listing import table


def run(arguments: Arguments) -> int:
    """Build the dictionary and say what it lacks, or compare two."""
    if arguments.action == "compare":
        return _compare(arguments)
    stages.make(arguments, imported=arguments.imported)
    ws = workspace(arguments)
    folder = ws.folders["negatives"]
    names = sorted(ws.settings.datasets)
    interchange.gather(names, folder, arguments.dictionaries or ws.out / "dictionaries")
    accounts = {name: shards.read_json(folder / name / "account.json") for name in names}
    for name, account in accounts.items():
        for task, counts in account["tasks"].items():
            if counts["labels"] > 1 and counts["without_neighbors"]:
                say(f"{name} {task}: no neighbor for {', '.join(counts['without_neighbors'])}")
    if arguments.imported:
        by_task = (counts for account in accounts.values() for counts in account["tasks"].values())
        _say_imported([counts["imported"] for counts in by_task])
    return 0


def _say_imported(accounts: list[dict[str, Any]]) -> None:
    """Say what was used of an imported dictionary, and what was not."""
    absent = [entry for account in accounts for entry in account.pop("datasets_without_entry")]
    sums = {what: sum(account[what] for account in accounts) for what in accounts[0]}
    counts = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in sums.items())
    without = ", ".join(absent) or "none"
    say(f"warning: imported: {counts}; datasets without an entry: {without}")


def _compare(arguments: Arguments) -> int:
    rows = compare(arguments.a, arguments.b)
    columns = [*rows[0]] if rows else ["task", "source"]
    print(table(columns, [[*row.values()] for row in rows]))
    return 0
