"""Check parameters, declarations and raw files, for `iepile doctor`.

The sizes of raw files are compared with what is declared. Comparing hashes takes long and is left
to `iepile check`. Nothing heavy is imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline import catalog, config
from pipeline.catalog import raw_files
from pipeline.doctor import Check
from pipeline.errors import PipelineError
from pipeline.execution import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.catalog import Dataset
    from pipeline.config import Settings

#: The editions of the project, and how to get what is missing there.
_EDITIONS: Final = {
    Path("raw/sample"): "in a clone of the project: git checkout -- raw/sample",
    Path("raw/full"): "`iepile fetch --all-open`; `iepile fetch ID` says how to get the others",
}


def examine(named: Path | None, raw: Any, manifests: Any) -> tuple[list[Check], int]:
    """Return all checks, and how many bytes of raw files the run would read.

    The arguments are those of the options `--params`, `--raw` and `--manifests`.
    """
    broken: list[Check] = []
    datasets: list[Dataset] = []
    for name in catalog.ids():
        try:
            datasets.append(catalog.load(name))
        except PipelineError as problem:
            broken.append(_broken(f"catalog: {name}", problem))
    total = len(datasets) + len(broken)
    declarations = [_summary("catalog", total, "declarations can be read", broken), *broken]
    skips, params = raw is not None, named or config.PARAMS
    try:
        settings = config.load(named)
        raw = atomic.place(str(raw or settings.raw))
        manifests = atomic.place(str(manifests)) if manifests else None
    except PipelineError as problem:
        return [_broken(str(params), problem), *declarations, *_others(datasets, None)], 0
    if params.exists():
        used = [d for d in datasets if d.id in settings.datasets]
        parameters = [*_parameters(settings, params, datasets)]
    else:
        used = [d for d in datasets if _is_there(d, raw, manifests)]
        detail = "absent: the defaults apply, and `iepile run` takes every dataset with raw files"
        parameters = [Check(str(params), "ok", detail)]
    checks, size = _used(used, raw, manifests, skips=skips)
    return [*parameters, *declarations, *checks, *_others(datasets, raw)], size


def _is_there(dataset: Dataset, raw: Any, manifests: Any) -> bool:
    """Whether a dataset has raw files, or a manifest that cannot be read."""
    try:
        return raw_files.present(*raw_files.edition(dataset, raw, manifests))
    except PipelineError:
        return True


def _broken(subject: str, problem: PipelineError) -> Check:
    detail = " ".join(problem.what.split())
    return Check(subject, "wrong", detail, f"{problem.todo} ({problem.where})")


def _summary(subject: str, total: int, what: str, problems: Sequence[object]) -> Check:
    tally = f"{total - len(problems)} of {total} {what}"
    return Check(subject, "note", tally, "see below") if problems else Check(subject, "ok", tally)


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


def _files(dataset: Dataset, raw: Any, manifests: Any = None) -> tuple[str, dict[Any, int]]:
    """Return what is missing of a dataset, in words, and the bytes of the files that are there.

    Raises `PipelineError` if its manifest cannot be read.
    """
    folder, manifest = raw_files.edition(dataset, raw, manifests)
    # The manifest that `iepile fetch` writes there names only what has arrived.
    whole = raw == Path("raw/full") and manifests is None and dataset.splits
    splits = dataset.splits if whole else manifest.splits
    declared = {file.path: file.bytes for split in splits.values() for file in split.files}
    missing = [path for path in declared if not (folder / path).exists()]
    sizes = {path: raw_files.size(folder / path) for path in declared if path not in missing}
    other_size = [path for path, size in sizes.items() if declared[path] not in (None, size)]
    faults = [] if declared else ["no files are declared"]
    if missing:
        faults.append(f"{len(missing)} of {len(declared)} files missing, such as {missing[0]}")
    if other_size:
        faults.append(f"another size than declared: {', '.join(other_size)}")
    return "; ".join(faults), {folder / path: size for path, size in sizes.items()}


def _used(
    datasets: Sequence[Dataset], raw: Any, manifests: Any, *, skips: bool
) -> tuple[list[Check], int]:
    """Check the raw files that a run would read; return also their bytes.

    With `skips`, a dataset without any file is no problem: `iepile run` skips it. `dvc repro` would
    stop there.
    """
    checks: list[Check] = []
    sizes: dict[Any, int] = {}
    for dataset in datasets:
        subject = f"{raw / dataset.id}"
        try:
            fault, present = _files(dataset, raw, manifests)
        except PipelineError as problem:
            checks.append(_broken(subject, problem))
            continue
        sizes |= present
        if fault:
            other_way = f"; or `iepile use {raw}`, which leaves out datasets without raw files"
            todo = _how_to_get(dataset, raw) + ("" if skips else other_way)
            check = Check(subject, "wrong", fault, todo)
            checks.append(check._replace(state="note") if skips and not present else check)
    total = _summary(f"{raw}/", len(datasets), "datasets in use are complete", checks)
    if not sizes:
        todo = "fetch files, declare yours with `iepile new`, or name another folder with --raw"
        total = total._replace(state="wrong", todo=todo)
    return [total, *checks], sum(sizes.values())


def _others(datasets: Sequence[Dataset], used: Any) -> Iterator[Check]:
    """Check the sample edition and the full one, unless the run uses them."""
    for raw, todo in _EDITIONS.items():
        # Only a clone of the project has the sample edition.
        if raw != used and (raw.is_dir() or raw == Path("raw/full")):
            missing = [d.id for d in datasets if not _is_complete(d, raw)]
            total = _summary(f"{raw}/", len(datasets), "datasets are complete", missing)
            yield total._replace(todo=todo) if missing else total


def _is_complete(dataset: Dataset, raw: Path) -> bool:
    try:
        return not _files(dataset, raw)[0]
    except PipelineError:
        return False


def _how_to_get(dataset: Dataset, raw: Any) -> str:
    if raw == Path("raw/sample"):
        return f"in a clone of the project: git checkout -- {raw / dataset.id}"
    if any(file.url for split in dataset.splits.values() for file in split.files):
        return f"iepile fetch {dataset.id}{'' if raw == Path('raw/full') else f' --raw {raw}'}"
    return f"{dataset.how_to_get()} It belongs in {raw / dataset.id}."
