"""A run: its folders, its settings and its workers."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline import catalog, config
from pipeline.catalog import Dataset, raw_files
from pipeline.config import Settings
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Place

#: The name of what a stage writes for all datasets at once.
ALL = "all"
#: Stage -> its folder under `--out`.
_FOLDERS = {
    **{stage: stage for stage in ("normalize", "clean", "dedupe", "negatives", "instruct")},
    "publish": "corpus",
    "report": "reports",
}


def folders(out: Path) -> dict[str, Path]:
    """Return stage -> its output folder, of a run."""
    return {stage: out / folder for stage, folder in _FOLDERS.items()}


class Workspace(NamedTuple):
    """The folders of a run, its settings and its workers."""

    settings: Settings
    raw: Path
    out: Path
    manifests: Path | None = None
    workers: Workers = Workers()
    #: The only folder of declarations; None means those that `catalog` searches.
    declarations: Path | None = None
    #: The file that the settings were read from, if any.
    params: Path | None = None

    @property
    def folders(self) -> dict[str, Path]:
        """Stage -> its output folder."""
        return folders(self.out)

    @property
    def catalogs(self) -> list[Path]:
        """The folders that hold declarations."""
        return [self.declarations] if self.declarations else raw_files.catalogs()

    def dataset(self, name: str) -> Dataset:
        """Return a dataset's declaration, with the parameters that change it applied."""
        names = self.settings.instruct.names
        return catalog.load(name, self.declarations, self.settings.no_relation_label, names)

    def place(self, stage: str, name: str) -> Place:
        """Return the folder and stamp of a stage for a dataset, or for `ALL`."""
        folder = self.folders[stage]
        stamp = self.out / "stamps" / stage / f"{name}.json"
        return Place(folder if name == ALL else folder / name, stamp)

    def input_bytes(self, stage: str, datasets: Sequence[Dataset]) -> int:
        """Return about how many bytes a stage reads: of raw files, or of normalized shards."""
        if stage != "normalize":
            return sum(raw_files.size(self.folders["normalize"] / d.id) for d in datasets)
        folders = [raw_files.edition(d, self.raw, self.manifests)[0] for d in datasets]
        return sum(map(raw_files.size, folders))

    def reread(self) -> "Workspace":
        """Return the same with the settings read again from their file."""
        if self.params is None:
            return self
        named = None if self.params == config.PARAMS else self.params
        return self._replace(settings=config.load(named))
