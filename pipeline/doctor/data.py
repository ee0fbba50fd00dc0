"""Check parameters, declarations and raw files, for `iepile doctor`.

The sizes of raw files are compared with what is declared. Comparing hashes takes long and is left
to `iepile check`. Nothing heavy is imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.doctor import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.catalog import Dataset, Split
    from pipeline.config import Settings

_SAMPLE: Final = Path("raw/sample")
_FULL: Final = Path("raw/full")


def examine(named: Path | None, raw: Any, manifests: Any) -> tuple[list[Check], int]:
    """Return all checks, and how many bytes of raw files the run would read.

    The arguments are those of the options `--params`, `--raw` and `--manifests`.
    """
    from pipeline import catalog, config
    from pipeline.errors import PipelineError
    from pipeline.execution import atomic

    broken: list[Check] = []
    datasets: list[Dataset] = []
    for name in catalog.ids():
        try:
            datasets.append(catalog.load(name))
        except PipelineError as problem:
            broken.append(_broken(f"catalog: {name}", problem))
    readable = f"{len(datasets)} of {len(datasets) + len(broken)} declarations can be read"
    declarations = [_summary("catalog", readable, broken), *broken]
    skips, params = raw is not None, named or config.PARAMS
    try:
        settings = config.load(named)
        raw = atomic.place(str(raw or settings.raw))
        manifests = atomic.place(str(manifests)) if manifests else None
    except PipelineError as problem:
        return [_broken(str(params), problem), *declarations, *_other(datasets, None)], 0
    if params.exists():
        used = [d for d in datasets if d.id in settings.datasets]
        parameters = [*_parameters(settings, params, datasets)]
    else:
        used = [d for d in datasets if _is_there(d, raw, manifests)]
        found = "absent: the defaults apply, and `iepile run` takes every dataset with raw files"
        parameters = [Check(str(params), "ok", found)]
    checks, size = _used(used, raw, manifests, skips=skips)
    return [*parameters, *declarations, *checks, *_other(datasets, raw)], size


def _is_there(dataset: Dataset, raw: Any, manifests: Any) -> bool:
    """Whether a dataset has raw files, or a manifest that cannot be read."""
    from pipeline.catalog import raw_files
    from pipeline.errors import PipelineError

    try:
        return raw_files.present(*raw_files.edition(dataset, raw, manifests))
    except PipelineError:
        return True


def _broken(subject: str, problem: Any) -> Check:
    found = " ".join(problem.what.split())
    return Check(subject, "wrong", found, f"{problem.todo} ({problem.where})")


def _summary(subject: str, found: str, problems: Sequence[object]) -> Check:
    return Check(subject, "note", found, "see below") if problems else Check(subject, "ok", found)


def _parameters(settings: Settings, params: Path, datasets: Sequence[Dataset]) -> Iterator[Check]:
    """Check that the datasets and models that params.yaml names exist."""
    todo = "`iepile use sample`, or `full`, lists those that have raw files there"
    if unknown := sorted({*settings.datasets} - {d.id for d in datasets}):
        yield Check(str(params), "wrong", f"unknown datasets: {', '.join(unknown)}", todo)
    elif not settings.datasets:
        yield Check(str(params), "wrong", "it names no dataset", todo)
    else:
        yield Check(str(params), "ok", f"{len(settings.datasets)} datasets, from {settings.raw}")
    yield _model("encoder", settings.negatives.encoder, "negatives.encoder", built_in="corpus")
    if settings.publish.tokenizer:
        yield _model("tokenizer", settings.publish.tokenizer, "publish.tokenizer")


def _model(subject: str, name: str, key: str, built_in: str = "") -> Check:
    """Look for a model: built in, in a folder, or in the cache of Hugging Face."""
    if name == built_in:
        return Check(subject, "ok", f"{name}: trained on the data itself, needs no weights")
    if Path(name).is_dir():
        return Check(subject, "ok", f"the folder {name}")
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    full = name if "/" in name else f"sentence-transformers/{name}"
    for repository in (full, name):
        if any((cache / f"models--{repository.replace('/', '--')}" / "snapshots").glob("*")):
            return Check(subject, "ok", f"{name}, in {cache}")
    instead = f', or "{built_in}", which needs none' if built_in else ""
    todo = f"`hf download {full}`; or name a folder under {key} in params.yaml{instead}"
    return Check(subject, "wrong", f"no weights of {name} are on this machine", todo)


class _Files(NamedTuple):
    """Which files of some splits are there."""

    #: What is missing, in words; "" if nothing is.
    fault: str
    #: Path -> bytes, of the files that are there.
    sizes: dict[Any, int]


def _files(folder: Any, splits: Mapping[str, Split]) -> _Files:
    from pipeline.catalog import raw_files

    declared = {file.path: file.bytes for split in splits.values() for file in split.files}
    missing = [path for path in declared if not (folder / path).exists()]
    sizes = {path: raw_files.size(folder / path) for path in declared if path not in missing}
    other_size = [path for path, size in sizes.items() if declared[path] not in (None, size)]
    faults = [] if declared else ["no files are declared"]
    if missing:
        faults.append(f"{len(missing)} of {len(declared)} files missing, such as {missing[0]}")
    if other_size:
        faults.append(f"another size than declared: {', '.join(other_size)}")
    return _Files("; ".join(faults), {folder / path: size for path, size in sizes.items()})


def _used(
    datasets: Sequence[Dataset], raw: Any, manifests: Any, *, skips: bool
) -> tuple[list[Check], int]:
    """Check the raw files that a run would read; return also their bytes.

    With `skips`, a dataset without any file is no problem: `iepile run` skips it. `dvc repro` would
    stop there.
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
        if files.fault:
            other_way = f"; or `iepile use {raw}`, which leaves out datasets without raw files"
            todo = _how_to_get(dataset, raw) + ("" if skips else other_way)
            check = Check(subject, "wrong", files.fault, todo)
            checks.append(check._replace(state="note") if skips and not files.sizes else check)
    total = _complete(raw, "in use: ", datasets, checks)
    if not sizes:
        todo = "fetch files, declare yours with `iepile new`, or name another folder with --raw"
        total = total._replace(state="wrong", todo=todo)
    return [total, *checks], sum(sizes.values())


