"""Read and write shards so that nothing half-written is ever seen under its final name.

A path is a `pathlib.Path`, or for a URL such as `s3://bucket/run` a `upath.UPath`, which has the
same methods over any fsspec file system. What the two do differently is done here alone.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import RawFileError, WorkError, explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: `datasets` reads Parquet by row group; larger groups make streaming slow to start.
MAX_ROWS_PER_GROUP: Final = 10_000
#: Seconds for an object store to say whether a bucket is there.
_PATIENCE: Final = 30


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


def _stream(path: Any, mode: str) -> Any:
    """What pyarrow opens: a local path as it is, anything else as a stream."""
    return nullcontext(path) if isinstance(path, Path) else path.open(mode)


@contextmanager
def locked(folder: Any, *, shared: bool = False) -> Iterator[None]:
    """Hold a folder, made if need be, until the block ends: alone, or with others that share it.

    The lock is the system's, on the folder itself. It ends with the process, however that ends, and
    leaves no file. Processes of other machines do not see it, and a URL has none.
    """
    if not isinstance(folder, Path):
        yield
        return
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            holders = _holders(os.fstat(handle))
            os.close(handle)
            raise WorkError(
                f"another process{holders} writes here",
                where=folder,
                todo="wait until it has ended, or write to another folder",
            ) from None
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


def _holders(of: os.stat_result) -> str:
    """Which processes hold a lock, where the system tells: " (number 4711)"."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    place = f"{os.major(of.st_dev):02x}:{os.minor(of.st_dev):02x}:{of.st_ino}"
    found = sorted({row[4] for line in lines if place in (row := line.split()) and row[4] != "0"})
    return f" (number {', '.join(found)})" if found else ""


@contextmanager
def replacing(folder: Any) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends well.

    A process that is killed leaves the old folder or the new one. In the instant between their
    moves the old one is `.<name>.retired`, from where the next call brings it back.
    """
    partial, retired = (folder.with_name(f".{folder.name}.{end}") for end in ("partial", "retired"))
    with _telling(folder), locked(partial):
        _settle(folder, retired)
        _clear(partial)
        try:
            yield partial
            for half in [*partial.rglob(".*.partial")]:
                half.unlink()  # of a worker that was killed
            if not isinstance(folder, Path):
                _moved_by_files(partial, folder)
            else:
                if folder.exists() or folder.is_symlink():
                    folder.replace(retired)
                partial.replace(folder)
                remove(retired)
        except BaseException:
            _settle(folder, retired)
            remove(partial)
            raise


def _moved_by_files(partial: Any, folder: Any) -> None:
    """Move a finished folder where only files have names; until all are there, a mark says so."""
    mark = folder.with_name(_unfinished(folder.name))
    mark.write_bytes(b"")
    remove(folder)
    files = folder.fs.find(partial.path)
    if files:
        folder.fs.copy(files, [folder.path + file.removeprefix(partial.path) for file in files])
        remove(partial)
    mark.unlink()


def _unfinished(name: str) -> str:
    return f".{name}.unfinished"


def whole(folder: Any, names: Sequence[str]) -> None:
    """Refuse a stage's folder where that of any of these names was moved half-way."""
    if isinstance(folder, Path):
        return
    marks = _names(folder)
    half = [name for name in names if _unfinished(name) in marks]
    if _unfinished(folder.name) in _names(folder.parent):
        half = [*names]
    if half:
        raise RawFileError(
            f"the stage before was stopped half-way for {', '.join(sorted(half))}",
            where=folder,
            todo="run it again; the machines of a cluster must all see this folder",
        )


