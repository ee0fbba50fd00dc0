"""Nearly equal texts: found by MinHash, checked exactly, reported, and dropped only if asked.

Two texts are as similar as the share of character n-grams that they have in common (Jaccard), case
and white space apart; about equal texts exact deduplication has decided. MinHash bands (`minhash`)
propose pairs; the texts decide. Three passes, each bounded by a shard or a part: bands parted by
their hash, pairs parted by one record, similar pairs parted by dataset.

Writes `near_duplicates.json` beside the datasets' folders: per pair of splits how many records of
the one have a near-duplicate in the other. With `near_duplicates = "drop"` a record goes where an
equal text would be a duplicate: a train or dev text near any test text, and of near texts in one
split all but the first; `drops.parquet` then holds it as `near_duplicate` with its partner.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import groupby
from operator import getitem
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import atomic, engines, kept, shards
from pipeline.cleaning import minhash
from pipeline.hashing import mix64
from pipeline.kept import DROPS, record_shards
from pipeline.records import SPLITS
from pipeline.text import normal_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.config import Dedupe
    from pipeline.engines import Workers

#: Texts that one part is about: 16 bytes for each of its bands.
_TEXTS_PER_PART: Final = 50_000
_EXAMPLES: Final = 3
_BANDS: Final = pa.schema([("band", pa.uint64()), ("record", pa.int64())])
_PAIRS: Final = pa.schema([("low", pa.int64()), ("high", pa.int64())])
_SIMILAR: Final = pa.schema(
    [("record", pa.int64()), ("partner", pa.int64()), ("similarity", pa.float32())]
)
_TEXTS: Final = pa.schema([("id", pa.string()), ("text", pa.string()), ("n", pa.int8())])


class Shard(NamedTuple):
    """A shard of records. Its number times 2**32, plus the row, is the address of a record.

    Shards are numbered by dataset, split and place, so that addresses are in the order of records
    however these are parted.
    """

    dataset: int
    split: str
    path: Path


def find(
    names: Sequence[str], clean: Path, settings: Dedupe, folder: Path, workers: Workers | int = 1
) -> None:
    """Report (and drop) near-duplicates among what exact deduplication left in `folder`."""
    listing = [
        Shard(n, split, path)
        for n, name in enumerate(names)
        for split, path in record_shards(clean / name)
    ]
    work = folder / ".work"
    parts = max(1, -(-sum(shards.rows(s.path) for s in listing) // _TEXTS_PER_PART))
    at = settings.near_duplicate_similarity
    drop = settings.near_duplicates == "drop"
    sketch = partial(_sketch, folder=folder, names=names, work=work, parts=parts, threshold=at)
    propose = partial(_propose, listing=listing, work=work, parts=parts)
    compare = partial(_compare, listing=listing, work=work, threshold=at, datasets=len(names))
    steps: Any = (
        (sketch, [*enumerate(listing)]),
        (propose, range(parts)),
        (compare, range(parts)),
    )
    for step, items in steps:
        for _ in engines.run(step, items, workers, _name):
            pass
    report: list[dict[str, Any]] = []
    finish = partial(_finish, listing=listing, names=names, folder=folder, work=work)
    judge = partial(finish, across=settings.across_datasets, drop=drop)
    for found in engines.run(judge, range(len(names)), workers, partial(getitem, names)):
        report += found
    atomic.remove(work)
    head = {"similarity": at, "policy": settings.near_duplicates}
    shards.write_json({**head, "pairs": report}, folder / "near_duplicates.json")


def _name(item: Any) -> object:
    """What an error calls an item of any pass: a part of the texts, or a shard."""
    return f"part {item} of all texts" if isinstance(item, int) else item[1].path


def _sketch(
    job: tuple[int, Shard],
    folder: Path,
    names: Sequence[str],
    work: Path,
    parts: int,
    threshold: float,
) -> None:
    """First pass: the bands of one shard's texts, parted by hash, and the texts for later."""
    number, shard = job
    columns = ["id", "language", "text", "dropped"]
    table = kept.kept(shard.path, folder / names[shard.dataset], columns)
    texts = [normal_form(t) for t in table["text"].to_pylist()]
    sizes = [minhash.NGRAM[language] for language in table["language"].to_pylist()]
    hashes = minhash.bands([t.casefold() for t in texts], sizes, threshold)
    records = np.repeat((number << 32) + np.arange(len(texts)), hashes.shape[1])
    hashes = hashes.ravel()
    part = (hashes % np.uint64(parts)).astype(np.int64)
    found = pa.table([hashes, records], schema=_BANDS)
    shards.write_parts(found, part, parts, work / "bands" / f"{number:06d}.arrow")
    kept_texts = pa.table([table["id"], texts, sizes], schema=_TEXTS)
    one = np.zeros(len(texts), np.int64)
    shards.write_parts(kept_texts, one, 1, work / "texts" / f"{number:06d}.arrow")


