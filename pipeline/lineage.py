"""What a stage's folder was made from, so that folders that do not belong together are told apart.

Every stage that writes a folder per dataset leaves `made_from.json` in it, and dedupe and publish
one for all:

    contents      a digest of the folder's files
    declaration   a digest of what the dataset's TOML says of records and instructions
    parameters    the section of params.yaml that was obeyed
    sources       stage or dictionary -> the contents that were read
    datasets      in that of dedupe: among which texts were compared

`check` compares these before a stage or an export reads on: a declaration or a parameter that has
changed since, or a stage that was forgotten, is an error that names the command that is due. Raw
files are not compared, nor is the dictionary with what it was built from: it may be a peer's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import xxhash

from pipeline import atomic, shards
from pipeline.errors import StaleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

NAME: Final = "made_from.json"
#: In the corpus it is hidden: what loads or scores a folder of files shall not take it for rows.
_OF_CORPUS: Final = f".{NAME}"
#: The stages with a folder per dataset, in their order.
STAGES: Final = ("normalize", "clean", "dedupe", "instruct")
#: Of a declaration, what changes no record and no instruction.
_ABOUT: Final = ("title", "homepage", "citation", "license", "domain", "note", "access")
_ABOUT_FILES: Final = ("access_note", "splits")
_PIECE: Final = 1 << 22


def stamp(folder: Path, dataset: Dataset, parameters: object = None, **sources: str | None) -> None:
    """Say in a finished folder what it was made from; the last thing that is written there."""
    made = {
        "contents": contents(folder),
        "declaration": declaration(dataset),
        "parameters": msgspec.to_builtins(parameters),
        "sources": sources,
    }
    shards.write_json(made, folder / NAME)


def stamp_corpus(folder: Path, names: Sequence[str], parameters: object) -> None:
    """Say in the folder of dedupe among which datasets texts were compared, and how."""
    made = {"datasets": sorted(names), "parameters": msgspec.to_builtins(parameters)}
    shards.write_json(made, folder / NAME)


def stamp_published(folder: Path, sources: Mapping[str, str | None], parameters: object) -> None:
    """Say in the corpus of which instructions it was made: dataset -> contents, and how."""
    made = {"sources": dict(sources), "parameters": msgspec.to_builtins(parameters)}
    shards.write_json(made, folder / _OF_CORPUS)


def contents(folder: Path) -> str:
    """A digest of the names and bytes of all files in a folder."""
    digest = xxhash.xxh3_128()
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != NAME]
    for path in sorted(files, key=lambda path: path.relative_to(folder).as_posix()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
        digest.update(b"\0")
    return digest.hexdigest()


def declaration(dataset: Dataset) -> str:
    """A digest of what a declaration says of records and instructions."""
    content = msgspec.to_builtins(dataset)
    told = {k: v for k, v in content.items() if k not in (*_ABOUT, *_ABOUT_FILES)}
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(told))


def stamped(folder: Path) -> str | None:
    """The contents that a folder's own stamp names; None where it has no stamp."""
    path = folder / NAME
    found: str | None = shards.read_json(path)["contents"] if path.is_file() else None
    return found


def of_dictionary(near: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """A digest of the near labels of a dataset: task -> label -> labels."""
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(near))


def check(
    dataset: Dataset,
    folders: Mapping[str, Path],
    last: str,
    parameters: Mapping[str, object] | None = None,
    dictionary: str | None = None,
) -> None:
    """Refuse folders of a dataset that were made from another declaration, or from older folders.

    `last` is the last stage whose folder is read. With `parameters`, stage -> its section, those
    must be the same as well; with `dictionary`, the one that the instructions were made with.
    """
    wanted = declaration(dataset)
    found: dict[str, str] = {}
    last_is_missing = not (folders[last] / dataset.id / NAME).is_file()
    for stage in STAGES[: STAGES.index(last) + 1]:
        folder = folders[stage] / dataset.id
        if not (folder / NAME).is_file():
            if last_is_missing:
                raise _stale(f"{stage} has not been run over {dataset.id}", folder, stage)
            continue
        made = shards.read_json(folder / NAME)
        if made["declaration"] != wanted:
            also = " (or no_relation_label in params.yaml)" if dataset.labels.no_relation else ""
            what = f"the declaration of {dataset.id}{also} has changed since {stage} was run"
            raise _stale(what, folder, "normalize")
        told = (parameters or {}).get(stage)
        if told is not None and (other := _differences(made["parameters"], told)):
            raise _stale(f"{stage} was run with other parameters: {other}", folder, stage)
        now = {**found, **({"dictionary": dictionary} if dictionary else {})}
        for source, old in made["sources"].items():
            if source in now and now[source] != old:
                name = "the dictionary" if source == "dictionary" else source
                what = f"{name} of {dataset.id} has changed since {stage} was run"
                raise _stale(what, folder, stage)
        found[stage] = made["contents"]


def compared(folder: Path) -> list[str]:
    """The datasets among which dedupe compared texts; none where it was not run."""
    path = folder / NAME
    return [*shards.read_json(path)["datasets"]] if path.is_file() else []


def check_corpus(folder: Path, names: Sequence[str], parameters: object) -> None:
    """Refuse a dedupe of other datasets, or with other parameters."""
    if not (folder / NAME).is_file():
        raise _stale("dedupe has not been run", folder, "dedupe")
    if others := sorted({*compared(folder)} ^ {*names}):
        what = (
            f"dedupe was run over other datasets; {others[0]} is in one list and not in the other"
        )
        raise _stale(what, folder, "dedupe")
    if other := _differences(shards.read_json(folder / NAME)["parameters"], parameters):
        raise _stale(f"dedupe was run with other parameters: {other}", folder, "dedupe")


def check_published(corpus: Path, instruct: Path, names: Sequence[str], parameters: object) -> None:
    """Refuse a corpus of other instructions than these, or with other `parameters` (None: any).

    One that came without a stamp, or without the folders that it was made from, is taken as it is.
    """
    if not (corpus / _OF_CORPUS).is_file():
        return
    made = shards.read_json(corpus / _OF_CORPUS)
    for name in names:
        now = stamped(instruct / name)
        if now is not None and made["sources"].get(name) != now:
            raise _stale(
                f"the instructions of {name} are others than publish saw", corpus, "publish"
            )
    if parameters is not None and (other := _differences(made["parameters"], parameters)):
        raise _stale(f"publish was run with other parameters: {other}", corpus, "publish")


def forget(folder: Path, names: Sequence[str]) -> None:
    """Remove from a stage's folder those of other datasets, and what a killed run left."""
    for path in [*folder.iterdir()]:
        left = path.name.startswith(".") and path.name.endswith((".partial", ".retired"))
        if left or (path.name not in names and (path / NAME).is_file()):
            atomic.remove(path)


def _differences(old: Any, new: object) -> str:
    told = msgspec.to_builtins(new)
    keys = [key for key in told if (old or {}).get(key) != told[key]]
    return ", ".join(f"{key} was {(old or {}).get(key)!r}, is {told[key]!r}" for key in keys)


def _stale(what: str, folder: Path, stage: str) -> StaleError:
    name = "" if stage in ("dedupe", "publish") else f" {folder.name}"
    todo = f"run `iepile {stage}{name}` and the stages after it; `dvc repro` or `iepile run` do all"
    return StaleError(what, where=folder, todo=todo)
