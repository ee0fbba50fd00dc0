"""`iepile show`: records in the terminal, those that were dropped and what was rejected too."""

from rich.console import Console

from pipeline import catalog
from pipeline.commands import Arguments, reading
from pipeline.terminal import showing


def run(arguments: Arguments) -> int:
    """Print what was asked for."""
    name = arguments.id.partition("/")[0]
    catalog.load(name)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    show = showing.rejects if arguments.rejects else showing.records
    with reading(arguments) as folders:
        for line in show(name, folders, arguments, console.width):
            console.print(line)
    return 0
