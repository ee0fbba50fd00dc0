"""Stage 3: find texts that occur more than once, in a dataset and across the corpus.

Texts are compared exactly, in white-space-normalized NFC form. Among what cleaning kept:

`train_text_in_test`      a train or dev text that occurs in a test split of any dataset
`duplicate`               the same text with the same annotations earlier in its split
`conflicting_duplicate`   the same text with other annotations; the policy of the split decides:
                          drop (all of them), first (all but the first), keep, or merge
`merged_duplicate`        a conflicting duplicate whose annotations went to the first

Every drop names its partner record. Two passes: keys are parted by their hash, then each part is
solved by itself, so memory is bounded by a part and the result does not depend on the parting.
Writes one folder per dataset, so that a dataset whose drops do not change is not rerun.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline import engines, shards
from pipeline.kept import DROPS, record_shards
from pipeline.records import RECORDS, SPLITS, from_table, merge, to_table
from pipeline.text import normal_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Dedupe, Policy
    from pipeline.engines import Workers

PARTITIONS: Final = 16
_KEYS: Final = pa.schema(
    [
        ("key", pa.binary(16)),
        ("annotations", pa.binary(8)),
        ("dataset", pa.string()),
        ("split", pa.int8()),
        ("ordinal", pa.int64()),
    ]
)
#: (dataset, split number, ordinal, annotations): a record, in the order that decides who is first.
Row = tuple[str, int, int, bytes]


def dedupe(
    datasets: Sequence[Dataset],
    clean: Path,
    settings: Dedupe,
    out: Path,
    workers: Workers | int = 1,
) -> dict[str, int]:
    """Write `out/<id>/drops.parquet` (and `merged.parquet`); return the drops per dataset."""
    counts = {}
    with shards.replacing(out) as folder:
        jobs = [(d.id, path) for d in datasets for _, path in record_shards(clean / d.id)]
        keys = folder / ".keys"
        for _ in engines.run(partial(_part, folder=keys), [*enumerate(jobs)], workers):
            pass
        policies = {d.id: {**settings.conflicts, **d.conflicts} for d in datasets}
        solve = partial(_solve, folder=keys, policies=policies, across=settings.across_datasets)
        drops: list[tuple[str, int, int, str, str]] = []
        merges: list[tuple[Row, list[Row]]] = []
        for found, joined in engines.run(solve, range(PARTITIONS), workers):
            drops += found
            merges += joined
        shards.remove(keys)
        drops.sort()
        for d in datasets:
            own = [(_id(*row[:3]), *row[3:]) for row in drops if row[0] == d.id]
            table = pa.table([[r[i] for r in own] for i in range(3)], schema=DROPS)
            shards.write(table, folder / d.id / "drops.parquet")
            _write_merged(d, [m for m in merges if m[0][0] == d.id], clean, folder)
            counts[d.id] = len(own)
    return counts


def _id(dataset: str, split: int, ordinal: int) -> str:
    return f"{dataset}/{SPLITS[split]}/{ordinal}"


def keys_of(table: Any) -> Any:
    """The table of `_KEYS` of the records that are not dropped yet."""
    table = table.filter(pc.is_null(table["dropped"]))
    texts = table["text"].to_pylist()
    ids = [identifier.rsplit("/", 2) for identifier in table["id"].to_pylist()]
    columns = [
        [xxhash.xxh3_128_digest(normal_form(t).encode()) for t in texts],
        _annotations(table),
        [i[0] for i in ids],
        [SPLITS.index(i[1]) for i in ids],
        [int(i[2]) for i in ids],
    ]
    return pa.table(columns, schema=_KEYS)


def _annotations(table: Any) -> list[bytes]:
    """A digest of what each record asserts: labels and strings, whatever their order or offsets."""
    columns = table.select(["mentions", "relations", "events"]).to_pydict()
    digests = []
    for mentions, relations, events in zip(*columns.values(), strict=True):
        texts = [m["text"] for m in mentions]
        facts = {repr((m["label"], m["text"])) for m in mentions if m["label"]}
        for r in relations:
            slots = sorted((q["role"], texts[q["mention"]]) for q in r["qualifiers"])
            facts.add(repr((r["label"], texts[r["head"]], texts[r["tail"]], slots)))
        for e in events:
            trigger = None if e["trigger"] is None else texts[e["trigger"]]
            slots = sorted((a["role"], texts[a["mention"]]) for a in e["arguments"])
            facts.add(repr((e["label"], trigger, slots)))
        digests.append(xxhash.xxh3_64_digest("\n".join(sorted(facts)).encode()))
    return digests


def _part(job: tuple[int, tuple[str, Path]], folder: Path) -> None:
    """First pass: write the keys of one shard, parted by hash."""
    number, (_, shard) = job
    keys = keys_of(shards.read(shard))
    parts = np.frombuffer(b"".join(keys["key"].to_pylist()), np.uint8)[::16] % PARTITIONS
    for part in range(PARTITIONS):
        mine = keys.filter(pa.array(parts == part))
        if mine.num_rows:
            shards.write(mine, folder / f"{part:02d}" / f"{number:06d}.parquet")


def _solve(
    part: int, folder: Path, policies: Mapping[str, Mapping[str, Policy]], *, across: bool
) -> tuple[list[tuple[str, int, int, str, str]], list[tuple[Row, list[Row]]]]:
    """Second pass: (drops, merges) among all keys of one part."""
    paths = shards.listed(folder / f"{part:02d}")
    if not paths:
        return [], []
    table = pa.concat_tables([shards.read(path) for path in paths])
    counts = table.group_by("key").aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))["key"]
    table = table.filter(pc.is_in(table["key"], value_set=repeated.combine_chunks()))
    table = table.sort_by([(c, "ascending") for c in ("key", "dataset", "split", "ordinal")])
    columns = [table[c].to_pylist() for c in ("key", "dataset", "split", "ordinal", "annotations")]
    drops: list[tuple[str, int, int, str, str]] = []
    merges: list[tuple[Row, list[Row]]] = []
    for _, group in groupby(zip(*columns, strict=True), key=itemgetter(0)):
        rows: list[Row] = [row[1:] for row in group]
        _resolve(rows, policies, drops, merges, across=across)
    return drops, merges


def _resolve(
    rows: list[Row],
    policies: Mapping[str, Mapping[str, Policy]],
    drops: list[tuple[str, int, int, str, str]],
    merges: list[tuple[Row, list[Row]]],
    *,
    across: bool,
) -> None:
    """Decide about all records of one text."""
    tests = [row for row in rows if row[1] == SPLITS.index("test")]
    left: list[Row] = []
    for row in rows:
        partner = next((t for t in tests if across or t[0] == row[0]), None)
        if partner and row[1] != partner[1]:
            drops.append((*row[:3], "train_text_in_test", _id(*partner[:3])))
        else:
            left.append(row)
    for (dataset, split), group in groupby(left, key=itemgetter(0, 1)):
        same = [*group]
        if len(same) > 1:
            policy = policies[dataset][SPLITS[split]]
            drops += _within_split(same, policy, merges)


def _within_split(
    rows: list[Row], policy: Policy, merges: list[tuple[Row, list[Row]]]
) -> Iterable[tuple[str, int, int, str, str]]:
    firsts: dict[bytes, Row] = {}
    for row in rows:
        firsts.setdefault(row[3], row)
    first = rows[0]
    if len(firsts) > 1 and policy == "drop":
        for row in rows:
            other = next(r for r in firsts.values() if r[3] != row[3])
            yield (*row[:3], "conflicting_duplicate", _id(*other[:3]))
        return
    if len(firsts) > 1 and policy == "merge":
        merges.append((first, [*firsts.values()]))
    for row in rows[1:]:
        earliest = firsts[row[3]]
        if earliest is not row:
            yield (*row[:3], "duplicate", _id(*earliest[:3]))
        elif policy == "first":
            yield (*row[:3], "conflicting_duplicate", _id(*first[:3]))
        elif policy == "merge":
            yield (*row[:3], "merged_duplicate", _id(*first[:3]))


def _write_merged(
    dataset: Dataset, merges: list[tuple[Row, list[Row]]], clean: Path, folder: Path
) -> None:
    """The first record of each merged text, with the annotations of all."""
    if not merges:
        return
    wanted = {_id(*row[:3]) for _, rows in merges for row in rows}
    records: dict[str, Any] = {}
    for _, shard in record_shards(clean / dataset.id):
        table = shards.read(shard)
        table = table.filter(pc.is_in(table["id"], value_set=pa.array(sorted(wanted))))
        records.update(zip(table["id"].to_pylist(), from_table(table), strict=True))
    tables = []
    for first, rows in sorted(merges):
        group = [records[_id(*row[:3])] for row in rows]
        # Offsets hold for one string; a text that differs in white space adds nothing.
        own = merge([r for r in group if r.text == group[0].text])
        tables.append(
            to_table(
                [own],
                [_id(*first[:3])],
                dataset=dataset.id,
                split=SPLITS[first[1]],
                language=dataset.language,
            )
        )
    merged = pa.concat_tables(tables) if tables else RECORDS.empty_table()
    shards.write(merged, folder / dataset.id / "merged.parquet")
