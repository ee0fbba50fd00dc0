"""One record per text, where a source repeats a text for each of its annotations.

The rows of a text may stand anywhere in the source. They are brought together by the hash of the
text, and the merged records back into the order of the source, through files (see `shuffle`), so
that memory is bounded.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from pipeline import hashing
from pipeline.execution import atomic, shuffle
from pipeline.records import Record, merge

_PLACED: Final = pa.schema([("ordinal", pa.uint64()), ("record", pa.large_binary())])


def merged(
    rows: Iterable[tuple[int, Record]], folder: Path, counts: Counter[str]
) -> Iterator[tuple[int, Record]]:
    """Yield (ordinal of its first row, record with the annotations of all rows) of each text.

    In the order of the source. `folder` holds files that are removed in the end; `counts` gets
    "merged_rows".
    """
    texts, back = folder / "texts", folder / "back"
    pieces = _pieces(rows)
    head = [*islice(pieces, 2)]
    # A source that is held whole needs one part; how long another one is, nobody knows yet.
    hashes = shuffle.even(len(head) // 2 * shuffle.FAN * shuffle.LIMIT)
    shuffle.write(chain(head, pieces), hashes, texts / "rows")
    parts = range(len(hashes) - 1)
    done = (table for part in parts for table in shuffle.read(texts, part, hashes))
    shuffle.write((_of_table(table, counts) for table in done), [0, 2**64], back / "rows")
    for table in shuffle.read(back, 0, [0, 2**64]):
        packed = (record.as_py() for record in table["record"])
        yield from zip(table[shuffle.KEY].to_pylist(), map(_record, packed), strict=True)
    atomic.remove(folder)


def _pieces(rows: Iterable[tuple[int, Record]]) -> Iterator[Any]:
    """The rows as tables of about `shuffle.LIMIT` bytes, keyed by the hashes of their texts."""
    texts: list[str] = []
    ordinals: list[int] = []
    packed: list[bytes] = []
    size = 0
    for ordinal, record in rows:
        texts.append(record.text)
        ordinals.append(ordinal)
        packed.append(msgspec.msgpack.encode(record))
        size += len(packed[-1])
        if size > shuffle.LIMIT:
            yield _table(hashing.hashes(texts), packed, ordinals)
            texts, ordinals, packed, size = [], [], [], 0
    if texts:
        yield _table(hashing.hashes(texts), packed, ordinals)


def _table(keys: Any, packed: list[bytes], ordinals: list[int]) -> Any:
    return shuffle.keyed(pa.table([ordinals, packed], schema=_PLACED), keys)


def _of_table(table: Any, counts: Counter[str]) -> Any:
    """The merged records of a table whose rows are in the order of hashes, keyed by ordinals."""
    by_text: dict[str, list[Record]] = {}
    ordinals: list[int] = []
    packed: list[bytes] = []
    keys = table[shuffle.KEY].to_numpy()
    last = np.append(keys[1:] != keys[:-1], True)
    rows = zip(table["ordinal"].to_pylist(), table["record"], last.tolist(), strict=True)
    for ordinal, content, ends in rows:
        record = _record(content.as_py())
        if record.text not in by_text:
            ordinals.append(ordinal)
        by_text.setdefault(record.text, []).append(record)
        if ends:
            packed += [msgspec.msgpack.encode(merge(group)) for group in by_text.values()]
            counts["merged_rows"] += sum(len(group) - 1 for group in by_text.values())
            by_text = {}
    return _table(ordinals, packed, ordinals)


def _record(packed: bytes) -> Record:
    return msgspec.msgpack.decode(packed, type=Record)
