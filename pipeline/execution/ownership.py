"""Which folders iepile may replace, and which process is using them.

A folder that we replace, or in which we replace folders, holds a mark: the file `.iepile`, with a
line that says so. A folder that is neither empty nor marked belongs to somebody else, and we refuse
to write there. Commands also lock the mark of a run, so that none reads a run that another is
writing.
"""

import fcntl
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pipeline.errors import DeclarationError, WorkError
from pipeline.execution import atomic

#: The file that marks a folder as ours.
NAME: Final = ".iepile"
#: The contents of the marks.
RUN: Final = "iepile keeps the results of its stages here, and replaces them when it runs again.\n"
EXPORT: Final = "iepile export made this folder, and replaces all of it when it writes again.\n"
DICTIONARY: Final = "iepile negatives replaces hard_negatives and hard_negatives.json in here.\n"
#: The folders that a run replaces inside its own.
_PARTS: Final = frozenset(
    (
        *("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports"),
        *("stamps", "gates", "dictionaries", "code"),
    )
)


def check(folder: Any, mark: str) -> None:
    """Raise `DeclarationError` unless a folder is absent, empty, or has this mark.

    A folder with no file in it, at any depth, counts as empty.
    """
    present = _mark(folder)
    if present in (mark, ""):  # empty: the process that was writing the mark was killed
        return
    if present in (RUN, EXPORT, DICTIONARY):
        what = f"this folder is used for something else: {present.strip()}"
    elif file := _first_file(folder):
        what = f"iepile did not write {file}"
    else:
        return
    todo = "name another folder, one that is empty or does not exist yet"
    raise DeclarationError(what, where=folder, todo=todo)


def claim(folder: Any, mark: str) -> None:
    """Mark a folder as ours, creating it if needed; raise `DeclarationError` as `check` does."""
    check(folder, mark)
    if _mark(folder) != mark:
        # A link may lead to a folder that does not exist yet.
        place = Path(os.path.realpath(folder)) if isinstance(folder, Path) else folder
        place.mkdir(parents=True, exist_ok=True)
        (folder / NAME).write_text(mark, encoding="ascii")


def _mark(folder: Any) -> str | None:
    path = folder / NAME
    text: str | None = path.read_text("utf-8", "replace") if path.is_file() else None
    return text


def _first_file(folder: Any) -> str | None:
    if folder.is_file():
        return str(folder)
    local = isinstance(folder, Path)
    walk = os.walk(folder, followlinks=True) if local else folder.fs.walk(folder.path)
    return next((f"{place}/{min(files)}" for place, _, files in walk if files), None)


def apart(written: Iterable[Any], read: Iterable[Any]) -> None:
    """Raise `DeclarationError` if an output is, holds or lies in an input; links are followed."""
    inputs = [(path, _parts(path)) for path in read if path is not None]
    for path in written:
        output = _parts(path)
        for other, parts in inputs:
            if output[: len(parts)] == parts or parts[: len(output)] == output:
                raise DeclarationError(
                    "the output would lie among the input, or replace it",
                    where=f"{path} and {other}",
                    todo="name places that do not lie within each other",
                )


def spared(path: Any) -> None:
    """Raise `DeclarationError` if a later run or export would replace what is written here."""
    place = Path(os.path.realpath(path)) if isinstance(path, Path) else path
    while place.parent != place:
        place, name = place.parent, place.name
        mark = _mark(place)
        if mark == EXPORT or (mark == RUN and name in _PARTS):
            raise DeclarationError(
                f"what is written here would be lost: {mark.strip()}",
                where=f"{path} in {place}",
                todo="name a place outside that folder",
            )


def _parts(path: Any) -> tuple[str, ...]:
    """Return the parts of a path from the root down, links followed, for comparing two paths."""
    if isinstance(path, Path):
        return ("file", *Path(os.path.realpath(path)).parts)
    protocol = path.fs.protocol if isinstance(path.fs.protocol, str) else path.fs.protocol[0]
    inner = os.path.realpath(path.path) if protocol == "file" else path.path
    return (protocol, *PurePosixPath(f"/{inner.strip('/')}").parts)


@contextmanager
def claimed(folder: Any, mark: str) -> Iterator[None]:
    """Claim a folder, as `claim` does; if the block fails before it writes a file, undo that."""
    local = isinstance(folder, Path)
    missing = [place for place in (folder, *folder.parents) if local and not place.exists()]
    newly = local and _mark(folder) != mark
    claim(folder, mark)
    try:
        yield
    except BaseException:
        if newly:
            _undo(folder, missing)
        raise


def _undo(folder: Path, created: Iterable[Path]) -> None:
    """Remove a mark, and these folders, if nothing else was written; another process may be."""
    with suppress(WorkError), _locked(folder, os.O_RDWR, fcntl.LOCK_EX, ()):
        if [*filter(Path.is_file, folder.rglob("*"))] == [folder / NAME]:
            (folder / NAME).unlink()
            for place in (*(folder / part for part in _PARTS), *created):
                with suppress(OSError):  # it is not there, or not empty
                    place.rmdir()


@contextmanager
def writing(folder: Any, names: Iterable[str] = ()) -> Iterator[None]:
    """Claim the folder of a run and lock it, or only these datasets of it, until the block ends.

    The operating system locks the mark, one byte for each dataset, and unlocks it when the process
    ends. A URL is not locked, and on some network drives other machines do not see the lock.
    Raises `WorkError` if another process holds the lock, `DeclarationError` as `claim` does.
    """
    spared(folder)
    bytes_to_lock = [zlib.crc32(name.encode()) for name in names]
    with claimed(folder, RUN), _locked(folder, os.O_RDWR, fcntl.LOCK_EX, bytes_to_lock):
        yield


@contextmanager
def reading(place: Any) -> Iterator[None]:
    """Keep others from changing the run that a place lies in, if any, until the block ends."""
    local = isinstance(place, Path)
    roots = (place, *place.parents, *place.absolute().parents) if local else ()
    run = next((root for root in roots if _mark(root) == RUN), None)
    with _locked(run, os.O_RDONLY, fcntl.LOCK_SH, ()):
        yield


@contextmanager
def _locked(folder: Any, flags: int, kind: int, bytes_to_lock: Iterable[int]) -> Iterator[None]:
    """Lock these bytes of a folder's mark, or all of it if none are given."""
    if not isinstance(folder, Path):
        yield
        return
    handle = os.open(folder / NAME, flags)
    try:
        for start, size in [(byte, 1) for byte in sorted({*bytes_to_lock})] or [(0, 0)]:
            try:
                fcntl.lockf(handle, kind | fcntl.LOCK_NB, size, start)
            except (BlockingIOError, PermissionError):
                raise atomic.in_use(folder) from None
            except OSError:
                pass  # this file system has no locks
        if not atomic.is_open_as(handle, folder / NAME):
            raise atomic.in_use(folder)  # another process is removing it
        yield
    finally:
        os.close(handle)
