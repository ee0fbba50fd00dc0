"""The raw files of a dataset: which are declared for each split, and whether they are those.

A raw folder may hold a `manifest.toml` that takes the place of the files declared in the catalog
(the sample edition does, and says that its texts are invented).
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pipeline import config
from pipeline.catalog.declaration import Dataset, File, Manifest, Split
from pipeline.errors import DeclarationError, PipelineError, RawFileError, explained
from pipeline.records import SPLITS, Reject
from pipeline.text import some

_LONGEST_NAME: Final = 255
#: The declarations of datasets, and the lists of documents that they name.
CATALOG: Final = Path(__file__).resolve().parent


def catalogs() -> list[Path]:
    """The folders of declarations: ours, and last the one where the user's are read and written.

    In the project's own folder both are the same; elsewhere it is `catalog/` of the current folder.
    """
    here = Path.cwd()
    return [CATALOG] if here == CATALOG.parents[1] else [CATALOG, here / CATALOG.name]


def _listed(documents: str) -> Path | None:
    """Return the path of a list of documents that a split names."""
    paths = (folder / documents for folder in catalogs())
    return next((path for path in paths if path.is_file()), None)


def check_splits(splits: dict[str, Split], path: Path, *, whole: bool) -> None:
    """Refuse splits, declared in the TOML at `path`, that no files could be.

    `whole`: the source comes without splits, and its files stand under `all`.
    """
    config.check_known(sorted(splits), ["all"] if whole else SPLITS, "split", path)
    for split in splits.values():
        for file in split.files:
            _check_inside(file.path, path)
        if split.documents is not None:
            _check_inside(split.documents, path)
            if _listed(split.documents) is None:
                what = f"cannot read the list of documents {split.documents!r}: there is none"
                raise DeclarationError(what, where=path, todo=f"put it into {catalogs()[-1]}")


def _check_inside(text: str, path: Path) -> None:
    """Refuse a path that leaves the folder that it is relative to, or that no file can have."""
    parts = Path(text).parts
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        what = f"cannot read: File name too long: {text[:80]!r} ..."
        raise DeclarationError(what, where=path, todo="correct it")
    if Path(text).is_absolute() or ".." in parts or "\0" in text or not text.strip():
        what = f"{text!r} leaves the raw folder, or is no path"
        raise DeclarationError(what, where=path, todo="use one inside it")


def edition(dataset: Dataset, raw: Path, manifests: Path | None = None) -> tuple[Path, Manifest]:
    """Return the raw folder of a dataset and its manifest.

    A manifest from `manifests/<id>.toml` comes first, then `manifest.toml` in the raw folder, then
    the full edition as declared.
    """
    given = manifests / f"{dataset.id}.toml" if manifests else None
    in_folder = raw / dataset.id / "manifest.toml"
    path = given if given and given.is_file() else in_folder
    if not path.exists():
        return raw / dataset.id, Manifest(splits=dataset.splits, version=dataset.version_of_data)
    if problem := shut(path, raw / dataset.id if path is in_folder else None):
        raise problem
    manifest: Manifest = config.read_toml(path, Manifest)
    check_splits(manifest.splits, path, whole=bool(dataset.split_by_hash))
    folder = raw / (manifest.folder or dataset.id)
    _check_inside(manifest.folder or dataset.id, path)
    if not manifest.splits:
        todo = "declare [splits.train], say"
        raise DeclarationError("a manifest needs splits", where=path, todo=todo)
    return folder, manifest


def present(folder: Path, manifest: Manifest) -> bool:
    """Whether any declared file of an edition is there."""
    return any((folder / f.path).exists() for s in manifest.splits.values() for f in s.files)


def size(path: Path) -> int:
    """Return the size in bytes of a raw file or of all files of a folder; 0 if unreadable."""
    try:
        inner = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in inner if file.is_file())
    except OSError:
        return 0  # the error is reported when the file is read


def digest(path: Path) -> str:
    """The sha256 of a file; of a folder, that of its sorted lines `<sha256>  <relative path>`.

    Raises RawFileError for what is neither, see `shut`.
    """
    if path.is_dir():
        inner = sorted(p for p in path.rglob("*") if p.is_file())
        listing = "".join(f"{digest(p)}  {p.relative_to(path).as_posix()}\n" for p in inner)
        return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
    if not path.is_file() and (problem := shut(path)):
        raise problem
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """The id that Git gives a file: the SHA-1 of `blob`, its length, a zero byte and its bytes.

    Many repositories show it where they show no other hash of a large file.
    """
    sha1 = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            sha1.update(chunk)
    return sha1.hexdigest()


def mismatch(path: Path, file: File) -> str | None:
    """Say how the bytes at a path differ from the declared ones; None if they do not."""
    if file.sha256:
        kind, actual, declared = "sha256", digest(path), file.sha256
    elif file.git:
        if path.is_dir():
            return "a folder has no Git blob id, declare its sha256"
        kind, actual, declared = "Git blob id", git_blob(path), file.git
    else:
        return None
    return None if actual == declared else f"{kind} is {actual}, declared is {declared}"


def undeclared(dataset: Dataset, folder: Path, manifest: Manifest) -> RawFileError | None:
    """Return an error if no files are declared for any split: there would be no records."""
    if manifest.splits:
        return None
    what = f"no raw files of {dataset.id} are declared, so there is nothing to read"
    todo = "place a manifest.toml there, or declare [splits.*] in the dataset's TOML file"
    return RawFileError(what, where=folder, todo=todo)


def verified(folder: Path, split: Split) -> list[Path]:
    """The paths of a split's files, each present and, where declared, of the right hash."""
    for problem in faults(folder, split):
        raise problem
    return [folder / file.path for file in split.files]


