"""Files of rows in shards `<name>-NNNNN`, name "duie2/train": JSON lines, JSON arrays, Parquet.

Each function yields one that appends rows to a name. The rows of one name may come in pieces; only
the shard written last is open. JSON lines alone may come back to an earlier name.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa

from pipeline.execution import shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: Rows of one shard.
ROWS_PER_SHARD: Final = 200_000


@contextmanager
def json_lines(
    out: Path, per_shard: int = ROWS_PER_SHARD
) -> Iterator[Callable[[str, Iterable[Any]], None]]:
    """Yield a function that appends rows, a line each: objects, or JSON as bytes."""
    written: dict[str, int] = {}
    with ExitStack() as shard:
        stream: Any = None
        open_path: Path | None = None

        def write(name: str, rows: Iterable[Any]) -> None:
            nonlocal stream, open_path
            lines = (row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)
            while True:
                number, used = divmod(written.get(name, 0), per_shard)
                piece = [line + b"\n" for line in islice(lines, per_shard - used)]
                if not piece:
                    return
                path = out / f"{name}-{number:05d}.jsonl"
                if path != open_path:
                    shard.close()
                    path.parent.mkdir(parents=True, exist_ok=True)
                    stream, open_path = shard.enter_context(path.open("ab")), path
                stream.writelines(piece)
                written[name] = written.get(name, 0) + len(piece)

        yield write


@contextmanager
def json_arrays(
    out: Path, per_shard: int = ROWS_PER_SHARD
) -> Iterator[Callable[[str, Iterable[Any]], None]]:
    """Yield a function that appends rows to arrays, for trainers that read with `json.load`."""
    name, rows = "", 0
    stream: Any = None

    def close() -> None:
        if stream is not None:
            stream.write(b"\n]\n")
            stream.close()

    def write(into: str, items: Iterable[Any]) -> None:
        nonlocal name, rows, stream
        for item in items:
            if into != name or rows % per_shard == 0:
                close()
                rows = rows if into == name else 0
                name = into
                path = out / f"{name}-{rows // per_shard:05d}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                stream = path.open("wb")
                stream.write(b"[\n")
            else:
                stream.write(b",\n")
            stream.write(orjson.dumps(item))
            rows += 1

    try:
        yield write
    finally:
        close()


@contextmanager
def parquet(
    out: Path, per_shard: int = ROWS_PER_SHARD
) -> Iterator[Callable[[str, list[dict[str, Any]], Any], None]]:
    """Yield a function that appends rows of a schema; a shard may be longer by one piece."""
    name, rows = "", 0
    open_path: Path | None = None
    append: Any = None
    with ExitStack() as shard:

        def write(into: str, items: list[dict[str, Any]], schema: Any) -> None:
            nonlocal name, rows, open_path, append
            rows = rows if into == name else 0
            name = into
            path = out / f"{name}-{rows // per_shard:05d}.parquet"
            if path != open_path:
                shard.close()
                append, open_path = shard.enter_context(shards.writer(path, schema)), path
            append(pa.Table.from_pylist(items, schema))
            rows += len(items)

        yield write
