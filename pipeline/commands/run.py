"""`iepile run`: run all stages without DVC, on any folder of raw files."""

from pipeline import catalog
from pipeline.commands import Arguments, chain, writing
from pipeline.terminal import listing


def run(arguments: Arguments) -> int:
    """Run all stages and print the summary."""
    chosen = arguments.ids or catalog.ids()
    with writing(arguments) as ws:
        counts = chain.everything(chosen, ws, force=arguments.force)
    print(listing.summary(counts, ws.out))
    return 0