def shut(path: Any, folder: Any = None) -> RawFileError | None:
    """Return why a raw file or folder may not be read; every reader calls this first.

    It is missing, or something in it is neither a file nor a folder: a pipe would keep its reader
    waiting for ever, and a device never ends. Where `folder` is given, no link may lead out of it.
    """
    try:
        if not path.exists():
            what = "this raw file is missing"
            todo = "`iepile fetch` gets it, or says whom to ask; a file of yours belongs here"
            return RawFileError(what, where=path, todo=todo)
        if not isinstance(path, Path):
            return None  # an object store has files alone
        whole = os.path.realpath(folder) if folder else "/"
        for inner in (path, *(path.rglob("*") if path.is_dir() else ())):
            linked = inner == path or inner.is_symlink()
            if linked and not Path(os.path.realpath(inner)).is_relative_to(whole):
                what = "this link leads out of the raw folder"
                todo = "put the file itself there, or make the whole raw folder a link"
                return RawFileError(what, where=inner, todo=todo)
            if not (inner.is_file() or inner.is_dir()) and inner.exists():
                what = "this is neither a file nor a folder: a pipe, a socket or a device"
                return RawFileError(what, where=inner, todo="put a plain file in its place")
    except OSError as problem:
        return _unreadable(problem, path)
    return None


def _unreadable(problem: OSError, path: object) -> RawFileError:
    what = f"cannot read: {problem.strerror}"
    return RawFileError(what, where=path, todo="see who may read it, and its name")


def faults(folder: Path, split: Split) -> Iterator[PipelineError]:
    """What is wrong with the bytes of a split's files, file by file."""
    for file in split.files:
        path = folder / file.path
        try:
            fault: PipelineError | None = _fault(path, file, folder)
        except OSError as problem:
            fault = explained(problem, path) or _unreadable(problem, path)
        if fault:
            yield fault


def _fault(path: Path, file: File, folder: Path) -> RawFileError | None:
    """What is wrong with a raw file, and what to do about it."""
    if problem := shut(path, folder):
        return problem
    what, todo = None, "move it away and run `iepile fetch`"
    if path.is_file() and path.stat().st_size == 0:
        what = "this raw file is empty"
    elif what := mismatch(path, file):
        todo = f"{todo}, or write a manifest.toml for it"
    return RawFileError(what, where=path, todo=todo) if what else None


def documents_of(items: Iterator[Any], split: Split, *, first: bool = True) -> Iterator[Any]:
    """The items of the documents that a split lists, where one file holds several splits.

    A reject that names no document belongs to no split: it is counted in the `first` one alone.
    """
    if split.documents is None:
        yield from items
        return
    path = _listed(split.documents) or CATALOG / split.documents
    try:
        wanted = {*path.read_text(encoding="utf-8").split()}
    except (OSError, UnicodeDecodeError) as problem:
        what = f"cannot read the list of documents: {problem}"
        todo = "correct `documents` of the split, or put the list there"
        raise explained(problem, path) or DeclarationError(what, where=path, todo=todo) from None
    seen = set()
    for item in items:
        if item.source_id in wanted:
            seen.add(item.source_id)
            yield item
        elif first and isinstance(item, Reject) and item.source_id is None:
            yield item
    if (lacking := sorted(wanted - seen)) and not split.counts:
        raise RawFileError(
            f"documents of the list that are not in the files: {some(lacking, 3)}",
            where=path,
            todo="get the files whole; or declare the counts of what you have in a manifest.toml",
        )
