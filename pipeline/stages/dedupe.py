"""Stage 3: find texts that occur more than once, in a dataset and across the corpus.

Texts are compared exactly, in white-space-normalized NFC form. Among what cleaning kept:

`train_text_in_test`      a train or dev text that occurs in a test split of any dataset
`duplicate`               the same text with the same annotations earlier in its split
`conflicting_duplicate`   the same text with other annotations; the policy of the split decides:
                          drop (all of them), first (all but the first), keep, or merge
`merged_duplicate`        a conflicting duplicate whose annotations went to the first

Rows of a source that repeats a text for each annotation complete each other: they are merged unless
the dataset declares another policy. `cleaning/near_duplicates.py` then looks at what is left.

Every drop names its partner record. Two passes: keys are parted by their hash, then each part is
solved by itself and written parted by dataset, so memory is bounded by a part, and the result does
not depend on the parting. Each dataset gets a folder, so that one whose drops do not change is not
rerun.
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
from pipeline.cleaning import near_duplicates
from pipeline.cleaning.duplicates import Plan, Row, merged, resolve
from pipeline.execution.freshness import building, scratch
from pipeline.kept import DROPS, record_shards
from pipeline.records import SPLITS, place, record_id
from pipeline.tables import RECORDS
from pipeline.text import normal_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Dedupe, Policy
    from pipeline.engines import Workers

#: Keys that one part holds, about: 40 bytes each, and some 400 where texts repeat.
_KEYS_PER_PART: Final = 200_000
#: Merged texts whose records are held at once.
_MERGES_AT_ONCE: Final = 5_000
_PLACE: Final = (("dataset", "int32"), ("split", "int8"), ("ordinal", "int64"), ("window", "int32"))
_KEYS: Final = pa.schema([("key", pa.binary(16)), *_PLACE, ("annotations", pa.binary(8))])
_FOUND: Final = pa.schema([*_PLACE, ("reason", pa.string()), ("detail", pa.string())])
#: The records of one text to merge, the first one first.
_MERGES: Final = pa.schema([*_PLACE, ("ids", pa.list_(pa.string()))])


def dedupe(
    datasets: Sequence[Dataset],
    clean: Path,
    settings: Dedupe,
    out: Path,
    workers: Workers | int = 1,
) -> dict[str, int]:
    """Write `out/<id>/drops.parquet` (and `merged.parquet`); return the drops per dataset."""
    datasets = sorted(datasets, key=lambda d: d.id)
    plan = Plan(
        tuple(d.id for d in datasets),
        {d.id: _policies(d, settings) for d in datasets},
        settings.across_datasets,
    )
    jobs = [(n, path) for n, d in enumerate(datasets) for _, path in record_shards(clean / d.id)]
    rows = sum(shards.rows(path) for _, path in jobs)
    parts = max(1, -(-rows // _KEYS_PER_PART))
    with building(out) as folder:
        work = scratch(folder)
        _all(partial(_part, folder=work, parts=parts), [*enumerate(jobs)], workers)
        _all(partial(_solve, folder=work, plan=plan), range(parts), workers)
        finish = partial(_finish, clean=clean, work=work, folder=folder)
        _all(finish, [*enumerate(datasets)], workers)
        if settings.near_duplicates != "ignore":
            near_duplicates.find(plan.names, clean, settings, folder, workers)
        return {d: shards.rows(folder / d / "drops.parquet") for d in plan.names}


def _all(function: Any, items: Sequence[Any], workers: Workers | int) -> None:
    for _ in engines.run(function, items, workers, _name):
        pass


def _name(item: Any) -> object:
    """What an error calls an item of any pass: a part of the keys, a shard, a dataset."""
    if isinstance(item, int):
        return f"part {item} of all texts"
    _, own = item
    return own[1] if isinstance(own, tuple) else own.id


def _policies(dataset: Dataset, settings: Dedupe) -> dict[str, Policy]:
    completing: dict[str, Policy] = dict.fromkeys(SPLITS, "merge")
    own = completing if dataset.one_annotation_per_row else {}
    return {**settings.conflicts, **own, **dataset.conflicts}


def keys_of(table: Any, dataset: int = 0) -> Any:
    """The table of `_KEYS` of the records that are not dropped yet."""
    table = table.filter(pc.is_null(table["dropped"]))
    places = [place(identifier) for identifier in table["id"].to_pylist()]
    columns = [
        [xxhash.xxh3_128_digest(normal_form(t).encode()) for t in table["text"].to_pylist()],
        pa.array(np.full(len(places), dataset, np.int32)),
        [SPLITS.index(p[1]) for p in places],
        [p[2] for p in places],
        [p[3] for p in places],
        _annotations(table),
    ]
    return pa.table(columns, schema=_KEYS)


def _annotations(table: Any) -> list[bytes]:
    """A digest of what each record asserts: labels and strings, whatever their order or offsets."""
    columns = table.select(["mentions", "relations", "events"]).to_pydict()
    digests = []
    for mentions, relations, events in zip(*columns.values(), strict=True):
        texts = [normal_form(m["text"]) for m in mentions]
        facts = {repr((m["label"], t)) for m, t in zip(mentions, texts, strict=True) if m["label"]}
        for r in relations:
            slots = sorted((q["role"], texts[q["mention"]]) for q in r["qualifiers"])
            facts.add(repr((r["label"], texts[r["head"]], texts[r["tail"]], slots)))
        for e in events:
            trigger = None if e["trigger"] is None else texts[e["trigger"]]
            slots = sorted((a["role"], texts[a["mention"]]) for a in e["arguments"])
            facts.add(repr((e["label"], trigger, slots)))
        digests.append(xxhash.xxh3_64_digest("\n".join(sorted(facts)).encode()))
    return digests


def _part(job: tuple[int, tuple[int, Path]], folder: Path, parts: int) -> None:
    """First pass: write the keys of one shard, parted by hash."""
    number, (dataset, shard) = job
    columns = ["id", "text", "mentions", "relations", "events", "dropped"]
    keys = keys_of(shards.read(shard, columns), dataset)
    hashes = np.frombuffer(b"".join(keys["key"].to_pylist()), ">u8")[::2]
    part = (hashes % np.uint64(parts)).astype(np.int64)
    shards.write_parts(keys, part, parts, folder / "keys" / f"{number:06d}.arrow")


def _solve(part: int, folder: Path, plan: Plan) -> None:
    """Second pass: write the drops and merges among all keys of one part, parted by dataset."""
    table = shards.read_part(shards.listed(folder / "keys", "*.arrow"), part, _KEYS)
    counts = table.group_by("key").aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))["key"]
    table = table.filter(pc.is_in(table["key"], value_set=repeated.combine_chunks()))
    order = ("key", "dataset", "split", "ordinal", "window")
    table = table.sort_by([(column, "ascending") for column in order])
    columns = [table[column].to_pylist() for column in (*order, "annotations")]
    drops: list[tuple[Any, ...]] = []
    merges: list[tuple[Any, ...]] = []
    for _, group in groupby(zip(*columns, strict=True), key=itemgetter(0)):
        for row, reason, partner in resolve([Row(*row[1:]) for row in group], plan, merges):
            drops.append((*row[:4], reason, partner))
    for name, rows, schema in (("drops", drops, _FOUND), ("merges", merges, _MERGES)):
        found = pa.table([[r[i] for r in rows] for i in range(len(schema))], schema=schema)
        numbers = found["dataset"].to_numpy()
        shards.write_parts(found, numbers, len(plan.names), folder / name / f"{part:06d}.arrow")


def _finish(item: tuple[int, Dataset], clean: Path, work: Path, folder: Path) -> None:
    """Write the drops and the merged records of one dataset, in the order of its records."""
    number, dataset = item
    tables = []
    for name, schema in (("drops", _FOUND), ("merges", _MERGES)):
        table = shards.read_part(shards.listed(work / name, "*.arrow"), number, schema)
        tables.append(table.sort_by([(c, "ascending") for c in ("split", "ordinal", "window")]))
    drops, merges = tables
    ids = _ids(dataset.id, drops)
    own = pa.table([ids, drops["reason"], drops["detail"]], schema=DROPS)
    shards.write(own, folder / dataset.id / "drops.parquet")
    if merges.num_rows:
        with shards.writer(folder / dataset.id / "merged.parquet", RECORDS) as write:
            for start in range(0, merges.num_rows, _MERGES_AT_ONCE):
                groups = merges["ids"].slice(start, _MERGES_AT_ONCE).to_pylist()
                write(merged(dataset, groups, clean))


def _ids(dataset: str, table: Any) -> list[str]:
    columns = (table[column].to_pylist() for column in ("split", "ordinal", "window"))
    return [record_id(dataset, SPLITS[s], o, w) for s, o, w in zip(*columns, strict=True)]
