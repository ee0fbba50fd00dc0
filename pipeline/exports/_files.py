"""Files of rows in shards `<name>-NNNNN`, name "duie2/train": JSON lines, JSON arrays, Parquet."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa

from pipeline.execution import shards

#: Rows of one shard.
ROWS_PER_SHARD: Final = 200_000


@contextmanager
def sharded(out: Path, kind: str, per_shard: int = ROWS_PER_SHARD) -> Iterator[Callable[..., None]]:
    """Yield `write(name, rows, schema=None)`, which appends rows to the shards of a name.

    `kind` is the ending of the files: jsonl, json or parquet. Without `schema`, that of a Parquet
    file follows from its first rows. The rows of one name may come in pieces, but one after the
    other: only the shard written last is open.
    """
    name, rows = "", 0
    append: Any = None
    with ExitStack() as shard:

        def write(into: str, items: Iterable[dict[str, Any]], schema: Any = None) -> None:
            nonlocal name, rows, append
            rows = rows if into == name else 0
            name, items = into, iter(items)
            while piece := [*islice(items, per_shard - rows % per_shard)]:
                if rows % per_shard == 0:
                    shard.close()
                    path = out / f"{name}-{rows // per_shard:05d}.{kind}"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    append = shard.enter_context(_OPENERS[kind](path, piece, schema))
                append(piece)
                rows += len(piece)

        yield write


@contextmanager
def _lines(path: Path, *_: Any) -> Iterator[Callable[[list[Any]], None]]:
    with path.open("xb") as stream:
        yield lambda rows: stream.writelines(orjson.dumps(row) + b"\n" for row in rows)


@contextmanager
def _array(path: Path, *_: Any) -> Iterator[Callable[[list[Any]], None]]:
    """An array, for trainers that read with `json.load`."""
    with path.open("xb") as stream:

        def append(rows: list[Any]) -> None:
            for row in rows:
                stream.write((b",\n" if stream.tell() else b"[\n") + orjson.dumps(row))

        yield append
        stream.write(b"\n]\n")


@contextmanager
def _parquet(path: Path, first: list[Any], schema: Any) -> Iterator[Callable[[list[Any]], None]]:
    schema = schema or pa.Table.from_pylist(first).schema
    with shards.writer(path, schema) as append:
        yield lambda rows: append(pa.Table.from_pylist(rows, schema))


_OPENERS: Final = {"jsonl": _lines, "json": _array, "parquet": _parquet}
