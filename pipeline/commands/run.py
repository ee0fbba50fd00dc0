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
        "run all stages without DVC, where that is due",
        "Everything is put under one folder. What is fresh there is not made again, and a run that "
        "was stopped goes on. Datasets whose raw files are absent are skipped, with a line that "
        "says so.",
    )
    common(parser)
    parser.add_argument(
        "--datasets", type=names, metavar="A,B", help="only these (default: the whole catalogue)"
    )
    parser.add_argument("--force", action="store_true", help="make all anew, due or not")


def run(arguments: argparse.Namespace) -> int:
    """Run all stages and print the summary."""
    from pipeline import catalog
    from pipeline.commands import chain as stages
    from pipeline.terminal import listing, progress

    chosen = arguments.datasets or catalog.ids()
    with writing(arguments) as ws:
        counts = stages.everything(chosen, ws, progress.watch, force=arguments.force)
    print(listing.summary(counts))
    say(f"corpus: {ws.folders['publish']}")
    say(f"page:   {ws.folders['report'] / 'index.html'}")
    say(f"next:   datasets.load_dataset({str(ws.folders['publish'])!r})")
    return 0
