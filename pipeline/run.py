"""The stages wired together over one folder: what `iepile <stage>` and `iepile run` call.

`dvc.yaml` calls the same functions one by one; a test compares the bytes of both ways.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import catalog, engines, lineage, raw_files
from pipeline.engines import Workers
from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    #: The one folder of declarations; else those that `catalog` looks into.
    declarations: Path | None = None

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
    # The processes of a cluster may stand in other folders: they are given the declarations.
    datasets = [ws.dataset(name) for name in names]
    datasets.sort(key=lambda dataset: (-_raw_bytes(dataset, ws), dataset.id))
    done = engines.run(partial(_normalize, ws=ws), datasets, ws.workers, attrgetter("id"))
    for number, (dataset, _) in enumerate(zip(datasets, done, strict=True), start=1):
        say(f"normalize {dataset.id} ({number}/{len(datasets)})")


def _normalize(dataset: Dataset, ws: Workspace) -> None:
    from pipeline.stages.normalize import normalize as stage

    folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
    stage(dataset, folder, manifest, ws.settings.normalize, ws.folders["normalize"] / dataset.id)


def _raw_bytes(dataset: Dataset, ws: Workspace) -> int:
    folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
    paths = {folder / file.path for split in manifest.splits.values() for file in split.files}
    try:
        return sum(map(raw_files.size, paths))
    except OSError:
        return 0  # what is wrong with the file is told when it is read


def clean(names: Sequence[str], ws: Workspace) -> None:
    """Stage 2."""
    from pipeline.cleaning.rules import STOP_WORDS
    from pipeline.stages.clean import clean as stage

    _check(names, ws, "normalize")
    datasets = [ws.dataset(name) for name in sorted(names)]
    normalize = ws.folders["normalize"]
    stage(datasets, normalize, ws.settings.clean, STOP_WORDS, ws.folders["clean"], ws.workers)


def dedupe(names: Sequence[str], ws: Workspace) -> None:
    """Stage 3, over the whole corpus."""
    from pipeline.stages.dedupe import dedupe as stage

    _check(names, ws, "clean")
    datasets = [ws.dataset(name) for name in sorted(names)]
    clean = ws.folders["clean"]
    stage(datasets, clean, ws.settings.dedupe, ws.folders["dedupe"], ws.workers)


def negatives(names: Sequence[str], ws: Workspace, imported: Path | None = None) -> Any:
    """Stage 4: the hard-negative dictionary of every dataset. Returns its summary."""
    from pipeline import shards
    from pipeline.stages.negatives import negatives as stage

    _check_corpus(names, ws, "dedupe")
    summary = stage(
        [ws.dataset(name) for name in sorted(names)],
        ws.folders["clean"],
        ws.folders["dedupe"],
        ws.settings.negatives,
        ws.dictionaries,
        overrides=_overrides(),
        imported=imported,
        workers=ws.workers,
    )
    shards.write_json(summary, ws.out / "negatives" / "summary.json")
    return summary


def instruct(names: Sequence[str], ws: Workspace) -> None:
    """Stage 5."""
    from pipeline.dictionary.interchange import dictionary_for
    from pipeline.stages.instruct import instruct as stage

    _check(names, ws, "dedupe")
    folders = ws.folders
    datasets = [ws.dataset(name) for name in sorted(names)]
    stage(
        datasets,
        folders["clean"],
        folders["dedupe"],
        {d.id: dictionary_for(d, folders["negatives"]) for d in datasets},
        ws.settings.instruct,
        folders["instruct"],
        ws.workers,
    )


def publish(names: Sequence[str], ws: Workspace) -> None:
    """Stage 6: the corpus."""
    from pipeline.stages.publish import publish as stage

    _check_corpus(names, ws, "instruct")
    datasets = [ws.dataset(name) for name in sorted(names)]
    stage(datasets, ws.folders, ws.settings, ws.folders["corpus"], ws.workers)


def report(names: Sequence[str], ws: Workspace, skipped: Sequence[tuple[str, str]] = ()) -> Any:
    """Stage 7: the audit. Returns the counts."""
    from pipeline.stages.report import report as stage

    _check_corpus(names, ws, "instruct")
    datasets = [ws.dataset(name) for name in sorted(names)]
    return stage(datasets, ws.folders, ws.folders["reports"], skipped, ws.workers)


def parameters(settings: Settings) -> dict[str, object]:
    """Stage -> what it obeys, of the stages with a folder per dataset."""
    from pipeline.stages.normalize import obeyed

    return {
        "normalize": obeyed(settings.normalize),
        "clean": settings.clean,
        "instruct": settings.instruct,
    }


def _overrides() -> Path | None:
    """The links changed by hand in the current folder, if there are any."""
    path = Path("dictionaries", "overrides.toml")
    return path if path.is_file() else None


def _check(names: Sequence[str], ws: Workspace, last: str) -> None:
    """Refuse inputs that do not belong together, see `pipeline/lineage.py`."""
    from pipeline import atomic
    from pipeline.dictionary.interchange import dictionary_for

    for stage in lineage.STAGES[: lineage.STAGES.index(last) + 1]:
        atomic.whole(ws.folders[stage], names)
    for dataset in [ws.dataset(name) for name in sorted(names)]:
        lineage.check(dataset, ws.folders, last, parameters(ws.settings))
        if last == "instruct":
            near = dictionary_for(dataset, ws.folders["negatives"])
            lineage.check(dataset, ws.folders, last, dictionary=lineage.of_dictionary(near))


def _check_corpus(names: Sequence[str], ws: Workspace, last: str) -> None:
    _check(names, ws, last)
    lineage.check_corpus(ws.folders["dedupe"], names, ws.settings.dedupe)


def missing(names: Sequence[str], ws: Workspace) -> dict[str, str]:
    """Dataset -> why it is left out, for those whose raw files are absent."""
    absent = {}
    for name in names:
        dataset = ws.dataset(name)
        folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
        if not raw_files.present(folder, manifest):
            absent[name] = f"no raw files in {folder}"
    return absent


def everything(names: Sequence[str], ws: Workspace, say: Callable[[str], None]) -> Any:
    """All stages in order, over datasets whose raw files are there. Returns the counts.

    What earlier runs left of other datasets is removed in the end: the folder is that of this run.
    """
    from pipeline.stages import negatives as dictionaries
    from pipeline.stages import publish as corpus

    left_out = missing(names, ws)
    names = [name for name in names if name not in left_out]
    if not names:
        raise RawFileError(
            "none of these datasets has raw files",
            where=ws.raw,
            todo="name the folder of raw folders with --raw; `iepile fetch` gets files, and "
            "`iepile new` declares files of yours",
        )
    for name, why in left_out.items():
        say(f"skipped {name}: {why}")
    datasets = [ws.dataset(name) for name in names]
    dictionaries.check(datasets, ws.settings.negatives, _overrides())
    corpus.check(datasets, ws.settings.publish)
    say(f"normalize (raw files from {ws.raw})")
    normalize(names, ws, say)
    for stage in (clean, dedupe, negatives, instruct, publish):
        say(stage.__name__)
        stage(names, ws)
    say("report")
    counts = report(names, ws, [*left_out.items()])
    for stage_name in ("normalize", "clean", "instruct"):
        lineage.forget(ws.folders[stage_name], names)
    return counts