def _names(folder: Any) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _settle(folder: Any, retired: Any) -> None:
    """Bring back a folder that was moved away and not replaced; remove one that was."""
    if not isinstance(folder, Path):
        return
    if retired.exists() and not folder.exists():
        retired.replace(folder)
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
def _telling(path: Path) -> Iterator[None]:
    """Say in words that a disk is full or read-only."""
    try:
        yield
    except OSError as problem:
        if told := explained(problem, path):
            raise told from problem
        raise


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield the name under which to write a file that then takes the place of `path`."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with _telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for half in _halves_of_the_dead(path):
            half.unlink(missing_ok=True)
        try:
            yield partial
            _move(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def _halves_of_the_dead(path: Any) -> list[Path]:
    """What processes that were killed have left of this file."""
    if not isinstance(path, Path):
        return []
    halves = path.parent.glob(f".{glob.escape(path.name)}.*.partial")
    return [half for half in halves if not _runs(half.suffixes[-2].removeprefix("."))]


def _runs(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True


def write(table: Any, path: Path) -> None:
    """Write a table as one zstd Parquet shard, the same bytes for the same table."""
    with atomic(path) as partial, _stream(partial, "wb") as stream:
        pq.write_table(
            table.combine_chunks(),
            stream,
            compression="zstd",
            row_group_size=MAX_ROWS_PER_GROUP,
            store_schema=True,
        )


def read(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Read one shard, or some of its columns."""
    with opened(path, columns or ()) as file:
        return file.read(None if columns is None else [*columns])


def metadata(path: Path) -> Any:
    """The number of rows, row groups and bytes of one shard."""
    with opened(path) as file:
        return file.metadata


def rows(path: Path) -> int:
    """How many rows a shard has, from its footer alone."""
    count: int = metadata(path).num_rows
    return count


@contextmanager
def opened(path: Path, columns: Iterable[str] = ()) -> Iterator[Any]:
    """Open one shard, to read it in pieces; it must have the columns."""
    try:
        with _stream(path, "rb") as stream, pq.ParquetFile(stream) as file:
            if lacking := [name for name in columns if name not in file.schema_arrow.names]:
                raise RawFileError(
                    f"this shard has no column {lacking[0]!r}",
                    where=path,
                    todo="delete the folder it lies in and run the stage before again",
                )
            yield file
    except (OSError, pa.ArrowInvalid) as problem:
        raise RawFileError(
            f"cannot read this shard: {problem}",
            where=path,
            todo="delete the folder it lies in and run the stage before again",
        ) from None


def listed(folder: Path, pattern: str = "*.parquet") -> list[Path]:
    """The shards of a folder in their order."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8."""
    with atomic(path) as partial:
        partial.write_bytes(text.encode())


def write_json(value: object, path: Path) -> None:
    """Write JSON for people and for `git diff`: indented, keys in the order given."""
    with atomic(path) as partial:
        partial.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def read_json(path: Path, *parts: str) -> Any:
    """Read a JSON file that a stage wrote; it must hold these tables or lists."""
    todo = "run the stages before it, or name the folder of a run"
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise RawFileError(
            f"cannot read this JSON file: {problem}", where=path, todo=todo
        ) from None
    for part in parts:
        if not isinstance(content, dict) or not isinstance(content.get(part), dict | list):
            raise RawFileError(f"this JSON file holds no {part!r}", where=path, todo=todo)
    return content


@contextmanager
def writer(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends tables to one shard, for shards too large to hold at once."""
    with (
        atomic(path) as partial,
        _stream(partial, "wb") as stream,
        pq.ParquetWriter(stream, schema, compression="zstd") as shard,
    ):
        yield lambda table: shard.write_table(table, row_group_size=MAX_ROWS_PER_GROUP)


def write_parts(table: Any, part: Any, count: int, path: Path) -> None:
    """Write a table as `count` record batches, each with the rows of one number in `part`.

    For steps over the whole corpus: what a later pass needs of many such files is one part of each,
    and memory stays bounded by a part.
    """
    order = np.argsort(part, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    bounds = np.searchsorted(part[order], np.arange(count + 1))
    with (
        atomic(path) as partial,
        _stream(partial, "wb") as stream,
        pa.ipc.new_file(stream, table.schema) as file,
    ):
        for start, end in pairwise(bounds):
            batches = table.slice(start, end - start).to_batches() or [_no_rows(table.schema)]
            file.write_batch(batches[0])


def read_part(paths: Sequence[Path], part: int, schema: Any) -> Any:
    """The rows of one part of all files that `write_parts` wrote, in the order of the files."""
    batches = []
    for path in paths:
        with _mapped(path) as source:
            batch = pa.ipc.open_file(source).get_batch(part)
        if batch.num_rows:
            batches.append(batch)
    return pa.Table.from_batches(batches, schema)


def _mapped(path: Any) -> Any:
    """A file of which only what is asked for is read."""
    return pa.memory_map(str(path)) if isinstance(path, Path) else path.open("rb")


def _no_rows(schema: Any) -> Any:
    return pa.RecordBatch.from_pylist([], schema)
