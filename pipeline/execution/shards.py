"""Read and write Parquet shards, JSON and text. Files appear whole, see `atomic`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import RawFileError, explained
from pipeline.execution import atomic
from pipeline.records import SPLITS

#: The library `datasets` reads whole row groups; larger ones make streaming slow to start.
MAX_ROWS_PER_GROUP: Final = 10_000
_TODO: Final = "delete the folder it is in and run the stage before again"
#: Columns whose values rarely recur: a Parquet dictionary would cost time and, mostly, space.
_DISTINCT: Final = frozenset(
    {"id", "record_id", "source_id", "origin", "text", "instruction", "output"}
)


def write(table: Any, path: Path) -> None:
    """Write a table as one Parquet shard (zstd): the same table gives the same bytes."""
    with writer(path, table.schema) as append:
        append(table.combine_chunks())


def read(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Read one shard, or some of its columns. Raises `RawFileError` if that is not possible."""
    with opened(path, columns or ()) as file:
        # For small shards, threads cost more than they save.
        many = file.metadata.num_rows > MAX_ROWS_PER_GROUP
        return file.read(None if columns is None else [*columns], use_threads=many)


def metadata(path: Path) -> Any:
    """Return the number of rows, row groups and bytes of one shard."""
    with opened(path) as file:
        return file.metadata


def rows(path: Path) -> int:
    """Return how many rows a shard has; only its footer is read."""
    count: int = metadata(path).num_rows
    return count


def bytes_of(file: Any) -> int:
    """Return how many bytes the rows of a shard (`metadata`) have before compression."""
    return sum(file.row_group(number).total_byte_size for number in range(file.num_row_groups))


@contextmanager
def opened(
    path: Path,
    columns: Sequence[str] = (),
    problem_in_words: str = "cannot read this shard: it is damaged",
    todo: str = _TODO,
) -> Iterator[Any]:
    """Open one shard, or another Parquet file, to read it piece by piece.

    Raises `RawFileError` if it cannot be read or lacks one of the columns.
    """
    try:
        with (
            atomic.stream(path, "rb") as stream,
            pq.ParquetFile(stream, page_checksum_verification=True) as file,
        ):
            if missing := [name for name in columns if name not in file.schema_arrow.names]:
                what = f"this shard has no column {missing[0]!r}"
                raise RawFileError(what, where=path, todo=todo)
            yield file
    except (OSError, pa.ArrowException, UnicodeDecodeError) as problem:
        raise explained(problem, path) or RawFileError(
            problem_in_words, where=path, todo=todo
        ) from None


def listed(folder: Path, pattern: str = "*.parquet") -> list[Path]:
    """Return the shards of a folder in order."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def record_shards(folder: Path, splits: Sequence[str] = SPLITS) -> list[tuple[str, Path]]:
    """Return (split, path) of a dataset's record shards, in the order of splits and shards."""
    return [(split, p) for split in splits for p in listed(folder, f"{split}-*.parquet")]


def write_bytes(content: bytes, path: Path) -> None:
    """Write a small file."""
    with atomic.writing(path) as partial:
        partial.write_bytes(content)


def write_text(text: str, path: Path) -> None:
    """Write text as UTF-8."""
    write_bytes(text.encode(), path)


def write_json(value: object, path: Path) -> None:
    """Write JSON that people and `git diff` can read: indented, keys in the order given."""
    write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n", path)


def read_json(path: Path, *parts: str) -> Any:
    """Read a JSON file that a stage wrote.

    Raises `RawFileError` if it cannot be read, or if a part is missing or neither table nor list.
    """
    todo = "make it with `iepile run` or `dvc repro`, or name the folder of another run: --run DIR"
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        said = problem.strerror if isinstance(problem, OSError) else None
        why = said.lower() if said else "it is not JSON"
        raise explained(problem, path) or RawFileError(
            f"cannot read this JSON file: {why}", where=path, todo=todo
        ) from None
    for part in parts:
        if not isinstance(content, dict) or not isinstance(content.get(part), dict | list):
            raise RawFileError(f"this JSON file holds no {part!r}", where=path, todo=todo)
    return content


@contextmanager
def writer(path: Path, schema: Any) -> Iterator[Callable[[Any], None]]:
    """Yield a function that appends a table to one shard, which may be larger than memory."""
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
    """Return Parquet's names of the columns, also of those inside lists and structs."""
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema).close()
    leaves = pq.ParquetFile(sink.getvalue()).schema
    return [leaves.column(number).path for number in range(len(leaves))]