def _propose(part: int, listing: Sequence[Shard], work: Path, parts: int) -> None:
    """Second pass: the pairs of records that share a band, parted by the later record.

    A record is paired with the first record of every split in the band and with the one before it:
    all pairs would be a square, and a record is dropped if any earlier one is near it.
    """
    table = shards.read_part(shards.listed(work / "bands", "*.arrow"), part, _BANDS)
    band, record = (column.to_numpy() for column in table.columns)
    order = np.lexsort((record, band))
    band, record = band[order], record[order]
    edges = np.flatnonzero(np.diff(band, prepend=~band[:1], append=~band[-1:]))
    sizes = np.diff(edges)
    pairs: set[tuple[int, int]] = set()
    for start, size in zip(edges[:-1][sizes > 1], sizes[sizes > 1], strict=True):
        rows = record[start : start + size].tolist()
        firsts: dict[tuple[int, str], int] = {}
        for row in rows:
            firsts.setdefault(listing[row >> 32][:2], row)
        for before, row in zip([rows[0], *rows], rows, strict=False):
            near = {before, *firsts.values()} - {row}
            pairs.update((min(row, other), max(row, other)) for other in near)
    found = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    table = pa.table([found[:, 0], found[:, 1]], schema=_PAIRS)
    goes = mix64(found[:, 1].astype(np.uint64)) % np.uint64(parts)
    shards.write_parts(table, goes.astype(np.int64), parts, work / "pairs" / f"{part:06d}.arrow")


def _compare(
    part: int, listing: Sequence[Shard], work: Path, threshold: float, datasets: int
) -> None:
    """Third pass: which pairs are similar, from either side, parted by dataset."""
    table = shards.read_part(shards.listed(work / "pairs", "*.arrow"), part, _PAIRS)
    pairs = table.group_by(["low", "high"]).aggregate([]).sort_by([("low", "ascending")])
    rows: list[tuple[int, int, float]] = []
    texts = _Texts(work)
    for low, high in zip(pairs["low"].to_pylist(), pairs["high"].to_pylist(), strict=True):
        (_, one, n), (_, other, m) = texts[low], texts[high]
        if n != m or one == other:  # exact deduplication has decided about equal texts
            continue
        share = minhash.similarity(one.casefold(), other.casefold(), n)
        if share >= threshold:
            rows += [(low, high, share), (high, low, share)]
    found = pa.table([[r[i] for r in rows] for i in range(3)], schema=_SIMILAR)
    owner = np.fromiter((listing[r[0] >> 32].dataset for r in rows), np.int64, len(rows))
    shards.write_parts(found, owner, datasets, work / "similar" / f"{part:06d}.arrow")


class _Texts:
    """The (id, normal text, n) of any record by its address; files are mapped, not read."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._tables: dict[int, Any] = {}

    def __getitem__(self, record: int) -> tuple[str, str, int]:
        number = record >> 32
        if number not in self._tables:
            path = self._work / "texts" / f"{number:06d}.arrow"
            self._tables[number] = shards.read_part([path], 0, _TEXTS)
        table, row = self._tables[number], record & 0xFFFFFFFF
        identifier, text, n = (table[i][row].as_py() for i in range(3))
        return identifier, text, n


def _finish(
    number: int,
    listing: Sequence[Shard],
    names: Sequence[str],
    folder: Path,
    work: Path,
    *,
    across: bool,
    drop: bool,
) -> list[dict[str, Any]]:
    """The report on one dataset; where asked, its near-duplicates join its drops."""
    table = shards.read_part(shards.listed(work / "similar", "*.arrow"), number, _SIMILAR)
    table = table.sort_by([("record", "ascending"), ("partner", "ascending")])
    rows = [*zip(*(column.to_pylist() for column in table.columns), strict=True)]
    texts = _Texts(work)
    counts: Counter[tuple[int, str, str, int]] = Counter()
    examples: dict[tuple[int, str, str, int], list[dict[str, Any]]] = {}
    drops: dict[int, tuple[str, str]] = {}
    for record, group in groupby(rows, key=lambda row: row[0]):
        own = listing[record >> 32]
        seen: dict[tuple[int, str, str, int], dict[str, Any]] = {}
        for _, partner, share in group:
            other = listing[partner >> 32]
            key = (SPLITS.index(own.split), names[other.dataset], other.split, other.dataset)
            names_partner = {"partner": texts[partner][0], "similarity": round(share, 3)}
            seen.setdefault(key, {"id": texts[record][0], **names_partner})
            if own.split == other.split and own.dataset == other.dataset:
                decides = partner < record and partner not in drops
            else:
                leaks = other.split == "test" and own.split != "test"
                decides = leaks and (across or own.dataset == other.dataset)
            if decides:
                drops.setdefault(record, (texts[record][0], texts[partner][0]))
        for key, example in seen.items():
            counts[key] += 1
            if counts[key] <= _EXAMPLES:
                examples.setdefault(key, []).append(example)
    if drop and drops:
        path = folder / names[number] / "drops.parquet"
        ids, partners = zip(*drops.values(), strict=True)
        more = pa.table([ids, ["near_duplicate"] * len(ids), partners], schema=DROPS)
        # A worker that was lost after this is replaced by one that does it again.
        before = shards.read(path).filter(pc.field("reason") != "near_duplicate")
        shards.write(pa.concat_tables([before, more]), path)
    return [
        {
            "dataset": names[number],
            "split": SPLITS[key[0]],
            "other": key[1],
            "other_split": key[2],
            "records": counts[key],
            "examples": examples[key],
        }
        for key in sorted(counts, key=lambda k: (k[0], k[1], SPLITS.index(k[2])))
    ]
