"""`iepile run`: run all stages without DVC, on any folder of raw files."""

from __future__ import annotations

from typing import Any

from pipeline.commands import Arguments, command, common, names, say, writing


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "run",
        "run all stages without DVC",
        "All results go under one folder. What is fresh there is kept, and a run that was stopped "
        "resumes. Datasets without raw files are skipped, with a line that says so.",
    )
    common(parser)
    parser.add_argument(
        "--datasets", type=names, metavar="A,B", help="only these (default: the whole catalog)"
    )
    parser.add_argument(
        "--force", action="store_true", help="run all stages again, even those that are fresh"
    )


def run(arguments: Arguments) -> int:
    """Run all stages and print the summary."""
    from pipeline import catalog
    from pipeline.commands import chain
    from pipeline.terminal import listing, progress

    chosen = arguments.datasets or catalog.ids()
    with writing(arguments) as ws:
        counts = chain.everything(chosen, ws, progress.watch, force=arguments.force)
    print(listing.summary(counts))
    say(f"corpus: {ws.folders['publish']}")
    say(f"page:   {ws.folders['report'] / 'index.html'}")
    say(f"next:   datasets.load_dataset({str(ws.folders['publish'])!r})")
    return 0
