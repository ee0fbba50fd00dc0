"""Nearly equal texts: found by MinHash, checked exactly, reported, and dropped only if asked.

Two texts are as similar as the share of character n-grams that they have in common (Jaccard), case
and white space apart; exact deduplication has already handled equal texts. MinHash bands
(`minhash`) propose pairs; the texts decide. Each pass is bounded by a group of shards or a part
(see `shuffle`): bands are split by hash; the pairs of each part go to the first record, which adds
its text, then to the second, which compares; similar pairs go to their datasets.

Writes `near_duplicates.json` beside the datasets' folders: per pair of splits how many records of
one have a near-duplicate in the other. With `near_duplicates = "drop"` a record is dropped where an
equal text would be a duplicate: a train or dev text near any test text, and of near texts in one
split all but the first; its tags then say `near_duplicate` and name its partner.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedupe import minhash
from pipeline.dedupe.duplicates import Group, Plan, Shard, by_shard, one_pass, write_rows
from pipeline.execution import shards, shuffle
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Done, Step, steps
from pipeline.records import SPLITS
from pipeline.text import like, normal_form

#: About how many bytes the bands of one text take.
_BANDS_BYTES: Final = 400
_EXAMPLES: Final = 3
_BANDS: Final = pa.schema([("place", pa.int64())])
#: The later record of a pair, whose first one is the key; then the pair with the first one's text.
_PAIRS: Final = pa.schema([("high", pa.uint64())])
_TEXTS: Final = pa.schema([("id", pa.string()), ("text", pa.string()), ("n", pa.int8())])
_SIDED: Final = pa.schema([("low", pa.uint64()), *_TEXTS])
_SIMILAR: Final = pa.schema(
    [
        ("id", pa.string()),
        ("partner", pa.int64()),
        ("partner_id", pa.string()),
        ("similarity", pa.float32()),
    ]
)


def find(plan: Plan, groups: Sequence[Group], workers: Workers | int = 1) -> None:
    """Report (and drop) near-duplicates among what exact deduplication left in `plan.folder`."""
    size = _BANDS_BYTES * sum(shard.rows for shard in plan.found)
    plan = plan._replace(work=plan.work / "near", hashes=shuffle.even(size))
    each = [*enumerate(groups)]
    one_pass("bands", _sketch, each, plan, workers)
    one_pass("pairs", _propose, range(len(plan.hashes) - 1), plan, workers)
    one_pass("texts of pairs", _attach, each, plan, workers)
    one_pass("similar pairs", _compare, each, plan, workers)
    names = [f"{dataset.id}/near-duplicates" for dataset in plan.datasets]
    todo = [Step(plan.folder, name, n) for n, name in enumerate(names)]
    report = [pair for pairs in steps(partial(_finish, plan=plan), todo, workers) for pair in pairs]
    settings = plan.settings
    head = {"similarity": settings.near_duplicate_similarity, "policy": settings.near_duplicates}
    shards.write_json({**head, "pairs": report}, plan.folder / "near_duplicates.json")


def _owners(plan: Plan) -> list[int]:
    """Return the bounds of the places of each dataset."""
    counts = np.bincount([s.dataset for s in plan.found], minlength=len(plan.datasets))
    return [0, *(int(n) << 32 for n in np.cumsum(counts)[:-1]), 2**64]


def _sketch(item: tuple[int, Group], plan: Plan) -> Done:
    """First pass: the bands of the texts of a group of shards, parted by hash."""
    number, group = item
    tables = (_bands(shard, plan) for shard in group)
    return Done(shuffle.write(tables, plan.hashes, plan.work / "bands" / f"{number:06d}"))


def _bands(shard: Shard, plan: Plan) -> Any:
    """Return the places of a shard's kept records, once for each band and keyed by the band."""
    table = plan.tagged(shard, ["id", "language", "text", "dropped"])
    rows = np.flatnonzero(pc.is_null(table["dropped"]))
    table = table.take(pa.array(rows))
    sizes = [minhash.NGRAM[like(language)] for language in table["language"].to_pylist()]
    texts = [normal_form(t).casefold() for t in table["text"].to_pylist()]
    bands = minhash.bands(texts, sizes, plan.settings.near_duplicate_similarity)
    places = np.repeat((shard.number << 32) + rows, bands.shape[1])
    return shuffle.keyed(pa.table([places], schema=_BANDS), bands.ravel())


def _propose(part: int, plan: Plan) -> Done:
    """Second pass: the pairs of records that share a band, parted by the earlier record.

    A record is paired with the first record of every split in the band and with the one before it.
    All pairs would be too many, and one earlier near record is enough to drop a record.
    """
    files: list[Path] = []
    for number, table in enumerate(shuffle.read(plan.work / "bands", part, plan.hashes)):
        place, band = (table[name].to_numpy() for name in ("place", shuffle.KEY))
        edges = np.flatnonzero(np.diff(band, prepend=~band[:1], append=~band[-1:]))
        sizes = np.diff(edges)
        pairs: set[tuple[int, int]] = set()
        for start, size in zip(edges[:-1][sizes > 1], sizes[sizes > 1], strict=True):
            rows = place[start : start + size].tolist()
            firsts: dict[tuple[int, str], int] = {}
            for row in rows:
                firsts.setdefault(plan.shard_of(row)[1:3], row)
            for before, row in zip([rows[0], *rows], rows, strict=False):
                near = {before, *firsts.values()} - {row}
                pairs.update((min(row, other), max(row, other)) for other in near)
        path = plan.work / "pairs" / f"{part:06d}-{number:06d}"
        files += write_rows(sorted(pairs), _PAIRS, plan.places, path)
    return Done(files)


