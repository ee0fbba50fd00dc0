"""The stages wired together over one folder: what `iepile <stage>` and `iepile run` call.

`dvc.yaml` calls the same functions one by one; a test compares the bytes of both ways.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import catalog, engines
from pipeline.config import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from collections.abc import Callable, Sequence

    from pipeline.catalog import Dataset
    from pipeline.config import Settings


class Workspace(NamedTuple):
    """Where everything lies, and with which parameters and how many processes it is made."""

    settings: Settings
    raw: Path
    out: Path
    dictionaries: Path
    manifests: Path | None = None
    workers: int = 1
    #: The folder of the datasets' declarations.
    declarations: Path = catalog.FOLDER

    @property
    def folders(self) -> dict[str, Path]:
        """Stage -> its output folder."""
        return {
            **{s: self.out / s for s in ("normalize", "clean", "dedupe", "instruct", "corpus")},
            "negatives": self.dictionaries / "hard_negatives",
            "reports": self.out / "reports",
        }

    def dataset(self, name: str) -> Dataset:
        """A declaration, under the parameters that change it."""
        return catalog.load(name, self.declarations, self.settings.no_relation_label)


def normalize(name: str, ws: Workspace) -> None:
    """Stage 1 for one dataset."""
    from pipeline.stages.normalize import normalize as stage

    dataset = ws.dataset(name)
    folder, manifest = catalog.edition(dataset, ws.raw, ws.manifests)
    stage(dataset, folder, manifest, ws.settings.normalize, ws.folders["normalize"] / name)


def clean(name: str, ws: Workspace) -> None:
    """Stage 2 for one dataset."""
    from pipeline.stages.clean import clean as stage

    stop_words = ROOT / "dictionaries" / "stop_words"
    source, out = ws.folders["normalize"] / name, ws.folders["clean"] / name
    stage(source, ws.settings.clean, stop_words, out)


def dedupe(names: Sequence[str], ws: Workspace) -> None:
    """Stage 3, over the whole corpus."""
    from pipeline.stages.dedupe import dedupe as stage

    datasets = [ws.dataset(name) for name in names]
    folders = ws.folders
    stage(datasets, folders["clean"], ws.settings.dedupe, folders["dedupe"], ws.workers)


def negatives(names: Sequence[str], ws: Workspace) -> None:
    """Stage 4: the hard-negative dictionary of every dataset."""
    from pipeline.stages.negatives import negatives as stage

    overrides = ROOT / "dictionaries" / "overrides.toml"
    stage(
        [ws.dataset(name) for name in names],
        ws.folders["clean"],
        ws.folders["dedupe"],
        ws.settings.negatives,
        ws.dictionaries,
        overrides=overrides if overrides.is_file() else None,
    )


def instruct(name: str, ws: Workspace) -> None:
    """Stage 5 for one dataset."""
    from pipeline.dictionary import read
    from pipeline.stages.instruct import instruct as stage

    folders = ws.folders
    stage(
        ws.dataset(name),
        folders["clean"] / name,
        folders["dedupe"] / name,
        read(folders["negatives"] / f"{name}.json"),
        ws.settings.instruct,
        folders["instruct"] / name,
        ws.workers,
    )


def publish(names: Sequence[str], ws: Workspace) -> None:
    """Stage 6: the corpus."""
    from pipeline.stages.publish import publish as stage

    datasets = [ws.dataset(name) for name in names]
    stage(datasets, ws.folders["instruct"], ws.settings, ws.folders["corpus"])


def report(names: Sequence[str], ws: Workspace, skipped: Sequence[tuple[str, str]] = ()) -> Any:
    """Stage 7: the audit. Returns the counts."""
    from pipeline.stages.report import report as stage

    datasets = [ws.dataset(name) for name in names]
    return stage(datasets, ws.folders, ws.folders["reports"], skipped)


def missing(names: Sequence[str], ws: Workspace) -> dict[str, str]:
    """Dataset -> why it is left out, for those whose raw files are absent."""
    absent = {}
    for name in names:
        dataset = ws.dataset(name)
        folder, manifest = catalog.edition(dataset, ws.raw, ws.manifests)
        if not catalog.present(folder, manifest):
            absent[name] = f"no raw files in {folder}"
    return absent


def everything(names: Sequence[str], ws: Workspace, say: Callable[[str], None]) -> Any:
    """All stages in order, over datasets whose raw files are there. Returns the counts."""
    left_out = missing(names, ws)
    for name, why in left_out.items():
        say(f"skipped {name}: {why}")
    names = [name for name in names if name not in left_out]
    one = ws._replace(workers=1)
    for stage in (normalize, clean):
        _each(stage, names, one, ws.workers, say)
    for step in (dedupe, negatives):
        say(step.__name__)
        step(names, ws)
    _each(instruct, names, one, ws.workers, say)
    say("publish")
    publish(names, ws)
    say("report")
    return report(names, ws, [*left_out.items()])


def _each(
    stage: Callable[..., None],
    names: Sequence[str],
    ws: Workspace,
    workers: int,
    say: Callable[[str], None],
) -> None:
    done = engines.run(partial(stage, ws=ws), names, workers)
    for number, (name, _) in enumerate(zip(names, done, strict=True), start=1):
        say(f"{stage.__name__} {name} ({number}/{len(names)})")
