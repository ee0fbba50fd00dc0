"""What `load_dataset` will find in a corpus, looked up before the corpus gets its name."""

import glob
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from pipeline.errors import CountError
from pipeline.execution import shards
from pipeline.tables import INSTRUCTIONS
from pipeline.text import without

_REPORT: Final = "report this with the versions of `datasets` and `pyarrow`"


def check(folder: Path, rows: Mapping[str, int]) -> None:
    """Raise CountError where `datasets` finds other splits, rows or columns than were written.

    `rows` maps each "config/split" to its rows. Only the card and the footers of the shards are
    read, and no network is used. A corpus at a URL, or in a folder whose name looks like a pattern,
    is not checked, because `datasets` cannot open it there.
    """
    if not rows or not isinstance(folder, Path) or glob.has_magic(str(folder.absolute())):
        return
    expected = Counter(rows)
    for key, count in rows.items():
        config, _, split = key.partition("/")
        if not config.startswith("heldout-"):
            expected[f"default/{split}"] += count
    found = _found(folder)
    for key in sorted({*expected, *found}):
        if expected[key] != found[key]:
            written = f"{expected[key]:,} rows were written to {key}"
            what = f"{written}, `datasets` finds {found[key]:,}"
            raise CountError(what, where=folder, todo=_REPORT)


def _found(folder: Path) -> Counter[str]:
    """Count the rows that `datasets` finds for every "config/split", and check their columns."""
    with without("trio"):  # only a server needs it, and it takes 0.1 seconds to import
        from datasets import Features
        from datasets.load import dataset_module_factory
        from yaml import YAMLError

    columns = Features.from_arrow_schema(INSTRUCTIONS)
    try:
        module: Any = dataset_module_factory(str(folder.absolute()))
        paths = {
            f"{config.name}/{split}": [*map(Path, files)]
            for config in module.builder_configs_parameters.builder_configs
            for split, files in config.data_files.resolve(str(folder.absolute())).items()
        }
    except (OSError, ValueError, YAMLError) as problem:
        what = f"`datasets` cannot open the corpus: {problem}"
        raise CountError(what, where=folder, todo=_REPORT) from None
    rows = {path: _rows(path, columns) for path in {*chain.from_iterable(paths.values())}}
    return Counter({key: sum(rows[path] for path in some) for key, some in paths.items()})


def _rows(path: Path, columns: Any) -> int:
    """The rows of a shard, which must have these columns."""
    with shards.opened(path) as file:
        if type(columns).from_arrow_schema(file.schema_arrow) != columns:
            what = f"`datasets` finds other columns than {', '.join(columns)}"
            raise CountError(what, where=path, todo=_REPORT)
        return int(file.metadata.num_rows)
