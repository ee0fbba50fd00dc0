"""Which folders are ours to write anew, and who works in them.

A folder that we replace, or in which we replace folders, bears a mark: the file `.iepile`, a line
that says so. What is neither empty nor marked is somebody else's, and is refused. The mark of a run
is also what its commands lock, so that nobody reads a run that is half made.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import DeclarationError
from pipeline.execution import atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME: Final = atomic.MARK
#: What the marks say: always the same bytes.
RUN: Final = "iepile keeps the results of its stages here, and replaces them when it runs again.\n"
EXPORT: Final = "iepile export made this folder, and replaces all of it when it writes again.\n"
DICTIONARY: Final = "iepile negatives replaces hard_negatives and hard_negatives.json in here.\n"
#: What a run writes into its folder.
_PARTS: Final = frozenset(
    (
        *("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports"),
        *("stamps", "gates", "dictionaries", "code"),
    )
)


def check(folder: Any, mark: str) -> None:
    """Refuse a folder that is neither absent, nor empty, nor bears this mark.

    Folders without a file count as empty. `folder` is a path or a URL's.
    """
    told = _mark(folder)
    if told in (mark, ""):  # without text: whoever marked it was killed
        return
    other = told if told in (RUN, EXPORT, DICTIONARY) else None
    if other or (found := _first_file(folder)):
        raise DeclarationError(
            f"this folder is in use: {other.strip()}" if other else f"iepile did not write {found}",
            where=folder,
            todo="name another folder, one that is empty or not there yet",
        )


def claim(folder: Any, mark: str) -> None:
    """Mark a folder as ours, made if need be; refuse one that is not."""
    check(folder, mark)
    if _mark(folder) != mark:
        # A link may lead to what is to be made.
        place = Path(os.path.realpath(folder)) if isinstance(folder, Path) else folder
        place.mkdir(parents=True, exist_ok=True)
        (folder / NAME).write_text(mark, encoding="ascii")


def _mark(folder: Any) -> str | None:
    path = folder / NAME
    found: str | None = path.read_text("utf-8", "replace") if path.is_file() else None
    return found


def _first_file(folder: Any) -> str | None:
    if folder.is_file():
        return str(folder)
    local = isinstance(folder, Path)
    walk = os.walk(folder, followlinks=True) if local else folder.fs.walk(folder.path)
    return next((f"{place}/{min(files)}" for place, _, files in walk if files), None)


def apart(written: Iterable[Any], read: Iterable[Any]) -> None:
    """Refuse a place to write that is, holds, or lies in a place to read, by links too."""
    inputs = [(path, _parts(path)) for path in read if path is not None]
    for path in written:
        own = _parts(path)
        for other, parts in inputs:
            if own[: len(parts)] == parts or parts[: len(own)] == own:
                raise DeclarationError(
                    "what is written would lie among what is read, or replace it",
                    where=f"{path} and {other}",
                    todo="name places that do not lie within each other",
                )


def spared(path: Any) -> None:
    """Refuse to write where a later run or export would replace it."""
    place = Path(os.path.realpath(path)) if isinstance(path, Path) else path
    while place.parent != place:
        place, name = place.parent, place.name
        told = _mark(place)
        if told == EXPORT or (told == RUN and name in _PARTS):
            raise DeclarationError(
                f"what is written here would be lost: {told.strip()}",
                where=f"{path} in {place}",
                todo="name a place outside of that folder",
            )


def _parts(path: Any) -> tuple[str, ...]:
    """What a path names, from the root on, so that two can be compared."""
    if isinstance(path, Path):
        return ("file", *Path(os.path.realpath(path)).parts)
    protocol = path.fs.protocol if isinstance(path.fs.protocol, str) else path.fs.protocol[0]
    inner = os.path.realpath(path.path) if protocol == "file" else path.path
    return (protocol, *PurePosixPath(f"/{inner.strip('/')}").parts)


@contextmanager
def writing(folder: Any, names: Iterable[str] = ()) -> Iterator[None]:
    """Claim and hold the folder of a run until the block ends: alone, or these datasets of it.

    The lock is the system's, on the mark: a byte of it for each dataset. It ends with the process,
    however that ends. A URL has none, and not every system tells other machines.
    """
    spared(folder)
    claim(folder, RUN)
    places = [zlib.crc32(name.encode()) for name in names]
    with _held(folder, os.O_RDWR, fcntl.LOCK_EX, places):
        yield


@contextmanager
def reading(place: Any) -> Iterator[None]:
    """Keep the run in whose folder a place lies, if it does, as it is until the block ends."""
    local = isinstance(place, Path)
    roots = (place, *place.parents, *place.absolute().parents) if local else ()
    run = next((root for root in roots if _mark(root) == RUN), None)
    with _held(run, os.O_RDONLY, fcntl.LOCK_SH, ()):
        yield


@contextmanager
def _held(folder: Any, way: int, kind: int, places: Iterable[int]) -> Iterator[None]:
    if not isinstance(folder, Path):
        yield
        return
    handle = os.open(folder / NAME, way)
    try:
        for start, size in [(place, 1) for place in sorted({*places})] or [(0, 0)]:
            try:
                fcntl.lockf(handle, kind | fcntl.LOCK_NB, size, start)
            except (BlockingIOError, PermissionError):
                raise atomic.taken(folder) from None
            except OSError:
                pass  # a file system without locks
        yield
    finally:
        os.close(handle)
