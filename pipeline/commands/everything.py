"""`iepile run`: all stages without DVC, over any folder of raw files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, names, say, writing

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "run",
        "run all stages without DVC",
        "Everything is put under one folder. Datasets whose raw files are absent are skipped, with "
        "a line that says so.",
    )
    common(parser)
    parser.add_argument(
        "--datasets", type=names, metavar="A,B", help="only these (default: the whole catalogue)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run all stages and print the summary."""
    from pipeline import catalog
    from pipeline import run as stages
    from pipeline.terminal import listing

    with writing(arguments) as ws:
        counts = stages.everything(arguments.datasets or catalog.ids(), ws, say)
    print(listing.summary(counts))
    return 0
