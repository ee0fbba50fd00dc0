"""Check parameters, declarations and raw files, for `iepile doctor`.

The sizes of raw files are compared with what is declared. Comparing hashes takes long and is left
to `iepile check`. Nothing heavy is imported.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import catalog, config
from pipeline.catalog import Dataset, raw_files
from pipeline.config import Settings
from pipeline.doctor import Check
from pipeline.errors import PipelineError
from pipeline.execution import atomic


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
    declarations = [_summary("catalog", total, "readable declarations", broken), *broken]
    params = named or config.PARAMS
    try:
        settings = config.load(named)
        place = atomic.place(str(raw or settings.raw))
        manifests = atomic.place(str(manifests)) if manifests else None
    except PipelineError as problem:
        return [_broken(str(params), problem), *declarations], 0
    used, skips = datasets, raw is not None
    if params.exists():
        used = [d for d in datasets if d.id in settings.datasets]
        parameters = _parameters(settings, params, datasets)
    else:
        skips = True
        detail = "absent: the defaults apply, and `iepile run` takes every dataset with raw files"
        parameters = Check(str(params), "ok", detail)
    checks, size = _raw_files(used, place, manifests, skips=skips)
    return [parameters, *declarations, *checks], size


def _broken(subject: str, problem: PipelineError) -> Check:
    detail = " ".join(problem.what.split())
    return Check(subject, "wrong", detail, f"{problem.todo} ({problem.where})")


def _summary(subject: str, total: int, what: str, problems: Sequence[object]) -> Check:
    tally = f"{what}: {total - len(problems)} of {total}"
    return Check(subject, "note", tally, "see below") if problems else Check(subject, "ok", tally)


def _parameters(settings: Settings, params: Path, datasets: Sequence[Dataset]) -> Check:
    """Check that the datasets that params.yaml names exist."""
    todo = "`iepile use sample`, or `full`, lists those that have raw files there"
    if unknown := sorted({*settings.datasets} - {d.id for d in datasets}):
        return Check(str(params), "wrong", f"unknown datasets: {', '.join(unknown)}", todo)
    if not settings.datasets:
        return Check(str(params), "wrong", "it names no dataset", todo)
    return Check(str(params), "ok", f"datasets: {len(settings.datasets)}, from {settings.raw}")


def _raw_files(
    datasets: Sequence[Dataset], raw: Any, manifests: Any, *, skips: bool
) -> tuple[list[Check], int]:
    """Check the raw files that a run would read; return also their bytes.

    With `skips`, datasets without any file are left out, as `iepile run` does; `dvc repro` would
    stop there.
    """
    checks: list[Check] = []
    count = size = 0
    for dataset in datasets:
        subject = f"{raw / dataset.id}"
        try:
            folder, manifest = raw_files.edition(dataset, raw, manifests)
        except PipelineError as problem:
            count += 1
            checks.append(_broken(subject, problem))
            continue
        # The manifest that `iepile fetch` writes there names only what has arrived.
        whole = raw == Path("raw/full") and manifests is None and dataset.splits
        splits = dataset.splits if whole else manifest.splits
        declared = {file.path: file.bytes for split in splits.values() for file in split.files}
        sizes = {p: raw_files.size(folder / p) for p in declared if (folder / p).exists()}
        if skips and not sizes:
            continue
        count += 1
        size += sum(sizes.values())
        faults = [] if declared else ["no files are declared"]
        if missing := [path for path in declared if path not in sizes]:
            faults.append(f"files missing: {len(missing)} of {len(declared)}, such as {missing[0]}")
        if other_size := [p for p, n in sizes.items() if declared[p] not in (None, n)]:
            faults.append(f"another size than declared: {', '.join(other_size)}")
        if faults:
            other_way = f"; or `iepile use {raw}`, which leaves out datasets without raw files"
            todo = _how_to_get(dataset, raw) + ("" if skips else other_way)
            checks.append(Check(subject, "wrong", "; ".join(faults), todo))
    total = _summary(f"{raw}/", count, "complete datasets in use", checks)
    if not size:
        todo = "fetch files, declare yours with `iepile new`, or name another folder with --raw"
        total = total._replace(state="wrong", todo=todo)
    return [total, *checks], size


def _how_to_get(dataset: Dataset, raw: Any) -> str:
    if raw == Path("raw/sample"):
        return f"in a clone of the project: git checkout -- {raw / dataset.id}"
    if any(file.url for split in dataset.splits.values() for file in split.files):
        return f"iepile fetch {dataset.id}{'' if raw == Path('raw/full') else f' --raw {raw}'}"
    return f"{dataset.how_to_get()} It belongs in {raw / dataset.id}."
