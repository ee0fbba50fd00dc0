"""The stages wired together over one folder: what follows from what, and what is due.

`dvc repro`, `iepile run` and single stages all go through `Chain`, which asks
`execution/freshness` what is stale, makes that, and stamps it.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import xxhash

from pipeline import catalog, config
from pipeline.catalog import raw_files
from pipeline.errors import RawFileError, StaleError, WorkError
from pipeline.execution import code, freshness, shards
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import MadeFrom, Place
from pipeline.readers import formats, module_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pipeline.catalog import Dataset
    from pipeline.config import Settings
    from pipeline.execution.engines import Tell

    #: Shows a stage while it runs: what to call for every step, and with the words for its end.
    Watch = Callable[[str], AbstractContextManager[tuple[Tell | None, Callable[[str], None]]]]

#: Modules that say how work is done, or what went wrong, and change no byte of a result.
SILENT: Final = (
    *("config", "errors", "terminal", "commands/chain", "execution/atomic", "execution/cluster"),
    *("execution/engines", "execution/tuning", "execution/machine", "execution/ownership"),
    *("execution/freshness", "execution/code"),
)
#: Of a declaration, what changes no record and no instruction; the card and the page tell it.
_ABOUT: Final = ("title", "homepage", "citation", "license", "domain", "note", "access")
_ABOUT_FILES: Final = ("access_note", "splits")
#: The name of what a stage writes for all datasets at once.
ALL: Final = "all"


class Stage(NamedTuple):
    """A stage: the stages that it reads, what its code is made of, and whether it is done at once.

    `code` are files and patterns beside those that they import. A stage that is `whole` writes one
    folder for all datasets, the others a folder for each.
    """

    name: str
    reads: tuple[str, ...]
    code: tuple[str, ...]
    whole: bool = False
    #: The sections of params.yaml that it obeys.
    parameters: tuple[str, ...] = ()


#: In the order in which they run. What they call is in `MAKE`.
STAGES: Final = {
    stage.name: stage
    for stage in (
        Stage("normalize", (), ("normalize/stage.py",), parameters=("normalize",)),
        Stage(
            "clean",
            ("normalize",),
            ("clean/stage.py", "clean/stop_words/*"),
            parameters=("clean",),
        ),
        Stage("dedupe", ("clean",), ("dedupe/stage.py",), whole=True, parameters=("dedupe",)),
        Stage(
            "negatives",
            ("clean", "dedupe"),
            ("negatives/stage.py", "tasks/*.py"),
            parameters=("negatives",),
        ),
        Stage(
            "instruct",
            ("clean", "dedupe", "negatives"),
            ("instruct/stage.py", "tasks/*.py", "instruct/templates.toml"),
            parameters=("instruct",),
        ),
        Stage(
            "publish",
            ("normalize", "clean", "dedupe", "instruct"),
            ("publish/stage.py",),
            whole=True,
            parameters=("normalize", "clean", "dedupe", "negatives", "instruct", "publish"),
        ),
        Stage(
            "report",
            ("normalize", "clean", "dedupe", "negatives", "instruct"),
            ("report/stage.py", "tasks/*.py", "report/page/*"),
            whole=True,
        ),
    )
}


class Workspace(NamedTuple):
    """Where everything lies, with which parameters it is made, and by whom."""

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
        other = {"publish": "corpus", "report": "reports"}
        return {stage: self.out / other.get(stage, stage) for stage in STAGES}

    @property
    def catalogs(self) -> list[Path]:
        """The folders of the declarations."""
        return [self.declarations] if self.declarations else raw_files.catalogs()

    def dataset(self, name: str) -> Dataset:
        """A declaration, under the parameters that change it."""
        return catalog.load(name, self.declarations, self.settings.no_relation_label)

    def place(self, stage: str, name: str) -> Place:
        """Where a stage writes what it makes of a dataset, or of all."""
        folder = self.folders[stage]
        stamp = self.out / "stamps" / stage / f"{name}.json"
        return Place(folder if name == ALL else folder / name, stamp)

    def again(self) -> Workspace:
        """The same with parameters and declarations as they stand in their files now."""
        if self.params is None:
            return self
        named = None if self.params == config.PARAMS else self.params
        return self._replace(settings=config.load(named))


class Chain:
    """What every folder of a list of datasets follows from, and whether it is fresh.

    With `only`, stages that write a folder per dataset look at these alone.
    """

    def __init__(self, names: Iterable[str], ws: Workspace, only: Sequence[str] = ()) -> None:
        self.ws = ws
        self.datasets = {name: ws.dataset(name) for name in sorted({*names, *only})}
        self.only = only
        self._files: dict[tuple[str, str], dict[str, str]] = {}
        self._codes: dict[tuple[str, ...], str] = {}

    def units(self, stage: str) -> list[str]:
        """What a stage writes a folder for: every dataset, or all of them at once."""
        return [ALL] if STAGES[stage].whole else [*(self.only or self.datasets)]

    def why_stale(self, stage: str, name: str, keys: Collection[str] = ()) -> str:
        """Why a folder must be made, in words; "" if it is fresh. `keys`: compare only these."""
        made_from = self.made_from(stage, name)
        return self._why_stale(stage, name, {key: made_from[key] for key in keys or made_from})

    def _why_stale(self, stage: str, name: str, made_from: MadeFrom) -> str:
        return freshness.why_stale(self.ws.place(stage, name), made_from, self._found(stage, name))

    def require(self, *stages: str, keys: Collection[str] = ()) -> None:
        """Refuse to go on from stages, or those that they read, where they are stale.

        Raises `StaleError` that says what is due. With `keys` only these parts of `made_from` are
        compared.
        """
        wanted = {*stages}
        for stage in reversed(STAGES):
            wanted |= {*STAGES[stage].reads} if stage in wanted else set()
        for stage in (stage for stage in STAGES if stage in wanted):
            for name in self.units(stage):
                if why := self.why_stale(stage, name, keys):
                    own, of = ("", "") if name == ALL else (f" {name}", " of")
                    todo = (
                        f"run `iepile {stage}{own}`; `dvc repro` or `iepile run` do all that is due"
                    )
                    place = self.ws.place(stage, name).folder
                    raise StaleError(f"{stage}{of}{own} {why}", where=place, todo=todo)

    def made_from(self, stage: str, name: str) -> MadeFrom:
        """What the bytes of a folder follow from: see `execution/freshness`."""
        own = STAGES[stage]
        datasets = [*self.datasets.values()] if name == ALL else [self.datasets[name]]
        settings = msgspec.to_builtins(self.ws.settings)
        parameters = {section: settings[section] for section in own.parameters}
        if stage == "normalize":
            del parameters["normalize"]["max_reject_rate"]  # it stops a run and changes nothing
        told = len(parameters) > 1
        return {
            "code": self._code(stage, datasets),
            "parameters": parameters if told else next(iter(parameters.values()), {}),
            "declaration": {
                d.id: _declaration(d, about=told or stage == "report") for d in datasets
            },
            "inputs": dict(self._inputs(stage, name)),
            "sources": self._sources(stage, name),
        }

    def _code(self, stage: str, datasets: Sequence[Dataset]) -> str:
        readers = sorted({d.reader["name"] for d in datasets})
        key = (stage, *(readers if stage in ("normalize", "publish") else ()))
        if key not in self._codes:
            self._codes[key] = code_of(stage, readers)
        return self._codes[key]

    def _inputs(self, stage: str, name: str) -> Iterator[tuple[str, str]]:
        """What a stage reads for a dataset or all, each with a digest of its contents."""
        names = self.datasets if name == ALL else (name,)
        for earlier in STAGES[stage].reads:
            for own in names:
                whole = STAGES[earlier].whole
                files = self._found(earlier, ALL if whole else own)
                key = (
                    own if name == ALL and len(STAGES[stage].reads) == 1 else f"{earlier} of {own}"
                )
                # What is told about a dictionary changes no instruction.
                part = f"{own}/" if whole else {"negatives": "dictionary"}.get(earlier, "")
                yield key, freshness.contents(files, part)

    def _sources(self, stage: str, name: str) -> dict[str, str]:
        """What a stage reads besides, where the user and the current folder have it."""
        if stage == "normalize":
            return {"raw files": _raw(self.datasets[name], self.ws)}
        path = overrides() if stage == "negatives" else None
        return {"overrides": freshness.digest(path)} if path else {}

    def _found(self, stage: str, name: str) -> dict[str, str]:
        """The digests of the files that a stage left; looked at once."""
        key = (stage, name)
        if key not in self._files:
            self._files[key] = freshness.digests(self.ws.place(stage, name).folder)
        return self._files[key]

    def make(self, stage: str, *, force: bool = False, **more: Any) -> str:
        """Run a stage over what is stale; return in words how much that was.

        Raises `WorkError` where parameters, declarations, code or raw files are not at the end what
        they were at the start.
        """
        asked = {"asked": {key: _digest(value) for key, value in more.items() if value}}
        made_from = {name: self.made_from(stage, name) | asked for name in self.units(stage)}
        due = [name for name in made_from if force or self._why_stale(stage, name, made_from[name])]
        for name, own in made_from.items():
            if name in due:
                freshness.begin(self.ws.place(stage, name), own)
            else:  # what a run with other parameters left, or one that was killed as it ended
                freshness.abandon(self.ws.place(stage, name), done=True)
        try:
            if due:
                names = self.datasets if ALL in due else due
                MAKE[stage]([self.datasets[name] for name in names], self.ws, **more)
        except BaseException:
            for name in due:
                freshness.abandon(self.ws.place(stage, name))
            raise
        self._unchanged(stage, {name: made_from[name] for name in due})
        for name in due:
            self._files[stage, name] = freshness.finish(self.ws.place(stage, name), made_from[name])
        if not due:
            return "fresh"
        return "" if ALL in due else f"{len(due)} of {len(made_from)} datasets"

    def _unchanged(self, stage: str, made_from: dict[str, MadeFrom]) -> None:
        """Fail where what a stage was made from has changed while it ran."""
        if not made_from:
            return
        now = Chain(self.datasets, self.ws.again(), self.only)
        now._files = self._files
        changed = None if now.ws.settings == self.ws.settings else "the parameters"
        for name, before in made_from.items():
            after = before | now.made_from(stage, name)
            changed = changed or next(
                (_WORDS[key] for key in before if after.get(key) != before[key]), None
            )
        if changed:
            for name in made_from:
                freshness.forget(self.ws.place(stage, name))
            raise WorkError(
                f"{changed} changed while {stage} ran",
                where=self.ws.folders[stage],
                todo="run it again; what it had made was of both and is not kept",
            )

    def sweep(self, stages: Iterable[str] = STAGES) -> None:
        """Remove what earlier runs left of datasets that are not of this one."""
        for stage in stages:
            for stamp in (self.ws.out / "stamps" / stage).glob("*.json"):
                if stamp.stem not in self.units(stage):
                    freshness.forget(self.ws.place(stage, stamp.stem))


_WORDS: Final = {
    "code": "the code",
    "parameters": "the parameters",
    "declaration": "a declaration",
    "inputs": "a file that it reads",
    "sources": "a file that it reads",
}


def code_of(stage: str, readers: Iterable[str]) -> str:
    """A digest of the code that a stage runs for the datasets of these readers."""
    patterns = list(STAGES[stage].code)
    if stage in ("normalize", "publish"):
        patterns += [f"readers/{module_of(reader)}.py" for reader in readers]
    if stage == "publish":  # the card names the code that the corpus follows from
        patterns += [
            pattern for other in STAGES.values() if other.name != "report" for pattern in other.code
        ]
    paths = [path for pattern in patterns for path in code.PACKAGE.glob(pattern) if path.is_file()]
    found = code.digest(paths, SILENT)
    # A format is data: what `json_rows` is told of it counts as its code.
    own = {reader: formats()[reader] for reader in readers if reader in formats()}
    return _digest([found, own]) if own and stage in ("normalize", "publish") else found


def _digest(value: Any) -> str:
    """A digest of what a stage is told by its caller: a file, or values."""
    if isinstance(value, Path):
        return freshness.digest(value)
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(value))


def _declaration(dataset: Dataset, *, about: bool) -> str:
    """A digest of what a declaration says: of records and instructions, or `about` the rest too."""
    content = msgspec.to_builtins(dataset)
    if not about:
        content = {k: v for k, v in content.items() if k not in (*_ABOUT, *_ABOUT_FILES)}
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(content))


def _raw(dataset: Dataset, ws: Workspace) -> str:
    """A digest of a dataset's raw files as an edition declares them, and of that declaration."""
    folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
    found = {"manifest": xxhash.xxh3_128_hexdigest(msgspec.json.encode(manifest))}
    for split in manifest.splits.values():
        for file in split.files:
            path = folder / file.path
            inner = (
                freshness.digests(path)
                if path.is_dir()
                else {"": freshness.digest(path)}
                if path.is_file()
                else {}
            )
            found |= {f"{file.path}/{name}": own for name, own in inner.items()}
        if split.documents:
            found[f"list {split.documents}"] = freshness.digest(raw_files.CATALOG / split.documents)
    return freshness.contents(found)


