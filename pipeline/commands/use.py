"""`iepile use`: choose which raw files params.yaml runs."""

from pathlib import Path

from pipeline import config
from pipeline.catalog import editions
from pipeline.commands import Arguments


def run(arguments: Arguments) -> int:
    """Rewrite the dataset list of params.yaml."""
    editions_by_name = {"sample": Path("raw/sample"), "full": Path("raw/full")}
    raw = editions_by_name.get(arguments.name, Path(arguments.name))
    names = editions.switch(raw, arguments.params)
    params = arguments.params or config.PARAMS
    twins = sorted({*editions.datasets_in(raw)} - {*names})
    print(f"{params}: {len(names)} datasets from {raw}: {', '.join(names)}")
    if twins:
        print(f"left out, as a better dataset has the same texts: {', '.join(twins)}")
    return 0
