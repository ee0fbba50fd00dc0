"""A run: its folders, its settings and its workers.

`workspace` makes it of the options that most commands share; `writing` also locks its folder.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import catalog, config
from pipeline.catalog import Dataset, raw_files
from pipeline.commands import Arguments
from pipeline.config import Settings
from pipeline.errors import DeclarationError
from pipeline.execution import atomic, machine, ownership
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Place

#: The name of what a stage writes for all datasets at once.
ALL = "all"
#: Stage -> its folder under `--out`.
_FOLDERS = {
    **{stage: stage for stage in ("normalize", "clean", "dedupe", "negatives", "instruct")},
    "publish": "corpus",
    "report": "reports",
}


def folders(out: Path) -> dict[str, Path]:
    """Return stage -> its output folder, of a run."""
    return {stage: out / folder for stage, folder in _FOLDERS.items()}


class Workspace(NamedTuple):
    """The folders of a run, its settings and its workers."""

    settings: Settings
    raw: Path
    out: Path
    manifests: Path | None = None
    workers: Workers = Workers()
    #: The only folder of declarations; None means those that `catalog` searches.
    declarations: Path | None = None
    #: The file that the settings were read from, if any.
    params: Path | None = None

    @property
    def folders(self) -> dict[str, Path]:
        """Stage -> its output folder."""
        return folders(self.out)

    @property
    def catalogs(self) -> list[Path]:
        """The folders that hold declarations."""
        return [self.declarations] if self.declarations else raw_files.catalogs()

    def dataset(self, name: str) -> Dataset:
        """Return a dataset's declaration, with the parameters that change it applied."""
        names = self.settings.instruct.names
        return catalog.load(name, self.declarations, self.settings.no_relation_label, names)

    def place(self, stage: str, name: str) -> Place:
        """Return the folder and stamp of a stage for a dataset, or for `ALL`."""
        folder = self.folders[stage]
        stamp = self.out / "stamps" / stage / f"{name}.json"
        return Place(folder if name == ALL else folder / name, stamp)

    def input_bytes(self, stage: str, datasets: Sequence[Dataset]) -> int:
        """Return about how many bytes a stage reads: of raw files, or of normalized shards."""
        if stage != "normalize":
            return sum(raw_files.size(self.folders["normalize"] / d.id) for d in datasets)
        folders = [raw_files.edition(d, self.raw, self.manifests)[0] for d in datasets]
        return sum(map(raw_files.size, folders))

    def reread(self) -> "Workspace":
        """Return the same with the settings read again from their file."""
        if self.params is None:
            return self
        named = None if self.params == config.PARAMS else self.params
        return self._replace(settings=config.load(named))


def workspace(arguments: Arguments) -> Workspace:
    """Return the folders, settings and workers that the options of a command name."""
    names = ("params", "raw", "manifests", "run", "out", "workers", "address")
    options: dict[str, Any] = dict.fromkeys(names) | {"engine": "local"} | vars(arguments)
    params, engine, address = (options[key] for key in ("params", "engine", "address"))
    if address and engine != "ray":
        what, todo = "--address needs a Ray cluster", "add --engine ray"
        raise DeclarationError(what, where=f"--address {address}", todo=todo)

    def place(text: object) -> Path:
        # The processes of a cluster have other working directories.
        path = atomic.place(str(text))
        return path.absolute() if engine == "ray" else path

    settings = config.load(params)
    return Workspace(
        settings=settings,
        raw=place(options["raw"] or settings.raw),
        out=place(options["run"] or options["out"] or "output"),
        manifests=place(options["manifests"]) if options["manifests"] else None,
        workers=Workers(options["workers"] or machine.cores(), engine, address),
        params=params or config.PARAMS,
    )


@contextmanager
def writing(arguments: Arguments, ids: Sequence[str] = ()) -> Iterator[Workspace]:
    """Yield the workspace, with its output folder, or these datasets of it, locked until the end.

    Raises `DeclarationError` if the folder is not ours, or if a write could replace an input.
    """
    ws = workspace(arguments)
    dictionaries = getattr(arguments, "dictionaries", None)
    imported = getattr(arguments, "imported", None)
    overrides = Path("dictionaries", "overrides.toml")
    outputs = [ws.out, *ws.folders.values()]
    if dictionaries:
        outputs += [dictionaries / "hard_negatives", dictionaries / "hard_negatives.json"]
    ownership.apart(outputs, (ws.raw, ws.manifests, *ws.catalogs, ws.params, overrides, imported))
    mark = ownership.DICTIONARY
    own = ownership.claimed(dictionaries, mark) if dictionaries else nullcontext()
    with own, ownership.writing(ws.out, ids):
        yield ws


@contextmanager
def reading(arguments: Arguments) -> Iterator[dict[str, Path]]:
    """Yield the folders of the run that `--run` names; no other process changes it meanwhile."""
    out = atomic.place(arguments.run)
    with ownership.reading(out):
        yield folders(out)
