"""Choose raw files and parameters, and run the stages: all, or one as `dvc.yaml` does."""

import os
from pathlib import Path
from typing import Any

import msgspec

from pipeline import catalog, config
from pipeline.catalog import editions
from pipeline.commands import Arguments, say
from pipeline.commands.chain import Chain, everything, gate
from pipeline.commands.layout import Workspace, workspace, writing
from pipeline.commands.wiring import STAGES, compared
from pipeline.errors import DeclarationError, WorkError, counted
from pipeline.execution import shards
from pipeline.negatives import interchange
from pipeline.terminal import listing


def use(arguments: Arguments) -> int:
    """Rewrite the dataset list of params.yaml."""
    raw = Path("raw" if arguments.name in ("sample", "full") else "", arguments.name)
    names = editions.switch(raw, arguments.params)
    params = arguments.params or config.PARAMS
    twins = sorted({*editions.datasets_in(raw)} - {*names})
    print(f"{params}: {counted(len(names), 'datasets')} from {raw}: {', '.join(names)}")
    if twins:
        print(f"left out, as a better dataset has the same texts: {', '.join(twins)}")
    return 0


def settings(arguments: Arguments) -> int:
    """Print all parameters as YAML, defaults included."""
    content = msgspec.to_builtins(config.load(arguments.params))
    config.check_known(arguments.sections, content, "section", arguments.params or config.PARAMS)
    sections = {name: content[name] for name in arguments.sections or content}
    print(msgspec.yaml.encode(sections).decode(), end="")
    return 0


def run(arguments: Arguments) -> int:
    """Run all stages and print the summary."""
    chosen = arguments.ids or catalog.ids()
    with writing(arguments) as ws:
        counts = everything(chosen, ws, force=arguments.force)
    print(listing.summary(counts, ws.out))
    return 0


def make(arguments: Arguments, **more: Any) -> int:
    """Run a stage over what is stale of the datasets named, or of all of params.yaml.

    Raises `StaleError` if an earlier stage is stale.
    """
    stage = arguments.command
    only = getattr(arguments, "ids", [])
    with writing(arguments, only) as ws:
        chain = Chain(_datasets(arguments, ws), ws, only)
        _check_gate(stage, chain, arguments.gate)
        chain.require(*STAGES[stage].reads)
        chain.make(stage, force=arguments.force or "IEPILE_FORCE" in os.environ, **more)
        _check_gate(stage, Chain(chain.datasets, ws.reread()), arguments.gate)
        if not only:
            chain.sweep([stage])
    return 0


def write_gates(arguments: Arguments) -> int:
    """Write a file per stage that names its code, parameters and declarations."""
    with writing(arguments) as ws:
        chain = Chain(_datasets(arguments, ws), ws)
        for stage in STAGES:
            shards.write_text(gate(stage, chain), ws.out / "gates" / f"{stage}.json")
    return 0


def _datasets(arguments: Arguments, ws: Workspace) -> list[str]:
    """Return the datasets of params.yaml; if the user named some, those already in the run."""
    if getattr(arguments, "ids", []):
        return compared(ws)
    if not ws.settings.datasets:
        what, where = "the parameters list no dataset", arguments.params or "params.yaml"
        todo = "`iepile use sample|full|DIR` lists those that have raw files there"
        raise DeclarationError(what, where=where, todo=todo)
    return [*ws.settings.datasets]


def _check_gate(stage: str, chain: Chain, file: Path | None) -> None:
    """Fail if code, parameters or declarations have changed since DVC read the gate.

    DVC would record the result under the old ones. Deleting the gate makes DVC write it again.
    """
    if file and (not file.is_file() or file.read_text("utf-8") != gate(stage, chain)):
        file.unlink(missing_ok=True)
        what = f"code, parameters or declarations changed after DVC read them for {stage}"
        raise WorkError(what, where=file, todo="run `dvc repro` again")


def negatives(arguments: Arguments) -> int:
    """Build the dictionary and say what it lacks, or compare two."""
    if arguments.action == "compare":
        rows = interchange.compare(arguments.a, arguments.b)
        columns = [*rows[0]] if rows else ["task", "source"]
        print(listing.table(columns, [[*row.values()] for row in rows]))
        return 0
    make(arguments, imported=arguments.imported)
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
