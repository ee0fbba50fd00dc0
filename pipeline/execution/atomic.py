"""Write files and folders so that they appear whole under their final names, or not at all.

A path is a `pathlib.Path` or, for a URL such as `s3://bucket/run`, a `upath.UPath`, which has the
same methods on any fsspec file system. Only this module treats the two differently.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from pipeline.errors import RawFileError, WorkError, explained

#: Seconds that an object store has to say whether a bucket exists.
_TIMEOUT: Final = 30


def place(text: str) -> Path:
    """Return the path for what a user typed: a local path, or a URL that fsspec supports.

    Raises `RawFileError` if the URL cannot be reached.
    """
    if "://" not in text:
        return Path(text)
    import fsspec
    from fsspec.asyn import sync
    from upath import UPath
    from upath.implementations.cloud import CloudPath

    try:
        fsspec.get_filesystem_class(text.partition("://")[0])
        # Other processes write there too, so listings must not be cached.
        path: Any = UPath(text, use_listings_cache=False)
        if isinstance(path, CloudPath):
            sync(path.fs.loop, path.fs._info, path.drive, timeout=_TIMEOUT)  # noqa: SLF001
    except Exception as problem:  # noqa: BLE001 - each protocol raises errors of its own
        reason = str(problem) or f"no answer within {_TIMEOUT} seconds"
        raise RawFileError(
            f"cannot use this URL: {reason}",
            where=text,
            todo="check the bucket, the credentials and the endpoint; each protocol needs its "
            "fsspec package, for example for s3: pip install 'iepile-pipeline[s3]'",
        ) from None
    result: Path = path
    return result


def remove(path: Any) -> None:
    """Remove a file, or a folder with all that is in it, if it exists; of a link, only the link."""
    if isinstance(path, Path):
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.fs.rm(path.path, recursive=True)


def _move(source: Any, target: Any) -> None:
    """Rename a file or folder, replacing a file that has the new name."""
    if isinstance(source, Path):
        source.replace(target)
    else:
        source.fs.cp_file(source.path, target.path)
        source.fs.rm_file(source.path)


def stream(path: Any, mode: str) -> Any:
    """Return what pyarrow should open: a local path itself, anything else as a stream."""
    return nullcontext(path) if isinstance(path, Path) else path.open(mode)


@contextmanager
def locked(folder: Any, *, wait: bool = False) -> Iterator[None]:
    """Lock a folder until the block ends, creating it if needed.

    Raises `WorkError` if another process holds the lock; with `wait`, waits for it instead. The
    operating system locks the folder itself: the lock ends with the process and leaves no file.
    Other machines do not see it, and a URL is not locked.
    """
    if not isinstance(folder, Path):
        yield
        return
    operation = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, operation)
        except BlockingIOError:
            os.close(handle)
            raise in_use(folder) from None
        except OSError:
            pass  # this file system has no locks
        if is_open_as(handle, folder):
            break
        os.close(handle)  # while we waited, the process that held the lock moved the folder away
    try:
        yield
    finally:
        os.close(handle)


def is_open_as(handle: int, path: Path) -> bool:
    """Return whether an open file or folder is the one that now has this path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def in_use(folder: Path) -> WorkError:
    """Return the error to raise when another process holds the lock on a folder or its mark."""
    todo = "wait until it has finished, or name another folder; `lslocks` lists who holds a lock"
    return WorkError("another process is using this folder", where=folder, todo=todo)


@contextmanager
def replacing(folder: Any) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` if the block succeeds; links are replaced."""
    partial, retired = (folder.with_name(f".{folder.name}.{end}") for end in ("partial", "retired"))
    with explaining(folder), locked(partial):
        if isinstance(folder, Path):
            _settle(folder, retired)
        _clear(partial)
        try:
            yield partial
            put(partial, folder)
        except BaseException:
            remove(partial)
            raise


def put(source: Any, folder: Any) -> None:
    """Replace `folder` by the finished folder `source`.

    A process that is killed here leaves the old folder or the new one. Between the two moves the
    old folder is called `.<name>.retired`; the next call restores it from there.
    """
    for partial in [*source.rglob(".*.partial")]:
        partial.unlink()  # left by a worker that was killed
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
    """Restore a retired folder that was not replaced; remove one that was."""
    if retired.exists() and not folder.exists():
        _move(retired, folder)
    remove(retired)


def _clear(folder: Any) -> None:
    """Empty a folder. A local one stays in place, because it is locked."""
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
def explaining(path: Path) -> Iterator[None]:
    """Raise a `WorkError` in plain words if the disk is full, read-only and the like."""
    try:
        yield
    except OSError as problem:
        if error := explained(problem, path):
            raise error from problem
        raise


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary name; the file written there replaces `path` if the block succeeds."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with explaining(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_partials(path)
        try:
            yield partial
            _move(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def copied(source: Path, target: Path) -> None:
    """Copy a local file or folder; the copy appears under its name whole."""
    if source.is_dir():
        with replacing(target) as partial:
            shutil.copytree(source, partial, dirs_exist_ok=True)
    else:
        with writing(target) as partial:
            shutil.copyfile(source, partial)


def remove_partials(path: Any) -> None:
    """Remove the temporary files that killed processes left while writing `path`."""
    if not isinstance(path, Path) or not path.parent.is_dir():
        return
    start, end = f".{path.name}.", ".partial"
    with os.scandir(path.parent) as entries:  # much faster than `glob`, and done for every file
        names = [e.name for e in entries if e.name.startswith(start) and e.name.endswith(end)]
    for name in names:
        if not _is_running(name.removeprefix(start).removesuffix(end)):
            (path.parent / name).unlink(missing_ok=True)


def _is_running(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError):
        return False
    return True
