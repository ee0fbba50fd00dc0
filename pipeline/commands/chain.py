"""Which folders of a run follow from which inputs, and which of them must be made.

`dvc repro`, `iepile run` and single stages all use `Chain`. It asks `execution/freshness` what is
stale, runs the stage over that, and stamps the result.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import xxhash

from pipeline.catalog import Dataset, raw_files
from pipeline.commands.layout import ALL, Workspace
from pipeline.commands.wiring import OF_READERS, STAGES, code_of, overrides, pairs
from pipeline.errors import RawFileError, StaleError, WorkError
from pipeline.execution import engines, freshness, shards, tuning
from pipeline.execution.engines import Tell
from pipeline.execution.freshness import MadeFrom
from pipeline.terminal import progress

#: Keys of a declaration that change no record and no instruction, but the card and the audit page.
_DESCRIPTIVE: Final = (
    *("title", "version", "homepage", "citation", "domain", "note", "coverage_source"),
    *("license", "license_url", "license_note", "restrictions"),
    *("quality", "access", "access_note", "splits"),
)


class Chain:
    """What every folder of a run over some datasets is made from, and whether it is fresh.

    With `only`, stages that write a folder per dataset consider these datasets alone.
    """

    def __init__(self, names: Iterable[str], ws: Workspace, only: Sequence[str] = ()) -> None:
        self.ws = ws
        self.datasets = {name: ws.dataset(name) for name in sorted({*names, *only})}
        self.only = only
        #: (stage, name) -> the digests of the files that the stage left.
        self._files: dict[tuple[str, str], dict[str, str]] = {}
        #: (stage, readers) -> the digest of the code, and the versions of the packages it uses.
        self._codes: dict[tuple[str, ...], tuple[str, dict[str, str]]] = {}

    def units(self, stage: str) -> list[str]:
        """Return the names of the folders that a stage writes: the datasets, or `ALL`."""
        return [ALL] if STAGES[stage].whole else [*(self.only or self.datasets)]

    def why_stale(self, stage: str, name: str, made_from: MadeFrom | None = None) -> str:
        """Say why a folder must be made, or is not made from `made_from`; "" if it is fresh."""
        wanted = self.made_from(stage, name) if made_from is None else made_from
        return freshness.why_stale(self.ws.place(stage, name), wanted, self._digests(stage, name))

    def require(self, *stages: str, keys: Collection[str] = ()) -> None:
        """Raise `StaleError`, with what to run, if these stages or any before them are stale.

        With `keys`, compare only these keys of `made_from`.
        """
        wanted = {*stages}
        for stage in reversed(STAGES):
            wanted |= {*STAGES[stage].reads} if stage in wanted else set()
        for stage in (stage for stage in STAGES if stage in wanted):
            for name in self.units(stage):
                made_from = self.made_from(stage, name)
                compared = {key: made_from[key] for key in keys or made_from}
                if why := self.why_stale(stage, name, compared):
                    what = stage if name == ALL else f"{stage} of {name}"
                    # `iepile negatives` takes no datasets.
                    command = stage if name == ALL or stage == "negatives" else f"{stage} {name}"
                    raise StaleError(
                        f"{what} {why}",
                        where=self.ws.place(stage, name).folder,
                        todo=f"run `iepile {command}`; `dvc repro` and `iepile run` run every "
                        "stage that is stale",
                    )

    def made_from(self, stage: str, name: str) -> MadeFrom:
        """Return what the bytes of a folder follow from, see `execution/freshness`."""
        datasets = [*self.datasets.values()] if name == ALL else [self.datasets[name]]
        settings = msgspec.to_builtins(self.ws.settings)
        parameters = {section: settings[section] for section in STAGES[stage].parameters}
        if stage == "normalize":
            del parameters["normalize"]["max_reject_rate"]  # it can stop a run, but change no byte
        texts = Path(self.ws.settings.instruct.templates)
        if "instruct" in parameters and texts.is_file():
            parameters["instruct"]["templates"] = freshness.digest(texts)
        if "dedupe" in parameters:
            from pipeline.dedupe import overlap

            files = overlap.outside(self.ws.settings.dedupe)
            parameters["dedupe"]["against"] = [[str(f), freshness.digest(f)] for f in files]
        descriptive = stage in ("publish", "report")
        digest, packages = self._code(stage, datasets)
        return {
            "code": digest,
            "packages": packages,
            "parameters": parameters if descriptive else parameters[stage],
            "declaration": {d.id: _declaration(d, descriptive=descriptive) for d in datasets},
            "inputs": dict(self._inputs(stage, name)),
            "sources": self._sources(stage, name),
        }

    def _code(self, stage: str, datasets: Sequence[Dataset]) -> tuple[str, dict[str, str]]:
        readers = sorted({d.reader["name"] for d in datasets}) if stage in OF_READERS else []
        key = (stage, *readers)
        if key not in self._codes:
            self._codes[key] = code_of(stage, readers)
        return self._codes[key]

    def _inputs(self, stage: str, name: str) -> Iterator[tuple[str, str]]:
        """Yield every folder that a stage reads, with a digest of its contents."""
        # With a budget, for one, what a dataset is asked follows from the records of all.
        shared = stage == "instruct" and self.ws.settings.instruct.of_corpus
        for earlier in STAGES[stage].reads:
            whole = STAGES[earlier].whole
            every = name == ALL or (shared and earlier in ("clean", "dedupe"))
            for dataset in self.datasets if every else (name,):
                files = self._digests(earlier, ALL if whole else dataset)
                # Of the negatives, only the dictionary is read, not the account next to it.
                prefix = f"{dataset}/" if whole else {"negatives": "dictionary"}.get(earlier, "")
                yield f"{earlier} of {dataset}", freshness.contents(files, prefix)

    def _sources(self, stage: str, name: str) -> dict[str, str]:
        """Return the digests of what a stage reads of the user's: raw files, overrides."""
        if stage == "normalize":
            return {"raw files": _raw(self.datasets[name], self.ws)}
        if stage == "negatives":
            path = overrides()
            return {"overrides": freshness.digest(path)} if path else {}
        if stage == "report" or (stage == "instruct" and self.ws.settings.instruct.of_corpus):
            joined = pairs()
            return {"pairs": _digest_of_json(joined)} if joined else {}
        return {}

    def _digests(self, stage: str, name: str) -> dict[str, str]:
        """Return the digests of the files that a stage left; computed once."""
        key = (stage, name)
        if key not in self._files:
            self._files[key] = freshness.digests(self.ws.place(stage, name).folder)
        return self._files[key]

    def make(self, stage: str, *, force: bool = False, **more: Any) -> None:
        """Run a stage over what is stale, while it is watched.

        `more` are arguments of the stage's own. Raises `WorkError` if parameters, declarations,
        code or raw files changed while the stage ran.
        """
        with progress.watch(stage) as (tell, end):
            end(self._make(stage, tell, force=force, **more))

    def _make(self, stage: str, tell: Tell, *, force: bool, **more: Any) -> str:
        """Run a stage over what is stale; say how much that was."""
        asked = {"asked": {key: _digest(value) for key, value in more.items() if value}}
        made_from = {name: self.made_from(stage, name) | asked for name in self.units(stage)}
        due = [name for name in made_from if force or self.why_stale(stage, name, made_from[name])]
        for name, place in ((name, self.ws.place(stage, name)) for name in made_from):
            if name in due:
                freshness.begin(place, made_from[name])
            else:  # unfinished work may be left of other parameters, or of a run killed at its end
                freshness.abandon(place, done=True)
        if not due:
            return "fresh"
        datasets = [self.datasets[name] for name in (self.datasets if ALL in due else due)]
        try:
            size = self.ws.input_bytes(stage, datasets)
            workers = engines.enough(self.ws.workers._replace(tell=tell), size)
            tuning.skip_pandas()
            STAGES[stage].make(datasets, self.ws._replace(workers=workers), **more)
            tuning.release()
        except BaseException:
            for name in due:
                freshness.abandon(self.ws.place(stage, name))
            raise
        self._check_unchanged(stage, {name: made_from[name] for name in due})
        for name in due:
            self._files[stage, name] = freshness.finish(self.ws.place(stage, name), made_from[name])
        return f"{len(due)} of {len(made_from)} datasets" if len(made_from) > 1 else ""

    def _check_unchanged(self, stage: str, made_from: dict[str, MadeFrom]) -> None:
        """Fail if what a stage was made from has changed while it ran."""
        now = Chain(self.datasets, self.ws.reread(), self.only)
        now._files = self._files
        changed = [] if now.ws.settings == self.ws.settings else ["the parameters"]
        for name, before in made_from.items():
            after = before | now.made_from(stage, name)
            for key in (key for key in before if after[key] != before[key]):
                what = ", ".join(before[key] | after[key]) if key == "sources" else key
                changed.append(f"the {what}")
        if changed:
            for name in made_from:
                freshness.forget(self.ws.place(stage, name))
            what = f"{changed[0]} changed while {stage} ran"
            todo = "run it again; its results mixed old and new, and were removed"
            raise WorkError(what, where=self.ws.folders[stage], todo=todo)

    def sweep(self, stages: Iterable[str] = STAGES) -> None:
        """Remove what earlier runs left of datasets that this run does not have."""
        for stage in stages:
            for stamp in (self.ws.out / "stamps" / stage).glob("*.json"):
                if stamp.stem not in self.units(stage):
                    freshness.forget(self.ws.place(stage, stamp.stem))


