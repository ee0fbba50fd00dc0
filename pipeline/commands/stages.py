"""`iepile normalize`, `clean`, ... `report`: one stage each, as `dvc.yaml` calls them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, writing

if TYPE_CHECKING:
    from pipeline.commands.chain import Chain

_STAGES = {
    "normalize": "read the raw files of datasets into checked records",
    "clean": "tag the records that a cleaning rule drops",
    "dedupe": "find duplicates, and train texts that occur in a test split",
    "instruct": "turn the records of datasets into instructions",
    "publish": "gather the instructions into the corpus",
    "report": "tell what became of every record: the audit page, metrics, plots and counts",
}


def add(commands: Any) -> None:
    """Declare a subcommand per stage."""
    for name, text in _STAGES.items():
        parser = command(commands, name, f"{text}, where that is due")
        if name in ("normalize", "clean", "instruct"):
            parser.add_argument(
                "ids", nargs="*", metavar="ID", help="datasets (default: all of params.yaml)"
            )
        options(parser)
    gates = commands.add_parser(
        "gates", description="Write what every stage follows from, for DVC."
    )
    common(gates)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a stage."""
    parser.add_argument("--force", action="store_true", help="make all anew, due or not")
    # What `dvc.yaml` names: the file that `iepile gates` wrote, by which DVC knows what is due.
    parser.add_argument("--gate", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run one stage, over the datasets named or all of params.yaml."""
    return write_gates(arguments) if arguments.command == "gates" else make(arguments)


def make(arguments: argparse.Namespace, **more: Any) -> int:
    """Run what is due of a stage; what it reads must be fresh."""
    from pipeline.commands.chain import Chain
    from pipeline.commands.wiring import STAGES
    from pipeline.terminal import progress

    stage = arguments.command
    only = getattr(arguments, "ids", [])
    with writing(arguments, only) as ws:
        chain = Chain(_listed(arguments, ws), ws, only)
        _at_gate(stage, chain, arguments.gate)
        chain.require(*STAGES[stage].reads)
        with progress.watch(stage) as (tell, end):
            chain.ws = ws._replace(workers=ws.workers._replace(tell=tell))
            force = arguments.force or "IEPILE_FORCE" in os.environ
            end(chain.make(stage, force=force, **more))
        _at_gate(stage, Chain(chain.datasets, ws.reread()), arguments.gate)
        if not only:
            chain.sweep([stage])
    return 0


def write_gates(arguments: argparse.Namespace) -> int:
    """Write a file per stage: its code, parameters and declarations, as digests."""
    from pipeline.commands.chain import Chain, gate
    from pipeline.commands.wiring import STAGES
    from pipeline.execution import shards

    with writing(arguments) as ws:
        chain = Chain(_listed(arguments, ws), ws)
        for stage in STAGES:
            shards.write_text(gate(stage, chain), ws.out / "gates" / f"{stage}.json")
    return 0


def _listed(arguments: argparse.Namespace, ws: Any) -> list[str]:
    """The datasets of params.yaml; where some are named, those of the run that they belong to."""
    from pipeline.commands.chain import compared
    from pipeline.errors import DeclarationError

    if getattr(arguments, "ids", []):
        return compared(ws)
    if not ws.settings.datasets:
        raise DeclarationError(
            "the parameters list no dataset",
            where=arguments.params or "params.yaml",
            todo="`iepile edition sample|full|DIR` writes those with raw files there",
        )
    return [*ws.settings.datasets]


def _at_gate(stage: str, chain: Chain, gate: Path | None) -> None:
    """Fail where code, parameters or declarations are not those that DVC saw at the start.

    DVC would record the result under what it saw. Without its gate it starts from there again.
    """
    from pipeline.commands import chain as chains
    from pipeline.errors import WorkError

    if gate is None:
        return
    if not gate.is_file() or gate.read_text(encoding="utf-8") != chains.gate(stage, chain):
        gate.unlink(missing_ok=True)
        raise WorkError(
            f"code, parameters or declarations have changed since DVC looked at them for {stage}",
            where=gate,
            todo="run `dvc repro` again",
        )
