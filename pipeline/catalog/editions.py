"""Editions: switch params.yaml between them, and tell which of them is made of invented texts.

Which raw folders there are decides which datasets run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from pipeline import catalog, config
from pipeline.catalog import Dataset, raw_files
from pipeline.errors import RawFileError
from pipeline.execution import atomic, shards


def datasets_in(raw: Path, manifests: Path | None = None) -> list[str]:
    """The ids of all declared datasets with raw files in `raw`."""
    return [*_present(raw, manifests)]


def _present(raw: Path, manifests: Path | None = None) -> dict[str, tuple[Dataset, bool]]:
    """Return the datasets with raw files in `raw`, and whether their texts are invented, by id."""
    present = {}
    for name in catalog.ids():
        dataset = catalog.load(name)
        folder, manifest = raw_files.edition(dataset, raw, manifests)
        if raw_files.present(folder, manifest):
            present[name] = (dataset, manifest.invented)
    return present


def switch(raw: Path, params: Path | None = None) -> list[str]:
    """Make params.yaml run every dataset that has raw files in `raw`; return their names.

    Of several datasets with the same texts, one is taken: see `Quality.prefer`. The rest of the
    file stays as it is, comments included.
    """
    with _edited(params) as content:
        present = _present(raw)
        # A better dataset of the same texts takes the place of real ones, not of invented ones.
        pairs = ((name, invented or d.quality.prefer) for name, (d, invented) in present.items())
        names = [name for name, better in pairs if better not in present]
        if not names:
            todo = "`iepile fetch --all-open` brings what is free to raw/full; "
            todo += "files of yours belong in <id>/ as the catalog names them"
            what = f"no dataset has raw files here{config.did_you_mean(raw, ('sample', 'full'))}"
            raise RawFileError(what, where=raw, todo=todo)
        content["raw"] = raw.as_posix()
        content["datasets"] = names
    return names


def add(dataset: Dataset, params: Path | None = None) -> Path:
    """List one more dataset in params.yaml; datasets that are left out there stay out."""
    with _edited(params) as content:
        listed = content.setdefault("datasets", [])
        if dataset.id not in listed:
            listed.insert(sum(name < dataset.id for name in listed), dataset.id)
    return params or config.PARAMS


@contextmanager
def _edited(named: Path | None) -> Iterator[Any]:
    """The content of params.yaml to be changed; it is put in place whole, with its comments.

    Where none is named and there is no params.yaml, it is begun. Meanwhile others wait: its folder
    is locked, as the file itself is replaced.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    config.load(named)  # raises an error for a broken file before it is written
    params = named or config.PARAMS
    yaml = YAML()
    yaml.width = 4096
    # As our params.yaml is written, so that a change is seen in its own lines alone.
    yaml.indent(sequence=4, offset=2)
    file = params.resolve()
    with atomic.locked(file.parent, wait=True):
        content = yaml.load(file.read_text(encoding="utf-8")) if file.exists() else None
        content = CommentedMap() if content is None else content
        yield content
        text = StringIO()
        yaml.dump(content, text)
        shards.write_text(text.getvalue(), file)


def used(names: Iterable[str], normalized: Path) -> dict[str, list[str] | dict[str, str]]:
    """Return which editions stage 1 read, according to their manifests.

    `invented`   the datasets whose texts are invented
    `versions`   dataset -> the version of its data, a commit or a date; "" where it is not known
    """
    paths = {name: normalized / name / "summary.json" for name in sorted(names)}
    editions = {name: shards.read_json(path, "edition")["edition"] for name, path in paths.items()}
    return {
        "invented": [name for name, edition in editions.items() if edition["invented"]],
        "versions": {name: edition["version"] for name, edition in editions.items()},
    }


def in_words(name: str, edition: Mapping[str, Any]) -> str:
    """What the texts of a dataset are: "invented", or "real" and the version of the data."""
    if name in edition["invented"]:
        return "invented"
    return f"real, {edition['versions'].get(name) or 'version not known'}"


def warning(invented: Sequence[str], datasets: int) -> str:
    """Return the warning that heads a page about `datasets` datasets; "" if no text is invented."""
    if not invented:
        return ""
    about = "imagined in the format of the real data. They are not for training or evaluation."
    if len(invented) == datasets:
        return f"All texts are invented: {about}"
    which = f"{len(invented)} of {datasets} datasets ({', '.join(invented)})"
    return f"The texts of {which} are invented: {about}"
