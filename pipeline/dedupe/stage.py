"""Stage 3: find texts that occur more than once, in a dataset and across the corpus.

Texts of one split are compared exactly, in white-space-normalized NFC form; texts of
different splits and datasets without white space and tokenizer marks. Among what cleaning kept:

`train_text_in_test`      a train or dev text that occurs in a test split of any dataset
`duplicate`               the same text with the same annotations earlier in its split
`conflicting_duplicate`   the same text with other annotations; the policy of the split decides:
                          drop (all of them), first (all but the first), keep, or merge
`merged_duplicate`        a conflicting duplicate whose annotations the first one took over

Rows of a source that repeats a text for each annotation complete each other: they are merged unless
the dataset declares another policy. `contradictions.py`, `overlap.py` and `near_duplicates.py` then
look at what is left.

Every drop names its partner record. Each shard of clean gets a shard with the final tags of its
records, and one with its merged records if it has any (see `kept`).

The stage makes several passes over all datasets, each of independent jobs (see `shuffle`). It
splits the keys of all texts by their hash, and solves each part separately. It sends the decisions
back to the shards by the places of their records, and the records to be merged to the shard of the
first one. Memory is bounded by a part or a group of shards, and the result does not depend on how
the records are cut into these. Each dataset has a folder, so that one whose tags do not change is
not rerun.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.catalog import Dataset, invariant
from pipeline.config import Dedupe
from pipeline.dedupe import contradictions, near_duplicates, overlap
from pipeline.dedupe.duplicates import (
    Group,
    Plan,
    Row,
    Shard,
    bounds,
    by_shard,
    grouped,
    listing,
    merged,
    one_pass,
    resolve,
    write_rows,
)
from pipeline.dedupe.tags import TAGS, merged_path
from pipeline.execution import shards, shuffle
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Done, building, scratch
from pipeline.tables import RECORDS, flat
from pipeline.text import comparable, normal_form

#: About how many bytes the key of one text takes.
_KEY_BYTES: Final = 300
_KEYS: Final = pa.schema(
    [
        ("digest", pa.binary(16)),
        ("exact", pa.binary(8)),
        ("place", pa.int64()),
        ("id", pa.string()),
        ("facts", pa.binary()),
    ]
)
#: A record that is dropped; its place is the key.
_DROPS: Final = pa.schema([("reason", pa.string()), ("partner", pa.string())])
#: The place of the record that gets the annotations of another, whose place is the key.
_MERGES: Final = pa.schema([("first", pa.uint64())])


def dedupe(
    datasets: Sequence[Dataset],
    clean: Path,
    settings: Dedupe,
    out: Path,
    workers: Workers | int = 1,
) -> None:
    """Write the tags of every shard `clean/<id>/<split>-NNNNN.parquet` to `out/<id>/`."""
    datasets = sorted(datasets, key=lambda d: d.id)
    listed = listing(datasets, clean)
    groups = grouped(listed)
    hashes = shuffle.even(_KEY_BYTES * sum(shard.rows for shard in listed))
    places = bounds(group[0] for group in groups)
    with building(out) as folder:
        plan = Plan(tuple(datasets), settings, listed, folder, scratch(folder), hashes, places)
        for dataset in datasets:
            (folder / dataset.id).mkdir(exist_ok=True)
        each = [*enumerate(groups)]
        one_pass("keys", _part, each, plan, workers)
        parts = one_pass("duplicates", _solve, range(len(hashes) - 1), plan, workers)
        one_pass("tags", _tag, each, plan, workers)
        if (plan.work / "records").exists():
            one_pass("merged records", _merge, each, plan, workers)
        pairs = contradictions.summary(parts)
        shards.write_json({"pairs": pairs}, folder / "contradictions.json")
        if settings.overlap != "ignore":
            overlap.find(plan, groups, workers)
        if settings.near_duplicates != "ignore":
            near_duplicates.find(plan, groups, workers)


def keys_of(shard: Shard) -> Any:
    """Return the keyed `_KEYS` table of the records of a shard that are not dropped yet."""
    columns = ["id", "text", "mentions", "relations", "events", "dropped"]
    table = shards.read(shard.path, columns)
    stay = pc.is_null(table["dropped"])
    table = table.filter(stay)
    texts = table["text"].to_pylist()
    digests = [xxhash.xxh3_128_digest(comparable(text).encode()) for text in texts]
    exact = [xxhash.xxh3_64_digest(normal_form(text).encode()) for text in texts]
    places = (shard.number << 32) + np.flatnonzero(stay)
    keys = pa.table([digests, exact, places, table["id"], _facts(table)], schema=_KEYS)
    return shuffle.keyed(keys, np.frombuffer(b"".join(digests), ">u8")[::2].astype(np.uint64))


def _facts(table: Any) -> list[bytes]:
    """Return what each record asserts, regardless of order and offsets: a sorted line per fact.

    A fact is the JSON list [kind, label, string, or head and tail, or trigger; slots].
    """
    mentions, _, begins = flat(table, "mentions")
    strings = [*map(normal_form, pc.struct_field(mentions, "text").to_pylist())]
    labels = pc.struct_field(mentions, "label").to_pylist()
    rows = zip(
        pairwise(begins.tolist()),
        *(table[n].to_pylist() for n in ("relations", "events")),
        strict=True,
    )
    lines = []
    for (first, last), relations, events in rows:
        texts = strings[first:last]
        named = zip(labels[first:last], texts, strict=True)
        facts: list[Any] = [("entity", label, text) for label, text in named if label]
        for r in relations:
            slots = sorted((q["role"], texts[q["mention"]]) for q in r["qualifiers"])
            facts.append(("relation", r["label"], (texts[r["head"]], texts[r["tail"]]), slots))
        for e in events:
            trigger = None if e["trigger"] is None else texts[e["trigger"]]
            slots = sorted((a["role"], texts[a["mention"]]) for a in e["arguments"])
            facts.append(("event", e["label"], trigger, slots))
        lines.append(b"\n".join(sorted({*map(orjson.dumps, facts)})))
    return lines


def _part(item: tuple[int, Group], plan: Plan) -> Done:
    """First pass: write the keys of a group of shards, split by hash."""
    number, group = item
    path = plan.work / "keys" / f"{number:06d}"
    return Done(shuffle.write(map(keys_of, group), plan.hashes, path))


def _solve(part: int, plan: Plan) -> Done:
    """Second pass: write the drops and merges among all keys of one part, split by place.

    It also finds the contradictions among the records that stay.
    """
    files: list[Path] = []
    differences = contradictions.Found(plan)
    for number, keys in enumerate(shuffle.read(plan.work / "keys", part, plan.hashes)):
        counts = keys.group_by("digest").aggregate([([], "count_all")])
        repeated = counts.filter(pc.greater(counts["count_all"], 1))["digest"]
        table = keys.filter(pc.is_in(keys["digest"], value_set=repeated.combine_chunks()))
        table = table.sort_by([("digest", "ascending"), ("place", "ascending")])
        drops: dict[int, tuple[str, str]] = {}
        merges: list[tuple[int, int]] = []
        columns = [table[name].to_pylist() for name in _KEYS.names]
        for _, group in groupby(zip(*columns, strict=True), key=itemgetter(0)):
            same = [Row(*plan.shard_of(row[2])[1:3], *row[1:]) for row in group]
            gets = len(merges)
            for row, reason, partner in resolve(same, plan, merges):
                drops[row.place] = (reason, partner)
            if len({row.dataset for row in same}) > 1:
                stay = contradictions.merged(same, drops, merges[gets:])
                for row, reason, partner in differences.among(stay):
                    drops.setdefault(row.place, (reason, partner))
        decided = [(place, *why) for place, why in drops.items()]
        for name, rows, schema in (("drops", decided, _DROPS), ("merges", merges, _MERGES)):
            path = plan.work / name / f"{part:06d}-{number:06d}"
            files += write_rows(rows, schema, plan.places, path)
    return Done(files, differences.pairs())


def _tag(item: tuple[int, Group], plan: Plan) -> Done:
    """Third pass: write a group's tags, and its records to be merged, split by the first one."""
    number, group = item
    files = [plan.tags(shard) for shard in group]
    for shard, path in zip(group, files, strict=True):
        shards.write(shards.read(shard.path, TAGS.names), path)
    drops = by_shard(group, shuffle.read(plan.work / "drops", number, plan.places))
    for shard, dropped, rows in drops:
        plan.drop(shard, rows, *(dropped[name].combine_chunks() for name in _DROPS.names))
    merges = by_shard(group, shuffle.read(plan.work / "merges", number, plan.places))
    records = (
        shuffle.keyed(
            shards.read(shard.path, RECORDS.names).take(pa.array(rows)), moves["first"].to_numpy()
        )
        for shard, moves, rows in merges
    )
    path = plan.work / "records" / f"{number:06d}"
    return Done(files + shuffle.write(records, plan.places, path))


def _merge(item: tuple[int, Group], plan: Plan) -> Done:
    """Last pass: write the merged records of a group of shards, in the order of records."""
    number, group = item
    parts = by_shard(group, shuffle.read(plan.work / "records", number, plan.places))
    files: list[Path] = []
    for shard, parts_of_shard in groupby(parts, itemgetter(0)):
        dataset = plan.datasets[shard.dataset]
        files.append(merged_path(shard.path, plan.folder / dataset.id))
        with shards.writer(files[-1], RECORDS) as write:
            for _, rows, _ in parts_of_shard:
                for table in merged(rows):
                    write(invariant.checked(table, dataset))
    return Done(files)