def _complete(raw: Any, use: str, datasets: Sequence[Any], problems: Sequence[object]) -> Check:
    complete = len(datasets) - len(problems)
    found = f"{use}{complete} of {len(datasets)} datasets are complete"
    return _summary(f"{raw}/", found, problems)


def _other(datasets: Sequence[Dataset], used: Any) -> Iterator[Check]:
    """Check the sample edition and the full one, unless the run uses them."""
    if used != _SAMPLE and _SAMPLE.is_dir():  # only a clone of the project has it
        incomplete = _incomplete(datasets, _SAMPLE)
        yield _complete(_SAMPLE, "", datasets, incomplete)
        if incomplete:
            found = f"missing: {', '.join(dataset.id for dataset, _ in incomplete)}"
            todo = f"in a clone of the project: git checkout -- {_SAMPLE}"
            yield Check(f"{_SAMPLE}/", "note", found, todo)
    if used != _FULL:
        incomplete = _incomplete(datasets, _FULL)
        yield _complete(_FULL, "", datasets, incomplete)
        if fetchable := [dataset.id for dataset, _ in incomplete if _is_fetchable(dataset)]:
            todo = "`iepile fetch --all-open`, or `iepile fetch ID`"
            yield Check(f"{_FULL}/", "note", f"to be fetched: {', '.join(fetchable)}", todo)
        for dataset, fault in incomplete:
            if not _is_fetchable(dataset):
                found, todo = f"{dataset.access}: {fault}", _how_to_get(dataset, _FULL)
                yield Check(str(_FULL / dataset.id), "note", found, todo)


def _incomplete(datasets: Sequence[Dataset], raw: Path) -> list[tuple[Dataset, str]]:
    """Return the datasets that lack raw files, each with what it lacks."""
    faults = ((d, _files(raw / d.id, _declared(d, raw)).fault) for d in datasets)
    return [(dataset, fault) for dataset, fault in faults if fault]


def _declared(dataset: Dataset, raw: Path) -> Mapping[str, Split]:
    """Return the files that should be there, by the catalog or, for the sample, by its manifest."""
    from pipeline.catalog import raw_files
    from pipeline.errors import PipelineError

    if raw == _FULL and dataset.splits:
        return dataset.splits
    try:
        return raw_files.edition(dataset, raw)[1].splits
    except PipelineError:
        return {}


def _is_fetchable(dataset: Dataset) -> bool:
    """Whether `iepile fetch` can download files of a dataset."""
    return any(file.url for split in dataset.splits.values() for file in split.files)


def _how_to_get(dataset: Dataset, raw: Any) -> str:
    if raw == _SAMPLE:
        return f"in a clone of the project: git checkout -- {raw / dataset.id}"
    if _is_fetchable(dataset):
        return f"iepile fetch {dataset.id}{'' if raw == _FULL else f' --raw {raw}'}"
    return f"{dataset.how_to_get()} It belongs in {raw / dataset.id}."
