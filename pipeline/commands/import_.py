"""`iepile import`: make a dataset of files in a format of the field."""

from __future__ import annotations

from pipeline import config
from pipeline.adding import importing
from pipeline.commands import Arguments, edition_of
from pipeline.errors import DeclarationError
from pipeline.records import TASKS
from pipeline.terminal import listing


def run(arguments: Arguments) -> int:
    """Import every folder and print what was counted."""
    if arguments.id and len(arguments.folders) > 1:
        raise DeclarationError(
            "one id for several folders",
            where=f"--id {arguments.id}",
            todo="import them one by one",
        )
    tasks = tuple(arguments.tasks)
    config.check_known(tasks, TASKS, "task", "--tasks")
    rows: list[list[object]] = []
    for folder in arguments.folders:
        wanted = importing.Wanted(
            arguments.id,
            arguments.source,
            arguments.language,
            tasks,
            arguments.license,
            arguments.domain,
            arguments.held_out,
        )
        counts = importing.run(folder, wanted, arguments.raw)
        rows += [[str(folder), key, number] for key, number in counts.items()]
    print(listing.table(("folder", "counted", "number"), rows))
    print(f"`iepile use {edition_of(arguments.raw)}` writes what is there into params.yaml")
    return 0
