"""The seven stages: what each reads, which parameters it obeys, where its code is, how to run it.

`dvc.yaml` tells DVC the same.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import xxhash

from pipeline.catalog import Dataset, raw_files
from pipeline.commands.layout import Workspace
from pipeline.execution import code, freshness
from pipeline.readers import formats, module_of

#: Modules that no byte of a result depends on: they organize the work, or report errors.
SILENT: Final = (
    *("config", "errors", "terminal", "commands/chain", "commands/wiring", "commands/layout"),
    *(f"execution/{name}" for name in ("atomic", "cluster", "code", "engines", "freshness")),
    *(f"execution/{name}" for name in ("machine", "ownership", "tuning")),
)
#: Stages that run the readers, and those whose pages name the code of all stages.
OF_READERS: Final = ("normalize", "publish", "report")


class Stage(NamedTuple):
    """A stage of the pipeline."""

    #: Runs it over some datasets of a workspace.
    make: Callable[..., None]
    #: The stages whose output it reads.
    reads: tuple[str, ...]
    #: Patterns of its files; whatever these import counts as its code too.
    code: tuple[str, ...]
    #: The sections of params.yaml that it obeys.
    parameters: tuple[str, ...] = ()
    #: Whether it writes one folder for all datasets, instead of one for each.
    whole: bool = False


def code_of(stage: str, readers: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return a digest of the code that a stage runs for datasets with these readers.

    Also returns the versions of the packages that it uses.
    """
    patterns = [*STAGES[stage].code]
    readers = sorted(readers) if stage in OF_READERS else []
    patterns += [f"readers/{module_of(reader)}.py" for reader in readers]
    if stage in ("publish", "report"):  # card and page name the code of all that went before
        others = [name for name in STAGES if name not in ("publish", "report")]
        patterns += [pattern for name in others for pattern in STAGES[name].code]
    paths = [path for pattern in patterns for path in code.PACKAGE.glob(pattern) if path.is_file()]
    files = code.reached(paths, SILENT)
    digest, versions = code.digest(files), code.versions(files)
    # A format of `json_rows` is data, and counts as code of its reader.
    if used := {reader: formats()[reader] for reader in readers if reader in formats()}:
        digest = xxhash.xxh3_128_hexdigest(msgspec.json.encode([digest, used]))
    return digest, versions


def compared(ws: Workspace) -> list[str]:
    """Return the datasets among which dedupe compared texts; none if it has not been run."""
    stamp = freshness.stamp_of(ws.place("dedupe", "all"))
    return [*stamp.made_from["declaration"]] if stamp else []


def overrides() -> Path | None:
    """Return the file of dictionary links changed by hand, if the current folder has one."""
    path = Path("dictionaries", "overrides.toml")
    return path if path.is_file() else None


def pairs() -> Any:
    """Return what the overrides say of pairs of labels of all datasets, see `Overrides`."""
    from pipeline.negatives.overrides import Overrides

    return Overrides.read(overrides()).pairs


def _normalize(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.normalize.stage import Source, normalize

    sources = [Source(d, *raw_files.edition(d, ws.raw, ws.manifests)) for d in datasets]
    normalize(sources, ws.settings.normalize, ws.folders["normalize"], ws.workers)


def _clean(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.clean.rules import STOP_WORDS
    from pipeline.clean.stage import clean

    source, out = ws.folders["normalize"], ws.folders["clean"]
    clean(datasets, source, ws.settings.clean, STOP_WORDS, out, ws.workers)


def _dedupe(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.dedupe.stage import dedupe

    dedupe(datasets, ws.folders["clean"], ws.settings.dedupe, ws.folders["dedupe"], ws.workers)


def _negatives(datasets: Sequence[Dataset], ws: Workspace, imported: Path | None = None) -> None:
    from pipeline.negatives.stage import negatives

    clean, dedupe, out = (ws.folders[stage] for stage in ("clean", "dedupe", "negatives"))
    settings = ws.settings.negatives
    negatives(datasets, clean, dedupe, settings, out, overrides(), imported, ws.workers)


def _instruct(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.instruct.stage import instruct
    from pipeline.negatives.interchange import dictionary_for

    folders = ws.folders
    near_labels = {d.id: dictionary_for(d, folders["negatives"]) for d in datasets}
    clean, dedupe, out = folders["clean"], folders["dedupe"], folders["instruct"]
    settings = ws.settings.instruct
    corpus = [ws.dataset(name) for name in compared(ws)] if settings.of_corpus else ()
    joined = pairs() if settings.of_corpus else ()
    instruct(datasets, clean, dedupe, near_labels, settings, out, ws.workers, corpus, joined)


def _publish(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.publish.stage import publish

    digest, _ = code_of("publish", {d.reader["name"] for d in datasets})
    publish(datasets, ws.folders, ws.settings, ws.folders["publish"], ws.workers, digest)


def _report(
    datasets: Sequence[Dataset], ws: Workspace, skipped: Sequence[tuple[str, str]] = ()
) -> None:
    from pipeline.report.page import parameters
    from pipeline.report.stage import report

    digest, _ = code_of("report", {d.reader["name"] for d in datasets})
    made = {"code": digest, "parameters": parameters(ws.settings)}
    report(datasets, ws.folders, ws.folders["report"], skipped, ws.workers, made, pairs())


#: In the order in which they run.
STAGES: Final[dict[str, Stage]] = {
    "normalize": Stage(_normalize, (), ("normalize/stage.py",), ("normalize",)),
    "clean": Stage(_clean, ("normalize",), ("clean/stage.py", "clean/stop_words/*"), ("clean",)),
    "dedupe": Stage(_dedupe, ("clean",), ("dedupe/stage.py",), ("dedupe",), whole=True),
    "negatives": Stage(
        _negatives, ("clean", "dedupe"), ("negatives/stage.py", "tasks/*.py"), ("negatives",)
    ),
    "instruct": Stage(
        _instruct,
        ("clean", "dedupe", "negatives"),
        ("instruct/stage.py", "instruct/templates.toml", "tasks/*.py"),
        ("instruct",),
    ),
    "publish": Stage(
        _publish,
        ("normalize", "clean", "dedupe", "instruct"),
        ("publish/stage.py", "publish/*.md"),
        ("normalize", "clean", "dedupe", "negatives", "instruct", "publish"),
        whole=True,
    ),
    "report": Stage(
        _report,
        ("normalize", "clean", "dedupe", "negatives", "instruct"),
        ("report/stage.py", "report/page/*", "tasks/*.py"),
        ("normalize", "clean", "dedupe", "negatives", "instruct"),
        whole=True,
    ),
}
