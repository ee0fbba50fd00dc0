"""Switch params.yaml between editions: which raw folders there are decides which datasets run."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from pipeline import catalog, config, shards
from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from pathlib import Path


def datasets_in(raw: Path, manifests: Path | None = None) -> dict[str, str]:
    """Dataset -> the name of its reader, for every declared dataset with raw files in `raw`."""
    found = {}
    for name in catalog.ids():
        dataset = catalog.load(name)
        if catalog.present(*catalog.edition(dataset, raw, manifests)):
            found[name] = dataset.reader["name"]
    return found


def switch(raw: Path, params: Path, manifests: Path | None = None) -> list[str]:
    """Make params.yaml run every dataset that has raw files in `raw`; return their names.

    The rest of the file stays as it is, comments included.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    found = datasets_in(raw, manifests)
    if not found:
        raise RawFileError(
            "no dataset has raw files here",
            where=raw,
            todo="`iepile fetch --all-open` brings what is free to raw/full; "
            "files of yours belong in <id>/ as the catalogue names them",
        )
    config.load(params)  # what is broken is told, and not written again
    yaml = YAML()
    yaml.width = 4096
    content = yaml.load(params.read_text(encoding="utf-8"))
    content["raw"] = raw.as_posix()
    listed = CommentedMap()
    for name, reader in found.items():
        listed[name] = CommentedMap(reader=reader)
        listed[name].fa.set_flow_style()
    content["datasets"] = listed
    text = StringIO()
    yaml.dump(content, text)
    shards.write_text(text.getvalue(), params)
    return [*found]
