"""`iepile show`: records in the terminal, those that were dropped and what was rejected too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, positive, workspace

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "show",
        "show records with their annotations marked",
        "Reads what the stages wrote: records with what clean and dedupe say of them.",
    )
    parser.add_argument("id", metavar="ID", help="a dataset, or one record as dataset/split/number")
    parser.add_argument("--split", choices=("train", "dev", "test"), help="only this split")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--dropped",
        metavar="REASON",
        nargs="?",
        const="",
        help="records that were dropped, for any reason or this one, with their partners",
    )
    which.add_argument(
        "--rejects", action="store_true", help="what could not be read, with the reason"
    )
    parser.add_argument("--n", type=positive, default=5, help="how many (default: 5)")
    parser.add_argument("--grep", metavar="TEXT", help="only texts that hold this string")
    common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    from rich.console import Console

    from pipeline.execution import ownership
    from pipeline.terminal import showing

    ws = workspace(arguments)
    name, _, rest = arguments.id.partition("/")
    ws.dataset(name)
    wanted = showing.Wanted(
        record=arguments.id if rest else None,
        split=arguments.split,
        dropped=arguments.dropped,
        grep=arguments.grep,
        most=arguments.n,
    )
    console = Console(highlight=False, markup=False, soft_wrap=True)
    show = showing.rejects if arguments.rejects else showing.records
    with ownership.reading(ws.out):
        for line in show(name, ws.folders, wanted, console.width):
            console.print(line)
    return 0
