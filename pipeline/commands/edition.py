"""`iepile edition`: which raw files params.yaml runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "edition",
        "switch params.yaml to the sample edition, the full one, or a folder of raw files",
        "Writes the datasets that have raw files in the folder into params.yaml: `sample` is "
        "raw/sample, `full` is raw/full. `dvc repro` then makes the corpus from them.",
    )
    parser.add_argument("name", metavar="sample|full|DIR")
    parser.add_argument("--params", type=Path, metavar="FILE", help="default: params.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Rewrite the dataset list of params.yaml."""
    from pipeline import config
    from pipeline.catalog import editions

    known = {"sample": Path("raw/sample"), "full": Path("raw/full")}
    raw = known.get(arguments.name, Path(arguments.name))
    names = editions.switch(raw, arguments.params)
    print(
        f"{arguments.params or config.PARAMS}: {len(names)} datasets from {raw}: {', '.join(names)}"
    )
    return 0
