"""`iepile edition`: choose which raw files params.yaml runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.commands import Arguments, command


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "edition",
        "switch params.yaml to the sample edition, the full one, or a folder of raw files",
        "Lists in params.yaml the datasets that have raw files in the folder: `sample` is "
        "raw/sample, `full` is raw/full. `dvc repro` then makes the corpus from them.",
    )
    parser.add_argument("name", metavar="sample|full|DIR")
    parser.add_argument("--params", type=Path, metavar="FILE", help="default: params.yaml")


def run(arguments: Arguments) -> int:
    """Rewrite the dataset list of params.yaml."""
    from pipeline import config
    from pipeline.catalog import editions

    editions_by_name = {"sample": Path("raw/sample"), "full": Path("raw/full")}
    raw = editions_by_name.get(arguments.name, Path(arguments.name))
    names = editions.switch(raw, arguments.params)
    params = arguments.params or config.PARAMS
    print(f"{params}: {len(names)} datasets from {raw}: {', '.join(names)}")
    return 0