def compared(ws: Workspace) -> list[str]:
    """The datasets among which dedupe compared texts; none where it was not run."""
    stamp = freshness.stamp_of(ws.place("dedupe", ALL))
    return [*stamp.made_from["declaration"]] if stamp else []


def gate(stage: str, chain: Chain) -> str:
    """What a stage follows from besides the files it reads, as text: what DVC compares for it."""
    found = {name: chain.made_from(stage, name) for name in chain.units(stage)}
    told = {
        name: {k: v for k, v in own.items() if k not in ("inputs", "sources")}
        for name, own in found.items()
    }
    return msgspec.json.format(msgspec.json.encode(told, order="sorted"), indent=1).decode() + "\n"


def overrides() -> Path | None:
    """The links changed by hand in the current folder, if there are any."""
    path = Path("dictionaries", "overrides.toml")
    return path if path.is_file() else None


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

    negatives(
        datasets,
        ws.folders["clean"],
        ws.folders["dedupe"],
        ws.settings.negatives,
        ws.folders["negatives"],
        overrides=overrides(),
        imported=imported,
        workers=ws.workers,
    )


def _instruct(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.instruct.stage import instruct
    from pipeline.negatives.interchange import dictionary_for

    folders = ws.folders
    near = {d.id: dictionary_for(d, folders["negatives"]) for d in datasets}
    clean, dedupe = folders["clean"], folders["dedupe"]
    instruct(datasets, clean, dedupe, near, ws.settings.instruct, folders["instruct"], ws.workers)


def _publish(datasets: Sequence[Dataset], ws: Workspace) -> None:
    from pipeline.publish.stage import publish

    digest = code_of("publish", {d.reader["name"] for d in datasets})
    publish(datasets, ws.folders, ws.settings, ws.folders["publish"], ws.workers, digest)


def _report(
    datasets: Sequence[Dataset], ws: Workspace, skipped: Sequence[tuple[str, str]] = ()
) -> None:
    from pipeline.report.stage import report

    report(datasets, ws.folders, ws.folders["report"], skipped, ws.workers)


MAKE: Final = {
    "normalize": _normalize,
    "clean": _clean,
    "dedupe": _dedupe,
    "negatives": _negatives,
    "instruct": _instruct,
    "publish": _publish,
    "report": _report,
}


def missing(names: Sequence[str], ws: Workspace) -> dict[str, str]:
    """Dataset -> why it is left out, for those whose raw files are absent."""
    absent = {}
    for name in names:
        folder, manifest = raw_files.edition(ws.dataset(name), ws.raw, ws.manifests)
        if not raw_files.present(folder, manifest):
            absent[name] = f"no raw files in {folder}"
    return absent


@contextmanager
def unwatched(stage: str) -> Iterator[tuple[None, Callable[[str], None]]]:
    """Show nothing of a stage."""
    del stage
    yield None, lambda _: None


def everything(
    names: Sequence[str], ws: Workspace, watch: Watch = unwatched, *, force: bool = False
) -> Any:
    """Run what is due of all stages, over datasets whose raw files are there; return the counts.

    What earlier runs left of other datasets is removed: the folder is that of this run.
    """
    from pipeline.negatives import interchange
    from pipeline.negatives import stage as dictionaries
    from pipeline.publish import stage as corpus

    left_out = missing(names, ws)
    names = [name for name in names if name not in left_out]
    if not names:
        raise RawFileError(
            "none of these datasets has raw files",
            where=ws.raw,
            todo="name the folder of raw folders with --raw; `iepile fetch` gets files, and "
            "`iepile new` declares files of yours",
        )
    chain = Chain(names, ws)
    datasets = [*chain.datasets.values()]
    dictionaries.check(datasets, ws.settings.negatives, overrides())
    corpus.check(datasets, ws.settings.publish)
    for stage in STAGES:
        with watch(stage) as (tell, end):
            chain.ws = ws._replace(workers=ws.workers._replace(tell=tell))
            more = {"skipped": [*left_out.items()]} if stage == "report" else {}
            end(chain.make(stage, force=force, **more))
    interchange.gather(names, ws.folders["negatives"], ws.out / "dictionaries")
    chain.sweep()
    return shards.read_json(ws.folders["report"] / "counts.json", "datasets", "skipped")