def _digest(value: Any) -> str:
    """Return a digest of an argument of a stage: of a file's contents, or of the value."""
    return freshness.digest(value) if isinstance(value, Path) else _digest_of_json(value)


def _digest_of_json(value: Any) -> str:
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(value))


def _declaration(dataset: Dataset, *, descriptive: bool) -> str:
    """Return a digest of a declaration, with or without its descriptive keys."""
    content = msgspec.to_builtins(dataset)
    if not descriptive:
        content = {key: value for key, value in content.items() if key not in _DESCRIPTIVE}
    return _digest_of_json(content)


def _raw(dataset: Dataset, ws: Workspace) -> str:
    """Return a digest of a dataset's raw files and of the manifest that declares them."""
    folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
    files = {"manifest": _digest_of_json(manifest)}
    for split in manifest.splits.values():
        for file in split.files:
            path = folder / file.path
            if path.is_file():
                files[f"{file.path}/"] = freshness.digest(path)
            elif path.is_dir():
                inside = freshness.digests(path)
                files |= {f"{file.path}/{name}": digest for name, digest in inside.items()}
        if split.documents:
            files[f"list {split.documents}"] = freshness.digest(raw_files.CATALOG / split.documents)
    return freshness.contents(files)


def gate(stage: str, chain: Chain) -> str:
    """Return, as JSON, what a stage is made from besides its input files: DVC compares this."""
    units = {
        name: {
            key: value
            for key, value in chain.made_from(stage, name).items()
            if key not in ("inputs", "sources")
        }
        for name in chain.units(stage)
    }
    return msgspec.json.format(msgspec.json.encode(units, order="sorted"), indent=1).decode() + "\n"


