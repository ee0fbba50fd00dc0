"""One record per text, where a source repeats a text for each of its annotations.

The rows of a text may stand anywhere in the source. They are brought together by the hash of the
text, and the merged records back into the order of the source, through files (see `shuffle`), so
that memory is bounded.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from pipeline import atomic, hashing, shuffle
from pipeline.records import Record, merge

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PLACED: Final = pa.schema([("ordinal", pa.uint64()), ("record", pa.large_binary())])


def merged(
    rows: Iterable[tuple[int, Record]], folder: Path, counts: Counter[str]
) -> Iterator[tuple[int, Record]]:
    """Yield (ordinal of its first row, record with the annotations of all rows) of each text.

    In the order of the source. `folder` is for files that are gone in the end; `counts` is told the
    "merged_rows".
    """
    texts, back = folder / "texts", folder / "back"
    pieces = _pieces(_packed(rows))
    head = [*islice(pieces, 2)]
    # A source that is held whole needs one part; how long another one is, nobody knows yet.
    size = len(head) // 2 * shuffle.FAN * shuffle.LIMIT
    hashes, last = shuffle.even(size), 0
    for number, piece in enumerate(chain(head, pieces)):
        keys, ordinals, packed = zip(*piece, strict=True)
        last = ordinals[-1]
        table = pa.table([ordinals, packed], schema=_PLACED)
        shuffle.write(table, np.array(keys, np.uint64), hashes, texts / f"{number:06d}.arrow")
    places = [last * n // (len(hashes) - 1) for n in range(len(hashes) - 1)] + [2**64]
    for part in range(len(hashes) - 1):
        for number, table in enumerate(shuffle.read(texts, part, hashes)):
            made = pa.table([*zip(*_of_table(table, counts), strict=True)], schema=_PLACED)
            path = back / f"{part:06d}-{number:06d}.arrow"
            shuffle.write(made, made["ordinal"].to_numpy(), places, path)
    for part in range(len(places) - 1):
        for table in shuffle.read(back, part, places):
            packed = (record.as_py() for record in table["record"])
            yield from zip(table["ordinal"].to_pylist(), map(_record, packed), strict=True)
    atomic.remove(folder)


def _packed(rows: Iterable[tuple[int, Record]]) -> Iterator[tuple[int, int, bytes]]:
    """(hash of the text, ordinal, record as MessagePack) of each row."""
    for ordinal, record in rows:
        (key,) = hashing.hashes([record.text])
        yield int(key), ordinal, msgspec.msgpack.encode(record)


def _pieces(rows: Iterable[tuple[int, int, bytes]]) -> Iterator[list[tuple[int, int, bytes]]]:
    """The rows in lists of about `shuffle.LIMIT` bytes, the last one shorter."""
    held: list[tuple[int, int, bytes]] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row[2])
        if size > shuffle.LIMIT:
            yield held
            held, size = [], 0
    if held:
        yield held


def _of_table(table: Any, counts: Counter[str]) -> Iterator[tuple[int, bytes]]:
    """(ordinal, packed record) of every text of a table, whose rows are in the order of hashes."""
    keys = table[shuffle.KEY].to_numpy()
    edges = np.flatnonzero(np.diff(keys, prepend=~keys[:1], append=~keys[-1:]))
    ordinals = table["ordinal"].to_pylist()
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        packed = table["record"].slice(start, end - start).to_pylist()
        by_text: dict[str, list[tuple[int, Record]]] = {}
        for ordinal, content in zip(ordinals[start:end], packed, strict=True):
            record = _record(content)
            by_text.setdefault(record.text, []).append((ordinal, record))
        for group in by_text.values():
            counts["merged_rows"] += len(group) - 1
            yield group[0][0], msgspec.msgpack.encode(merge([record for _, record in group]))


def _record(packed: bytes) -> Record:
    return msgspec.msgpack.decode(packed, type=Record)
