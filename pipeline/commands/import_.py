"""`iepile import`: make a dataset of files in a format of the field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, edition_of
from pipeline.records import TASKS

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "import",
        "make datasets of files in IEPile's unified format",
        "Each folder holds train.json, dev.json or test.json, and schema.json, as IEPile's do. It "
        "becomes a declaration in the catalogue and a raw folder with a manifest.",
    )
    add_ = parser.add_argument
    add_("format", metavar="FORMAT", choices=("iepile-jsonl",), help="iepile-jsonl")
    add_("folders", metavar="DIR", type=Path, nargs="+", help="a folder of one dataset")
    add_("--id", metavar="ID", default="", help="its id (default: iepile-<task>-<name>)")
    add_(
        "--source",
        metavar="NAME",
        default="",
        help="its name in the corpus (default: the folder's)",
    )
    add_("--language", metavar="CODE", default="", help="ISO 639 code (default: of the texts)")
    add_("--tasks", metavar="A,B", help="default: the folder above, or what the annotations allow")
    add_("--license", metavar="TEXT", default="unstated")
    add_("--domain", metavar="TEXT", default="unstated")
    add_("--held-out", action="store_true", help="publish it for testing only")
    add_("--raw", type=Path, metavar="DIR", default=Path("raw/full"), help="where files are put")


def run(arguments: argparse.Namespace) -> int:
    """Import every folder and print what was counted."""
    from pipeline.adding import importing
    from pipeline.errors import DeclarationError
    from pipeline.terminal import listing

    if arguments.id and len(arguments.folders) > 1:
        raise DeclarationError(
            "one id for several folders",
            where=f"--id {arguments.id}",
            todo="import them one by one",
        )
    tasks = tuple((arguments.tasks or "").replace(",", " ").split())
    if strange := sorted({*tasks} - {*TASKS}):
        todo = f"use some of {', '.join(TASKS)}"
        raise DeclarationError(f"there is no task {strange[0]!r}", where="--tasks", todo=todo)
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
    print(f"`iepile edition {edition_of(arguments.raw)}` writes what is there into params.yaml")
    return 0