def missing(names: Sequence[str], ws: Workspace) -> dict[str, str]:
    """Return the datasets whose raw files are absent, each with the reason why it is skipped."""
    reasons = {}
    for name in names:
        folder, manifest = raw_files.edition(ws.dataset(name), ws.raw, ws.manifests)
        if not raw_files.present(folder, manifest):
            reasons[name] = f"no raw files in {folder}"
    return reasons


def everything(names: Sequence[str], ws: Workspace, *, force: bool = False) -> Any:
    """Run every stage that is stale, over the datasets that have raw files; return the counts.

    What earlier runs left of other datasets is removed. Raises `RawFileError` if no dataset has
    raw files.
    """
    from pipeline.negatives import interchange
    from pipeline.negatives import stage as dictionaries
    from pipeline.publish import stage as corpus

    skipped = missing(names, ws)
    names = [name for name in names if name not in skipped]
    if not names:
        raise RawFileError(
            "none of these datasets has raw files",
            where=ws.raw,
            todo="name the folder of raw folders with --raw; `iepile fetch` downloads files, and "
            "`iepile new` declares your own",
        )
    chain = Chain(names, ws)
    datasets = [*chain.datasets.values()]
    dictionaries.check(datasets, ws.settings.negatives, overrides())
    corpus.check(datasets, ws.settings.publish)
    for stage in STAGES:
        more = {"skipped": [*skipped.items()]} if stage == "report" else {}
        chain.make(stage, force=force, **more)
    interchange.gather(names, ws.folders["negatives"], ws.out / "dictionaries")
    chain.sweep()
    return shards.read_json(ws.folders["report"] / "counts.json", "datasets", "skipped")
