"""`iepile run`: run all stages without DVC, on any folder of raw files."""

from __future__ import annotations

from pipeline.commands import Arguments, writing


def run(arguments: Arguments) -> int:
    """Run all stages and print the summary."""
    from pipeline import catalog
    from pipeline.commands import chain
    from pipeline.terminal import listing

    chosen = arguments.ids or catalog.ids()
    with writing(arguments) as ws:
        counts = chain.everything(chosen, ws, force=arguments.force)
    print(listing.summary(counts, ws.out))
    return 0
