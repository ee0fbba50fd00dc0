"""Files and folders that appear under their final names whole, or not at all.

A path is a `pathlib.Path`, or for a URL such as `s3://bucket/run` a `upath.UPath`, which has the
same methods over any fsspec file system. What the two do differently is done here alone.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import RawFileError, WorkError, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for an object store to say whether a bucket is there.
_PATIENCE: Final = 30
#: The file by which a folder is known to be ours, see `ownership`.
MARK: Final = ".iepile"


def place(text: str) -> Path:
    """The path that a user means: local, or a URL that fsspec knows."""
    if "://" not in text:
        return Path(text)
    import fsspec
    from fsspec.asyn import sync
    from upath import UPath
    from upath.implementations.cloud import CloudPath

    try:
        fsspec.get_filesystem_class(text.partition("://")[0])
        # What other processes write must be seen, so listings are not remembered.
        path: Any = UPath(text, use_listings_cache=False)
        if isinstance(path, CloudPath):
            sync(path.fs.loop, path.fs._info, path.drive, timeout=_PATIENCE)  # noqa: SLF001
    except Exception as problem:  # noqa: BLE001 - each protocol has errors of its own
        said = str(problem) or f"no answer within {_PATIENCE} seconds"
        raise RawFileError(
            f"cannot use this URL: {said}",
            where=text,
            todo="check the bucket, the credentials and the endpoint; each protocol needs its "
            "fsspec package, s3 for one: pip install 'iepile-pipeline[s3]'",
        ) from None
    found: Path = path
    return found


def remove(folder: Any) -> None:
    """Remove a folder and all in it, if it is there. Of a link, only the link."""
    if isinstance(folder, Path):
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        else:
            shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        folder.fs.rm(folder.path, recursive=True)


def _move(source: Any, target: Any) -> None:
    """Give a file another name; a file of the name is replaced."""
    if isinstance(source, Path):
        source.replace(target)
    else:
        source.fs.cp_file(source.path, target.path)
        source.fs.rm_file(source.path)


def stream(path: Any, mode: str) -> Any:
    """What pyarrow opens: a local path as it is, anything else as a stream."""
    return nullcontext(path) if isinstance(path, Path) else path.open(mode)


@contextmanager
def locked(folder: Any, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder, made if need be, alone until the block ends; `wait` until others let it go.

    The lock is the system's, on the folder itself. It ends with the process, however that ends, and
    leaves no file. Processes of other machines do not see it, and a URL has none.
    """
    if not isinstance(folder, Path):
        yield
        return
    kind = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, kind)
        except BlockingIOError:
            os.close(handle)
            raise taken(folder) from None
        except OSError:
            pass  # a file system without locks
        if _same(folder, handle):
            break
        os.close(handle)  # whoever held it has moved the folder away meanwhile
    try:
        yield
    finally:
        os.close(handle)


def _same(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def taken(folder: Path) -> WorkError:
    """What to say of a folder when another process holds the lock on it, or on its mark."""
    todo = "wait until it has ended, or name another folder; `lslocks` lists who holds a lock"
    return WorkError("another process works here", where=folder, todo=todo)


@contextmanager
def replacing(folder: Any) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends well."""
    folder = followed(folder)
    partial, retired = (folder.with_name(f".{folder.name}.{end}") for end in ("partial", "retired"))
    with telling(folder), locked(partial):
        if isinstance(folder, Path):
            _settle(folder, retired)
        _clear(partial)
        try:
            yield partial
            put(partial, folder)
        except BaseException:
            remove(partial)
            raise


def followed(folder: Any, *, ours: bool = False) -> Any:
    """Where a link leads; refuse one to files that are not known to be ours and bear no mark."""
    if not isinstance(folder, Path) or folder.resolve() == folder.absolute():
        return folder
    target = folder.resolve()
    ours = ours or not target.exists() or (target / MARK).is_file()
    if not ours and (target.is_file() or any(target.iterdir())):
        told = f"this link leads to {target}, where other things lie, which would be lost"
        todo = "empty that folder, or remove the link"
        raise RawFileError(told, where=folder, todo=todo)
    return target


def put(source: Any, folder: Any) -> None:
    """Let a finished folder take the place of `folder`.

    A process that is killed leaves the old folder or the new one. In the instant between their
    moves the old one is `.<name>.retired`, from where the next call brings it back.
    """
    for half in [*source.rglob(".*.partial")]:
        half.unlink()  # of a worker that was killed
    if not isinstance(folder, Path):
        remove(folder)
        files = source.fs.find(source.path)
        source.fs.copy(files, [folder.path + file.removeprefix(source.path) for file in files])
        remove(source)
        return
    retired = folder.with_name(f".{folder.name}.retired")
    _settle(folder, retired)
    try:
        if folder.exists() or folder.is_symlink():
            _move(folder, retired)
        _move(source, folder)
        remove(retired)
    except BaseException:
        _settle(folder, retired)
        raise


def _settle(folder: Any, retired: Any) -> None:
    """Bring back a folder that was moved away and not replaced; remove one that was."""
    if retired.exists() and not folder.exists():
        _move(retired, folder)
    remove(retired)


def _clear(folder: Any) -> None:
    if not isinstance(folder, Path):
        remove(folder)
        folder.mkdir(parents=True)
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Say in words that a disk is full or read-only."""
    try:
        yield
    except OSError as problem:
        if told := explained(problem, path):
            raise told from problem
        raise


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield the name under which to write a file that then takes the place of `path`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        tidy(path)
        try:
            yield partial
            _move(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def copied(source: Path, target: Path) -> None:
    """Copy a file or folder of this machine, to appear under its name whole."""
    if source.is_dir():
        with replacing(target) as partial:
            shutil.copytree(source, partial, dirs_exist_ok=True)
    else:
        with writing(target) as partial:
            shutil.copyfile(source, partial)


def tidy(path: Any) -> None:
    """Remove what processes that were killed have left of a file."""
    if isinstance(path, Path):
        for half in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
            if not _runs(half.suffixes[-2].removeprefix(".")):
                half.unlink(missing_ok=True)


def _runs(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True
