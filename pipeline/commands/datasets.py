"""`iepile datasets`: the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, sources, workspace

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(commands, "datasets", "list the datasets of the catalogue")
    sources(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as the table of the README")
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--into", type=Path, metavar="FILE", help="renew the table in this file")


def run(arguments: argparse.Namespace) -> int:
    """Print the catalogue, or put it into a file."""
    from pipeline.terminal import listing

    ws = workspace(arguments)
    if arguments.into:
        listing.renew(arguments.into, listing.catalogue(ws, "markdown"))
        return 0
    form = "markdown" if arguments.markdown else "json" if arguments.json else "table"
    print(listing.catalogue(ws, form))
    return 0
