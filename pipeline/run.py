"""The stages wired together over one folder: what `iepile <stage>` and `iepile run` call.

`dvc.yaml` calls the same functions one by one; a test compares the bytes of both ways.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import catalog, engines
from pipeline.config import ROOT
from pipeline.engines import Workers
from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Settings


def _silent(line: str) -> None:
    del line


class Workspace(NamedTuple):
    """Where everything lies, with which parameters it is made, and by whom."""

    settings: Settings
    raw: Path
    out: Path
    dictionaries: Path
    manifests: Path | None = None
    workers: Workers = Workers()
    #: The folder of the datasets' declarations.
    declarations: Path = catalog.FOLDER

    def made(self, stage: str, names: Sequence[str]) -> Path:
        """The output folder of a stage that was run for all these datasets, to be read."""
        from pipeline import shards

        return shards.whole(self.folders[stage], names)

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


def normalize(names: Sequence[str], ws: Workspace, say: Callable[[str], None] = _silent) -> None:
    """Stage 1. The largest datasets go first, so that none is left to one process at the end."""
    names = sorted(names, key=lambda name: (-_raw_bytes(name, ws), name))
    done = engines.run(partial(_normalize, ws=ws), names, ws.workers)
    for number, (name, _) in enumerate(zip(names, done, strict=True), start=1):
        say(f"normalize {name} ({number}/{len(names)})")


def _normalize(name: str, ws: Workspace) -> None:
    from pipeline.stages.normalize import normalize as stage

    dataset = ws.dataset(name)
    folder, manifest = catalog.edition(dataset, ws.raw, ws.manifests)
    stage(dataset, folder, manifest, ws.settings.normalize, ws.folders["normalize"] / name)


def _raw_bytes(name: str, ws: Workspace) -> int:
    folder, manifest = catalog.edition(ws.dataset(name), ws.raw, ws.manifests)
    paths = {folder / file.path for split in manifest.splits.values() for file in split.files}
    return sum(path.stat().st_size for path in paths if path.is_file())


def clean(names: Sequence[str], ws: Workspace) -> None:
    """Stage 2."""
    from pipeline.stages.clean import clean as stage

    stop_words = ROOT / "dictionaries" / "stop_words"
    datasets = [ws.dataset(name) for name in sorted(names)]
    normalize = ws.made("normalize", names)
    stage(datasets, normalize, ws.settings.clean, stop_words, ws.folders["clean"], ws.workers)


def dedupe(names: Sequence[str], ws: Workspace) -> None:
    """Stage 3, over the whole corpus."""
    from pipeline.stages.dedupe import dedupe as stage

    datasets = [ws.dataset(name) for name in sorted(names)]
    clean = ws.made("clean", names)
    stage(datasets, clean, ws.settings.dedupe, ws.folders["dedupe"], ws.workers)


def negatives(names: Sequence[str], ws: Workspace, imported: Path | None = None) -> Any:
    """Stage 4: the hard-negative dictionary of every dataset. Returns its summary."""
    from pipeline import shards
    from pipeline.stages.negatives import negatives as stage

    overrides = ROOT / "dictionaries" / "overrides.toml"
    summary = stage(
        [ws.dataset(name) for name in sorted(names)],
        ws.made("clean", names),
        ws.made("dedupe", names),
        ws.settings.negatives,
        ws.dictionaries,
        overrides=overrides if overrides.is_file() else None,
        imported=imported,
        workers=ws.workers,
    )
    shards.write_json(summary, ws.out / "negatives" / "summary.json")
    return summary


def instruct(names: Sequence[str], ws: Workspace) -> None:
    """Stage 5."""
    from pipeline.interchange import dictionary_of
    from pipeline.stages.instruct import instruct as stage

    folders = ws.folders
    names = sorted(names)
    stage(
        [ws.dataset(name) for name in names],
        ws.made("clean", names),
        ws.made("dedupe", names),
        {name: dictionary_of(folders["negatives"] / f"{name}.json") for name in names},
        ws.settings.instruct,
        folders["instruct"],
        ws.workers,
    )


def publish(names: Sequence[str], ws: Workspace) -> None:
    """Stage 6: the corpus."""
    from pipeline.stages.publish import publish as stage

    datasets = [ws.dataset(name) for name in sorted(names)]
    for before in ("clean", "dedupe", "instruct"):
        ws.made(before, names)
    stage(datasets, ws.folders, ws.settings, ws.folders["corpus"], ws.workers)


def report(names: Sequence[str], ws: Workspace, skipped: Sequence[tuple[str, str]] = ()) -> Any:
    """Stage 7: the audit. Returns the counts."""
    from pipeline.stages.report import report as stage

    datasets = [ws.dataset(name) for name in sorted(names)]
    for before in ("normalize", "clean", "dedupe", "instruct"):
        ws.made(before, names)
    return stage(datasets, ws.folders, ws.folders["reports"], skipped, ws.workers)


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
    if not names:
        raise RawFileError(
            "there are no raw files of any of these datasets",
            where=ws.raw,
            todo="name the folder that holds a folder per dataset with --raw",
        )
    say("normalize")
    normalize(names, ws, say)
    for stage in (clean, dedupe, negatives, instruct, publish):
        say(stage.__name__)
        stage(names, ws)
    say("report")
    return report(names, ws, [*left_out.items()])
