"""Read and write shards so that nothing half-written is ever seen under its final name."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

#: `datasets` reads Parquet by row group; larger groups make streaming slow to start.
MAX_ROWS_PER_GROUP: Final = 10_000


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends well."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if folder.exists():
        retired = folder.with_name(f".{folder.name}.retired")
        shutil.rmtree(retired, ignore_errors=True)
        folder.rename(retired)
        partial.rename(folder)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        partial.rename(folder)


@contextmanager
def _atomic(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write(table: Any, path: Path) -> None:
    """Write a table as one zstd Parquet shard, the same bytes for the same table."""
    with _atomic(path) as partial:
        pq.write_table(
            table.combine_chunks(),
            partial,
            compression="zstd",
            row_group_size=MAX_ROWS_PER_GROUP,
            store_schema=True,
        )


def read(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Read one shard, or some of its columns."""
    with opened(path) as file:
        return file.read(None if columns is None else [*columns])


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open one shard, to read it in pieces."""
    try:
        with pq.ParquetFile(path) as file:
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
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(value: object, path: Path) -> None:
    """Write JSON for people and for `git diff`: indented, keys in the order given."""
    with _atomic(path) as partial:
        partial.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that a stage wrote."""
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise RawFileError(
            f"cannot read this JSON file: {problem}", where=path, todo="run the stage before again"
        ) from None


@contextmanager
def writer(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends tables to one shard, for shards too large to hold at once."""
    with _atomic(path) as partial, pq.ParquetWriter(partial, schema, compression="zstd") as shard:
        yield lambda table: shard.write_table(table, row_group_size=MAX_ROWS_PER_GROUP)
