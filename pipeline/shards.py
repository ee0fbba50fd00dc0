"""Read and write shards so that nothing half-written is ever seen under its final name.

A path is a `pathlib.Path`, or for a URL such as `s3://bucket/run` a `upath.UPath`, which has the
same methods over any fsspec file system. What the two do differently is done here alone.
"""

from __future__ import annotations

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

from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: `datasets` reads Parquet by row group; larger groups make streaming slow to start.
MAX_ROWS_PER_GROUP: Final = 10_000


def place(text: str) -> Path:
    """The path that a user means: local, or a URL that fsspec knows."""
    if "://" not in text:
        return Path(text)
    import fsspec
    from upath import UPath

    try:
        fsspec.url_to_fs(text)
        path: Any = UPath(text)
    except (ValueError, ImportError, OSError) as problem:
        raise RawFileError(
            f"cannot use this URL: {problem}",
            where=text,
            todo="install the fsspec package of its protocol, e.g. s3fs; check the credentials",
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
    """Give a file or folder another name; a file of the name is replaced."""
    if isinstance(source, Path):
        source.replace(target)
    else:
        source.fs.mv(source.path, target.path, recursive=source.is_dir())


def _stream(path: Any, mode: str) -> Any:
    """What pyarrow opens: a local path as it is, anything else as a stream."""
    return nullcontext(path) if isinstance(path, Path) else path.open(mode)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends well."""
    partial = folder.with_name(f".{folder.name}.partial")
    remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        remove(partial)
        raise
    if folder.exists() or (isinstance(folder, Path) and folder.is_symlink()):
        retired = folder.with_name(f".{folder.name}.retired")
        remove(retired)
        _move(folder, retired)
        _move(partial, folder)
        remove(retired)
    else:
        _move(partial, folder)


@contextmanager
def _atomic(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        _move(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write(table: Any, path: Path) -> None:
    """Write a table as one zstd Parquet shard, the same bytes for the same table."""
    with _atomic(path) as partial, _stream(partial, "wb") as stream:
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
    with _atomic(path) as partial:
        partial.write_bytes(text.encode())


def write_json(value: object, path: Path) -> None:
    """Write JSON for people and for `git diff`: indented, keys in the order given."""
    with _atomic(path) as partial:
        partial.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def read_json(path: Path, *parts: str) -> Any:
    """Read a JSON file that a stage wrote; it must hold these tables or lists."""
    todo = "run the stage before again"
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
        _atomic(path) as partial,
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
        _atomic(path) as partial,
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
