"""Read and write Parquet shards, JSON and text; how they get their names is in `atomic`."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import RawFileError, explained
from pipeline.execution import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

#: `datasets` reads Parquet by row group; larger groups make streaming slow to start.
MAX_ROWS_PER_GROUP: Final = 10_000
#: Columns of long or unlike values: a Parquet dictionary of them takes time and, mostly, more room.
_DISTINCT: Final = frozenset(
    {"id", "record_id", "source_id", "origin", "text", "instruction", "output"}
)


def write(table: Any, path: Path) -> None:
    """Write a table as one zstd Parquet shard, the same bytes for the same table."""
    with writer(path, table.schema) as append:
        append(table.combine_chunks())


def read(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Read one shard, or some of its columns."""
    with opened(path, columns or ()) as file:
        # Threads cost more than they bring for the shards of small datasets.
        many = file.metadata.num_rows > MAX_ROWS_PER_GROUP
        return file.read(None if columns is None else [*columns], use_threads=many)


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
        with (
            atomic.stream(path, "rb") as stream,
            pq.ParquetFile(stream, page_checksum_verification=True) as file,
        ):
            present = file.schema_arrow.names
            if lacking := [name for name in columns if name not in present]:
                raise RawFileError(
                    f"this shard has no column {lacking[0]!r}",
                    where=path,
                    todo="delete the folder it lies in and run the stage before again",
                )
            yield file
    except (OSError, pa.ArrowException, UnicodeDecodeError) as problem:
        raise explained(problem, path) or RawFileError(
            f"cannot read this shard: {problem}",
            where=path,
            todo="delete the folder it lies in and run the stage before again",
        ) from None


def listed(folder: Path, pattern: str = "*.parquet") -> list[Path]:
    """The shards of a folder in their order."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def write_bytes(content: bytes, path: Path) -> None:
    """Write a small file whole."""
    with atomic.writing(path) as partial:
        partial.write_bytes(content)


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8."""
    write_bytes(text.encode(), path)


def write_json(value: object, path: Path) -> None:
    """Write JSON for people and for `git diff`: indented, keys in the order given."""
    write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n", path)


def read_json(path: Path, *parts: str) -> Any:
    """Read a JSON file that a stage wrote; it must hold these tables or lists."""
    todo = "run the stages before it, or name the folder of a run"
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise explained(problem, path) or RawFileError(
            f"cannot read this JSON file: {problem}", where=path, todo=todo
        ) from None
    for part in parts:
        if not isinstance(content, dict) or not isinstance(content.get(part), dict | list):
            raise RawFileError(f"this JSON file holds no {part!r}", where=path, todo=todo)
    return content


@contextmanager
def writer(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends tables to one shard, for shards too large to hold at once."""
    recurring = [name for name in _leaves(schema) if name not in _DISTINCT]
    with (
        atomic.writing(path) as partial,
        atomic.stream(partial, "wb") as stream,
        pq.ParquetWriter(
            stream,
            schema,
            compression="zstd",
            use_dictionary=recurring,
            write_page_checksum=True,
        ) as shard,
    ):
        yield lambda table: shard.write_table(table, row_group_size=MAX_ROWS_PER_GROUP)


@cache
def _leaves(schema: Any) -> list[str]:
    """The names that Parquet gives the columns, those inside lists and structs included."""
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema).close()
    leaves = pq.ParquetFile(sink.getvalue()).schema
    return [leaves.column(number).path for number in range(len(leaves))]
