"""JSON arrays in shards `<name>-NNNNN.json`, for trainers that read a file with `json.load`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.exports import LINES_PER_SHARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


@contextmanager
def json_arrays(
    out: Path, per_shard: int = LINES_PER_SHARD
) -> Iterator[Callable[[str, Iterable[Any]], None]]:
    """Yield a function that appends rows to the array `name`, "conll04/train".

    The rows of one name may come in pieces, but without those of another between them.
    """
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
