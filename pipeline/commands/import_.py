"""`iepile import`: make a dataset of files in a format of the field."""

import msgspec

from pipeline import config
from pipeline.adding import importing
from pipeline.adding.survey import UNKNOWN
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
    config.check_known(arguments.tasks, TASKS, "task", "--tasks")
    fields = ("id", "source", "language", "tasks", "license", "domain")
    said = msgspec.structs.replace(
        UNKNOWN,
        **{field: getattr(arguments, field) for field in fields},
        use="held-out" if arguments.held_out else "train",
    )
    rows: list[list[object]] = []
    for folder in arguments.folders:
        counts = importing.run(folder, said, arguments.raw)
        rows += [[str(folder), key, number] for key, number in counts.items()]
    print(listing.table(("folder", "counted", "number"), rows))
    print(f"`iepile use {edition_of(arguments.raw)}` writes what is there into params.yaml")
    return 0
