"""`iepile normalize`, `clean`, ... `report`: run one stage, as `dvc.yaml` does."""

import os
from pathlib import Path
from typing import Any

from pipeline.commands import Arguments, writing
from pipeline.commands.chain import Chain, gate
from pipeline.commands.layout import Workspace
from pipeline.commands.wiring import STAGES, compared
from pipeline.errors import DeclarationError, WorkError
from pipeline.execution import shards


def run(arguments: Arguments) -> int:
    """Run one stage over the datasets named, or over all of params.yaml."""
    return write_gates(arguments) if arguments.command == "gates" else make(arguments)


def make(arguments: Arguments, **more: Any) -> int:
    """Run a stage over what is stale. Raises `StaleError` if an earlier stage is stale."""
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
        raise DeclarationError(
            "the parameters list no dataset",
            where=arguments.params or "params.yaml",
            todo="`iepile use sample|full|DIR` lists those that have raw files there",
        )
    return [*ws.settings.datasets]


def _check_gate(stage: str, chain: Chain, file: Path | None) -> None:
    """Fail if code, parameters or declarations have changed since DVC read the gate.

    DVC would record the result under the old ones. Deleting the gate makes DVC write it again.
    """
    if file and (not file.is_file() or file.read_text("utf-8") != gate(stage, chain)):
        file.unlink(missing_ok=True)
        what = f"code, parameters or declarations changed after DVC read them for {stage}"
        raise WorkError(what, where=file, todo="run `dvc repro` again")
