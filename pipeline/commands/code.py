"""`iepile code`: write down what each stage follows from, for DVC."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, sources

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    text = "write into output/code the code and parameters that each stage follows from"
    sources(command(commands, "code", text))


def run(arguments: argparse.Namespace) -> int:
    """Write a file per stage."""
    from pipeline import config, ownership, stage_code

    settings = config.load(arguments.params)
    out = Path("output")
    ownership.claim(out, ownership.RUN)
    stage_code.write(settings, out / "code")
    return 0
