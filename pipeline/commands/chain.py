"""What follows from what over one folder of a run, and what of it is due.

`dvc repro`, `iepile run` and single stages all go through `Chain`, which asks
`execution/freshness` what is stale, makes that, and stamps it.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import xxhash

from pipeline.catalog import raw_files
from pipeline.commands.layout import ALL
from pipeline.commands.wiring import STAGES, code_of, overrides
from pipeline.errors import RawFileError, StaleError, WorkError
from pipeline.execution import engines, freshness, shards, tuning

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pipeline.catalog import Dataset
    from pipeline.commands.layout import Workspace
    from pipeline.execution.engines import Tell
    from pipeline.execution.freshness import MadeFrom

    #: Shows a stage while it runs: what to call for every step, and with the words for its end.
    Watch = Callable[[str], AbstractContextManager[tuple[Tell | None, Callable[[str], None]]]]

#: Of a declaration, what changes no record and no instruction; the card and the page tell it.
_ABOUT: Final = (
    "title",
    "homepage",
    "citation",
    "license",
    "domain",
    "note",
    "access",
    "coverage_source",
)
_ABOUT_FILES: Final = ("access_note", "splits")


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
                    what, command = (
                        (stage, stage) if name == ALL else (f"{stage} of {name}", f"{stage} {name}")
                    )
                    todo = f"run `iepile {command}`; `dvc repro` or `iepile run` do all that is due"
                    where = self.ws.place(stage, name).folder
                    raise StaleError(f"{what} {why}", where=where, todo=todo)

    def made_from(self, stage: str, name: str) -> MadeFrom:
        """What the bytes of a folder follow from: see `execution/freshness`."""
        datasets = [*self.datasets.values()] if name == ALL else [self.datasets[name]]
        settings = msgspec.to_builtins(self.ws.settings)
        parameters = {section: settings[section] for section in STAGES[stage].parameters}
        if stage == "normalize":
            del parameters["normalize"]["max_reject_rate"]  # it stops a run and changes nothing
        if (
            texts := Path(self.ws.settings.instruct.templates)
        ).is_file() and "instruct" in parameters:
            parameters["instruct"]["templates"] = freshness.digest(texts)
        about = stage in ("publish", "report")
        return {
            "code": self._code(stage, datasets),
            "parameters": parameters if about else parameters[stage],
            "declaration": {d.id: _declaration(d, about=about) for d in datasets},
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
        for earlier in STAGES[stage].reads:
            whole = STAGES[earlier].whole
            for dataset in self.datasets if name == ALL else (name,):
                files = self._found(earlier, ALL if whole else dataset)
                # What is told about a dictionary changes no instruction.
                part = f"{dataset}/" if whole else {"negatives": "dictionary"}.get(earlier, "")
                yield f"{earlier} of {dataset}", freshness.contents(files, part)

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
        for name, wanted in made_from.items():
            if name in due:
                freshness.begin(self.ws.place(stage, name), wanted)
            else:  # what a run with other parameters left, or one that was killed as it ended
                freshness.abandon(self.ws.place(stage, name), done=True)
        try:
            if due:
                names = self.datasets if ALL in due else due
                datasets = [self.datasets[name] for name in names]
                size = self.ws.input_bytes(stage, datasets)
                workers = engines.enough(self.ws.workers, size)
                tuning.skip_pandas()
                STAGES[stage].make(datasets, self.ws._replace(workers=workers), **more)
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
        now = Chain(self.datasets, self.ws.reread(), self.only)
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
