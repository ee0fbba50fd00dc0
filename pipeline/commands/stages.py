"""`iepile normalize`, `clean`, ... `report`: one stage each, as `dvc.yaml` calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, workspace

if TYPE_CHECKING:
    import argparse

_EACH = {
    "normalize": "read the raw files of datasets into checked records",
    "clean": "tag the records that a cleaning rule drops",
    "instruct": "turn the records of datasets into instructions",
}
_ALL = {
    "dedupe": "find duplicates, and train texts that occur in a test split",
    "negatives": "build the hard-negative dictionary",
    "publish": "gather the instructions into the corpus",
    "report": "count what became of every record",
}


def add(commands: Any) -> None:
    """Declare a subcommand per stage."""
    for name, text in {**_EACH, **_ALL}.items():
        parser = command(commands, name, text)
        if name in _EACH:
            parser.add_argument(
                "ids", nargs="*", metavar="ID", help="datasets (default: all of params.yaml)"
            )
        common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run one stage, for the datasets named or all of params.yaml."""
    from pipeline import run as stages

    ws = workspace(arguments)
    name = arguments.command
    names = getattr(arguments, "ids", None) or [*ws.settings.datasets]
    getattr(stages, name)(names, ws)
    return 0
