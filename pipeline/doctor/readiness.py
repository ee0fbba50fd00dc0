"""Whether parameters, declarations and raw files can make the corpus: a part of `iepile doctor`.

Everything is read and nothing heavy is imported. Sizes of raw files are compared with what is
declared; hashes take long and are left to `iepile check`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.doctor import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.catalog import Dataset
    from pipeline.catalog.raw_files import Split
    from pipeline.config import Settings

_SAMPLE: Final = Path("raw/sample")
_FULL: Final = Path("raw/full")


def examine(named: Path | None, raw: Any, manifests: Any) -> tuple[list[Check], int]:
    """All checks, and how many bytes the raw files have that params.yaml runs."""
    from pipeline import catalog, config
    from pipeline.errors import PipelineError
    from pipeline.execution import atomic

    checks: list[Check] = []
    datasets: list[Dataset] = []
    for name in catalog.ids():
        try:
            datasets.append(catalog.load(name))
        except PipelineError as problem:
            checks.append(_broken(f"catalogue: {name}", problem))
    whole = f"{len(datasets)} of {len(datasets) + len(checks)} declarations can be read"
    checks.insert(0, _summary("catalogue", whole, whole=not checks))
    given, params = raw is not None, named or config.PARAMS
    try:
        settings = config.load(named)
        raw = atomic.place(str(raw or settings.raw))
        manifests = atomic.place(str(manifests)) if manifests else None
    except PipelineError as problem:
        return [_broken(str(params), problem), *checks, *_other(datasets, None)], 0
    if params.exists():
        run = [d for d in datasets if d.id in settings.datasets]
        asked = [*_parameters(settings, params, datasets)]
    else:
        run = [d for d in datasets if _begun(d, raw, manifests)]
        found = "there is none: the defaults hold, and `iepile run` takes what has raw files"
        asked = [Check(str(params), "ok", found)]
    used, size = _used(run, raw, manifests, skipped=given)
    return [*asked, *checks, *used, *_other(datasets, raw)], size


def _begun(dataset: Dataset, raw: Any, manifests: Any) -> bool:
    """Whether a dataset has raw files, or at least a manifest that should name them."""
    from pipeline.catalog import raw_files
    from pipeline.errors import PipelineError

    try:
        return raw_files.present(*raw_files.edition(dataset, raw, manifests))
    except PipelineError:
        return True


def _broken(subject: str, problem: Any) -> Check:
    found = " ".join(problem.what.split())
    return Check(subject, "wrong", found, f"{problem.todo} ({problem.where})")


def _summary(subject: str, found: str, *, whole: bool) -> Check:
    return Check(subject, "ok", found) if whole else Check(subject, "note", found, "see below")


def _parameters(settings: Settings, params: Path, datasets: Sequence[Dataset]) -> Iterator[Check]:
    """Whether there are the datasets that are asked for, and the models that are named."""
    asked = settings.datasets
    todo = "`iepile edition sample`, or `full`, writes those that have raw files there"
    if strange := sorted({*asked} - {d.id for d in datasets}):
        yield Check(str(params), "wrong", f"unknown datasets: {', '.join(strange)}", todo)
    elif not asked:
        yield Check(str(params), "wrong", "it names no dataset", todo)
    else:
        yield Check(str(params), "ok", f"{len(asked)} datasets, from {settings.raw}")
    yield _model("encoder", settings.negatives.encoder, "negatives.encoder", built_in="corpus")
    if settings.publish.tokenizer:
        yield _model("tokenizer", settings.publish.tokenizer, "publish.tokenizer")


def _model(subject: str, name: str, key: str, built_in: str = "") -> Check:
    """Whether a model is at hand: built in, in a folder, or in the cache of Hugging Face."""
    if name == built_in:
        return Check(subject, "ok", f"{name}: trained on the data itself, needs no weights")
    if Path(name).is_dir():
        return Check(subject, "ok", f"the folder {name}")
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    full = name if "/" in name else f"sentence-transformers/{name}"
    for own in (full, name):
        if any((cache / f"models--{own.replace('/', '--')}" / "snapshots").glob("*")):
            return Check(subject, "ok", f"{name}, in {cache}")
    instead = f', or "{built_in}", which needs none' if built_in else ""
    todo = f"`hf download {full}`; or name a folder under {key} in params.yaml{instead}"
    return Check(subject, "wrong", f"no weights of {name} are on this machine", todo)


class _Files(NamedTuple):
    """What is there of the files of some splits."""

    declared: int
    missing: list[str]
    #: Of other sizes than declared.
    odd: list[str]
    #: Path -> bytes.
    sizes: dict[Any, int]

    def fault(self) -> str:
        """What is wrong, or nothing."""
        told = [] if self.declared else ["no files are declared"]
        if self.missing:
            number = f"{len(self.missing)} of {self.declared} files missing"
            told.append(f"{number}, such as {self.missing[0]}")
        if self.odd:
            told.append(f"another size than declared: {', '.join(self.odd)}")
        return "; ".join(told)


def _files(folder: Any, splits: Mapping[str, Split]) -> _Files:
    from pipeline.catalog import raw_files

    declared = {file.path: file.bytes for split in splits.values() for file in split.files}
    missing = [path for path in declared if not (folder / path).exists()]
    sizes = {path: raw_files.size(folder / path) for path in declared if path not in missing}
    odd = [path for path, size in sizes.items() if declared[path] not in (None, size)]
    return _Files(len(declared), missing, odd, {folder / path: n for path, n in sizes.items()})


def _used(
    datasets: Sequence[Dataset], raw: Any, manifests: Any, *, skipped: bool
) -> tuple[list[Check], int]:
    """The edition that is run, dataset by dataset where something is missing; its bytes.

    `iepile run` skips what is not there at all; `dvc repro` stops at it.
    """
    from pipeline.catalog import raw_files
    from pipeline.errors import PipelineError

    checks: list[Check] = []
    sizes: dict[Any, int] = {}
    for dataset in datasets:
        subject = f"{raw / dataset.id}"
        try:
            folder, manifest = raw_files.edition(dataset, raw, manifests)
        except PipelineError as problem:
            checks.append(_broken(subject, problem))
            continue
        files = _files(folder, manifest.splits)
        sizes |= files.sizes
        if fault := files.fault():
            todo = _how(dataset, raw) + (
                ""
                if skipped
                else f"; or `iepile edition {raw}`, which leaves out what is not there"
            )
            checks.append(
                Check(subject, "wrong" if files.sizes or not skipped else "note", fault, todo)
            )
    told = f"{len(datasets) - len(checks)} of {len(datasets)} datasets are complete"
    total = _summary(f"{raw}/", f"in use: {told}", whole=not checks)
    if not sizes:
        todo = "fetch files, declare yours with `iepile new`, or name another folder with --raw"
        total = Check(total.subject, "wrong", total.found, todo)
    return [total, *checks], sum(sizes.values())


def _other(datasets: Sequence[Dataset], used: Any) -> Iterator[Check]:
    """The sample edition and the full one, where they are not what is run."""
    for place in (_SAMPLE, _FULL):
        if place == used or (place == _SAMPLE and not place.is_dir()):
            continue  # the sample edition is in a clone of the project alone
        faults = {d.id: _files(place / d.id, _declared(d, place)).fault() for d in datasets}
        lacking = [d for d in datasets if faults[d.id]]
        told = f"{len(datasets) - len(lacking)} of {len(datasets)} datasets are complete"
        yield _summary(f"{place}/", told, whole=not lacking)
        if place == _SAMPLE:
            if lacking:
                names = ", ".join(d.id for d in lacking)
                todo = f"in a clone of the project: git checkout -- {place}"
                yield Check(f"{place}/", "note", f"missing: {names}", todo)
            continue
        open_ones = [d.id for d in lacking if _fetched(d)]
        if open_ones:
            todo = "`iepile fetch --all-open`, or `iepile fetch ID`"
            yield Check(f"{place}/", "note", f"to be fetched: {', '.join(open_ones)}", todo)
        for dataset in lacking:
            if not _fetched(dataset):
                found = f"{dataset.access}: {faults[dataset.id]}"
                yield Check(str(place / dataset.id), "note", found, _how(dataset, place))


def _declared(dataset: Dataset, place: Path) -> Mapping[str, Split]:
    """What the full edition should be is in the catalogue; what the sample is, in its manifest."""
    from pipeline.catalog import raw_files
    from pipeline.errors import PipelineError

    if place == _FULL and dataset.splits:
        return dataset.splits
    try:
        return raw_files.edition(dataset, place)[1].splits
    except PipelineError:
        return {}


def _fetched(dataset: Dataset) -> bool:
    """Whether `iepile fetch` brings files of it."""
    return any(file.url for split in dataset.splits.values() for file in split.files)


def _how(dataset: Dataset, raw: Any) -> str:
    if raw == _SAMPLE:
        return f"in a clone of the project: git checkout -- {raw / dataset.id}"
    if _fetched(dataset):
        return f"iepile fetch {dataset.id}{'' if raw == _FULL else f' --raw {raw}'}"
    return f"{dataset.how_to_get()} It belongs in {raw / dataset.id}."