def _attach(item: tuple[int, Group], plan: Plan) -> Done:
    """Third pass: the pairs with the text of the earlier record, parted by the later one."""
    number, group = item
    files: list[Path] = []
    for n, table in enumerate(shuffle.read(plan.work / "pairs", number, plan.places)):
        pairs = table.group_by([shuffle.KEY, "high"]).aggregate([])
        pairs = pairs.sort_by([(shuffle.KEY, "ascending"), ("high", "ascending")])
        sided = pa.table([pairs[shuffle.KEY], *_texts(group, pairs).columns], schema=_SIDED)
        rows = shuffle.keyed(sided, pairs["high"].to_numpy())
        path = plan.work / "sided" / f"{number:06d}-{n:06d}"
        files += shuffle.write([rows], plan.places, path)
    return Done(files)


def _compare(item: tuple[int, Group], plan: Plan) -> Done:
    """Fourth pass: which pairs are similar, from either side, parted by dataset."""
    number, group = item
    threshold = plan.settings.near_duplicate_similarity
    files: list[Path] = []
    for k, table in enumerate(shuffle.read(plan.work / "sided", number, plan.places)):
        ones = [table[name] for name in (shuffle.KEY, *_SIDED.names)]
        columns = (column.to_pylist() for column in (*ones, *_texts(group, table).columns))
        rows: list[tuple[Any, ...]] = []
        for at, low, one, text, n, other, near, m in zip(*columns, strict=True):
            if n != m or text == near:  # exact deduplication has handled equal texts
                continue
            share = minhash.similarity(text.casefold(), near.casefold(), n)
            if share >= threshold:
                rows += [(low, one, at, other, share), (at, other, low, one, share)]
        path = plan.work / "similar" / f"{number:06d}-{k:06d}"
        files += write_rows(rows, _SIMILAR, _owners(plan), path)
    return Done(files)


def _texts(group: Group, table: Any) -> Any:
    """Return the `_TEXTS` table of the records that `table` is keyed by, in order of place."""
    tables = []
    for shard, _, wanted in by_shard(group, [table]):
        rows, back = np.unique(wanted, return_inverse=True)
        records = shards.read(shard.path, ["id", "language", "text"]).take(pa.array(rows))
        texts = [normal_form(t) for t in records["text"].to_pylist()]
        sizes = [minhash.NGRAM[like(language)] for language in records["language"].to_pylist()]
        tables.append(pa.table([records["id"], texts, sizes], _TEXTS).take(pa.array(back)))
    return pa.concat_tables(tables)


def _similar(number: int, plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Yield (record, its id, partner, its id, similarity) of one dataset, in order of place."""
    for table in shuffle.read(plan.work / "similar", number, _owners(plan)):
        ordered = table.sort_by([(shuffle.KEY, "ascending"), ("partner", "ascending")])
        columns = (ordered[name].to_pylist() for name in (shuffle.KEY, *_SIMILAR.names))
        yield from zip(*columns, strict=True)


def _finish(number: int, plan: Plan) -> Done:
    """Report on one dataset; with the policy "drop", also tag its near-duplicates."""
    files: list[Path] = []
    counts: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    #: Record that is dropped -> id of its partner.
    drops: dict[int, str] = {}
    for (record, identifier), similar in groupby(_similar(number, plan), key=lambda row: row[:2]):
        shard = plan.shard_of(record)
        seen: dict[tuple[str, str, str], dict[str, Any]] = {}
        for _, _, partner, named, share in similar:
            other = plan.shard_of(partner)
            key = (shard.split, plan.name(other.dataset), other.split)
            seen.setdefault(
                key, {"id": identifier, "partner": named, "similarity": round(share, 3)}
            )
            if other[1:3] == shard[1:3]:  # of one dataset and split
                decides = partner < record and partner not in drops
            else:
                across = plan.settings.across_datasets or shard.dataset == other.dataset
                decides = across and other.split == "test" and shard.split != "test"
            if decides:
                drops.setdefault(record, named)
        for key, example in seen.items():
            counts[key] += 1
            if counts[key] <= _EXAMPLES:
                examples.setdefault(key, []).append(example)
    if plan.settings.near_duplicates == "drop":
        for shard, group in groupby(drops, plan.shard_of):
            records = [*group]
            rows = [record & 0xFFFFFFFF for record in records]
            partners = [drops[record] for record in records]
            reasons = ["near_duplicate"] * len(rows)
            files.append(plan.drop(shard, rows, reasons, partners))
    about = {"dataset": plan.name(number)}
    pairs = [
        {**about, **dict(zip(_KEY, key, strict=True)), "records": n, "examples": examples[key]}
        for key, n in sorted(counts.items(), key=lambda pair: _in_order(*pair[0]))
    ]
    return Done(files, pairs)


#: What near-duplicates are counted by.
_KEY: Final = ("split", "other", "other_split")


def _in_order(split: str, other: str, other_split: str) -> tuple[int, str, int]:
    return SPLITS.index(split), other, SPLITS.index(other_split)
