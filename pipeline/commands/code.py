"""`iepile code`: write down what each stage follows from, for DVC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, sources

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(commands, "code", "write the code and parameters that each stage follows from")
    parser.add_argument("--out", type=Path, default=Path("output/code"), metavar="DIR")
    sources(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a file per stage."""
    from pipeline import config, stage_code

    stage_code.write(config.load(arguments.params), arguments.out)
    return 0
