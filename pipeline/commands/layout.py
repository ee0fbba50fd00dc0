"""A run: where everything lies, with which parameters it is made, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline import catalog, config
from pipeline.catalog import raw_files
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Settings

#: The name of what a stage writes for all datasets at once.
ALL = "all"
_STAGES = ("normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report")
_FOLDERS = {"publish": "corpus", "report": "reports"}


class Workspace(NamedTuple):
    """The folders of a run, its settings and its workers."""

    settings: Settings
    raw: Path
    out: Path
    manifests: Path | None = None
    workers: Workers = Workers()
    #: The one folder of declarations; else those that `catalog` looks into.
    declarations: Path | None = None
    #: The file that the settings were read from, where there is one.
    params: Path | None = None

    @property
    def folders(self) -> dict[str, Path]:
        """Stage -> its output folder."""
        return {stage: self.out / _FOLDERS.get(stage, stage) for stage in _STAGES}

    @property
    def catalogs(self) -> list[Path]:
        """The folders of the declarations."""
        return [self.declarations] if self.declarations else raw_files.catalogs()

    def dataset(self, name: str) -> Dataset:
        """A declaration, under the parameters that change it."""
        names = self.settings.instruct.names
        return catalog.load(name, self.declarations, self.settings.no_relation_label, names)

    def place(self, stage: str, name: str) -> Place:
        """Where a stage writes what it makes of a dataset, or of all."""
        folder = self.folders[stage]
        stamp = self.out / "stamps" / stage / f"{name}.json"
        return Place(folder if name == ALL else folder / name, stamp)

    def input_bytes(self, stage: str, datasets: Sequence[Dataset]) -> int:
        """About how much a stage reads of these datasets: raw files, or normalized shards."""
        if stage == "normalize":
            editions = [raw_files.edition(d, self.raw, self.manifests) for d in datasets]
            paths = [
                folder / file.path
                for folder, manifest in editions
                for split in manifest.splits.values()
                for file in split.files
            ]
        else:
            paths = [self.folders["normalize"] / dataset.id for dataset in datasets]
        return sum(raw_files.size(path) for path in paths)

    def reread(self) -> Workspace:
        """The same with the parameters as they stand in their file now."""
        if self.params is None:
            return self
        named = None if self.params == config.PARAMS else self.params
        return self._replace(settings=config.load(named))
