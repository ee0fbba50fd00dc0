"""`iepile normalize`, `clean`, ... `report`: one stage each, as `dvc.yaml` calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, writing

if TYPE_CHECKING:
    import argparse

_EACH = {
    "normalize": "read the raw files of datasets into checked records",
    "clean": "tag the records that a cleaning rule drops",
    "instruct": "turn the records of datasets into instructions",
}
_ALL = {
    "dedupe": "find duplicates, and train texts that occur in a test split",
    "publish": "gather the instructions into the corpus",
    "report": "tell what became of every record: the audit page, metrics, plots and counts",
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
    from pipeline import light

    light.arrow()
    from pipeline import run as stages
    from pipeline.errors import DeclarationError

    named = getattr(arguments, "ids", None) or []
    # Datasets that are named can be worked on side by side.
    with writing(arguments, named) as ws:
        names = named or [*ws.settings.datasets]
        if not names:
            raise DeclarationError(
                "the parameters list no dataset",
                where=arguments.params or "params.yaml",
                todo="`iepile edition sample|full|DIR` writes those with raw files there",
            )
        getattr(stages, arguments.command)(names, ws)
    return 0
