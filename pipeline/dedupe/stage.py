"""Stage 3: find texts that occur more than once, in a dataset and across the corpus.

Texts of one split are compared exactly, in white-space-normalized NFC form; those of different
splits and datasets without white space and the marks of tokenizers. Among what cleaning kept:

`train_text_in_test`      a train or dev text that occurs in a test split of any dataset
`duplicate`               the same text with the same annotations earlier in its split
`conflicting_duplicate`   the same text with other annotations; the policy of the split decides:
                          drop (all of them), first (all but the first), keep, or merge
`merged_duplicate`        a conflicting duplicate whose annotations went to the first

Rows of a source that repeats a text for each annotation complete each other: they are merged unless
the dataset declares another policy. `contradictions.py` and `near_duplicates.py` then look at what
is left.

Every drop names its partner record. Beside every shard of clean goes one with the final tags of its
records, and one with its merged records if it has any (see `kept`).

Passes over all datasets, each of jobs that read and write by themselves (see `shuffle`): the keys
of all texts are parted by their hash; each part is solved by itself; what was decided goes back to
the shards by the places of their records; the records to be merged go to the shard of the first
one. Memory is bounded by a part or a group of shards, and the result does not depend on how the
records are cut into these. Each dataset has a folder, so that one whose tags do not change is not
rerun.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.catalog import invariant
from pipeline.dedupe import contradictions, near_duplicates
from pipeline.dedupe.duplicates import (
    Plan,
    Row,
    bounds,
    by_shard,
    grouped,
    listing,
    merged,
    one_pass,
    resolve,
    write_rows,
)
from pipeline.dedupe.tags import TAGS, merged_path, with_drops
from pipeline.execution import shards, shuffle
from pipeline.execution.freshness import Done, building, scratch
from pipeline.records import SPLITS
from pipeline.tables import RECORDS, flat
from pipeline.text import comparable, normal_form

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Dedupe, Policy
    from pipeline.dedupe.duplicates import Group, Shard
    from pipeline.execution.engines import Workers

#: Bytes of the key of one text, about.
_KEY_BYTES: Final = 80
_KEYS: Final = pa.schema(
    [
        ("digest", pa.binary(16)),
        ("exact", pa.binary(8)),
        ("place", pa.int64()),
        ("id", pa.string()),
        ("annotations", pa.binary(8)),
    ]
)
#: A record that goes; its place is the key.
_DROPS: Final = pa.schema([("reason", pa.string()), ("partner", pa.string())])
#: The place of the record that gets the annotations of another, whose place is the key.
_MERGES: Final = pa.schema([("first", pa.uint64())])


#: The number of a text that several datasets have; the key is the place of a record of it.
_SHARED: Final = pa.schema([("text", pa.uint64())])


def dedupe(
    datasets: Sequence[Dataset],
    clean: Path,
    settings: Dedupe,
    out: Path,
    workers: Workers | int = 1,
) -> None:
    """Write the tags of every shard `clean/<id>/<split>-NNNNN.parquet` to `out/<id>/`."""
    datasets = sorted(datasets, key=lambda d: d.id)
    plan = Plan(
        tuple(d.id for d in datasets),
        {d.id: _policies(d, settings) for d in datasets},
        settings.across_datasets,
    )
    found = listing(plan.names, clean)
    groups = grouped(found)
    hashes = shuffle.even(_KEY_BYTES * sum(shards.rows(shard.path) for shard in found))
    places = bounds(group[0] for group in groups)
    with building(out) as folder:
        work = scratch(folder)
        for dataset in datasets:
            (folder / dataset.id).mkdir(exist_ok=True)
        each = [*enumerate(groups)]
        one_pass("keys", partial(_part, work=work, hashes=hashes), each, folder, workers)
        solve = partial(_solve, work=work, hashes=hashes, places=places, found=found, plan=plan)
        one_pass("duplicates", solve, range(len(hashes) - 1), folder, workers)
        tag = partial(_tag, work=work, folder=folder, names=plan.names, places=places)
        one_pass("tags", tag, each, folder, workers)
        if (work / "records").exists():
            merge = partial(_merge, work=work, folder=folder, datasets=datasets, places=places)
            one_pass("merged records", merge, each, folder, workers)
        contradictions.find(datasets, groups, settings, folder, work, places, hashes, workers)
        if settings.near_duplicates != "ignore":
            near_duplicates.find(plan.names, groups, settings, folder, workers)


def _policies(dataset: Dataset, settings: Dedupe) -> dict[str, Policy]:
    completing: dict[str, Policy] = dict.fromkeys(SPLITS, "merge")
    own = completing if dataset.one_annotation_per_row else {}
    return {**settings.conflicts, **own, **dataset.conflicts}


def keys_of(shard: Shard) -> Any:
    """The keyed table of `_KEYS` of the records of a shard that are not dropped yet."""
    columns = ["id", "text", "mentions", "relations", "events", "dropped"]
    table = shards.read(shard.path, columns)
    stay = pc.is_null(table["dropped"])
    table = table.filter(stay)
    texts = table["text"].to_pylist()
    digests = [xxhash.xxh3_128_digest(comparable(text).encode()) for text in texts]
    exact = [xxhash.xxh3_64_digest(normal_form(text).encode()) for text in texts]
    places = (shard.number << 32) + np.flatnonzero(stay)
    keys = pa.table([digests, exact, places, table["id"], _annotations(table)], schema=_KEYS)
    return shuffle.keyed(keys, np.frombuffer(b"".join(digests), ">u8")[::2].astype(np.uint64))


def _annotations(table: Any) -> list[bytes]:
    """A digest of what each record asserts: labels and strings, whatever their order or offsets."""
    mentions, _, begins = flat(table, "mentions")
    strings = [*map(normal_form, pc.struct_field(mentions, "text").to_pylist())]
    labels = pc.struct_field(mentions, "label").to_pylist()
    rows = zip(
        pairwise(begins.tolist()),
        *(table[n].to_pylist() for n in ("relations", "events")),
        strict=True,
    )
    digests = []
    for (first, last), relations, events in rows:
        texts = strings[first:last]
        named = zip(labels[first:last], texts, strict=True)
        facts = {repr((label, text)) for label, text in named if label}
        for r in relations:
            slots = sorted((q["role"], texts[q["mention"]]) for q in r["qualifiers"])
            facts.add(repr((r["label"], texts[r["head"]], texts[r["tail"]], slots)))
        for e in events:
            trigger = None if e["trigger"] is None else texts[e["trigger"]]
            slots = sorted((a["role"], texts[a["mention"]]) for a in e["arguments"])
            facts.add(repr((e["label"], trigger, slots)))
        digests.append(xxhash.xxh3_64_digest("\n".join(sorted(facts)).encode()))
    return digests


def _part(item: tuple[int, Group], work: Path, hashes: Sequence[int]) -> Done:
    """First pass: the keys of a group of shards, parted by hash."""
    number, group = item
    return Done(shuffle.write(map(keys_of, group), hashes, work / "keys" / f"{number:06d}"))


def _solve(
    part: int,
    work: Path,
    hashes: Sequence[int],
    places: Sequence[int],
    found: Sequence[Shard],
    plan: Plan,
) -> Done:
    """Second pass: the drops and merges among all keys of one part, parted by place."""
    files: list[Path] = []
    for number, keys in enumerate(shuffle.read(work / "keys", part, hashes)):
        counts = keys.group_by("digest").aggregate([([], "count_all")])
        repeated = counts.filter(pc.greater(counts["count_all"], 1))["digest"]
        table = keys.filter(pc.is_in(keys["digest"], value_set=repeated.combine_chunks()))
        table = table.sort_by([("digest", "ascending"), ("place", "ascending")])
        drops: list[tuple[int, str, str]] = []
        merges: list[tuple[int, int]] = []
        shared: list[tuple[int, int]] = []
        columns = [table[name].to_pylist() for name in _KEYS.names]
        for _, group in groupby(zip(*columns, strict=True), key=itemgetter(0)):
            same = [Row(*found[row[2] >> 32][1:3], *row[1:]) for row in group]
            if len({row.dataset for row in same}) > 1:
                code = int.from_bytes(same[0].exact, "big")
                shared += [(row.place, code) for row in same]
            for row, reason, partner in resolve(same, plan, merges):
                drops.append((row.place, reason, partner))
        for name, decided, schema in (
            ("drops", drops, _DROPS),
            ("merges", merges, _MERGES),
            ("shared", shared, _SHARED),
        ):
            path = work / name / f"{part:06d}-{number:06d}"
            files += write_rows(decided, schema, places, path)
    return Done(files)


def _tag(
    item: tuple[int, Group],
    work: Path,
    folder: Path,
    names: Sequence[str],
    places: Sequence[int],
) -> Done:
    """Third pass: the tags of a group of shards; its records to be merged, parted by the first."""
    number, group = item
    drops = groupby(by_shard(group, shuffle.read(work / "drops", number, places)), itemgetter(0))
    dropping, own = next(drops, (None, ()))
    files = [folder / names[shard.dataset] / shard.path.name for shard in group]
    for shard, path in zip(group, files, strict=True):
        tags = shards.read(shard.path, TAGS.names)
        if shard == dropping:
            for _, found, rows in own:
                tags = with_drops(tags, pa.array(rows), found["reason"], found["partner"])
            dropping, own = next(drops, (None, ()))
        shards.write(tags, path)
    merges = by_shard(group, shuffle.read(work / "merges", number, places))
    records = (
        shuffle.keyed(
            shards.read(shard.path, RECORDS.names).take(pa.array(rows)), found["first"].to_numpy()
        )
        for shard, found, rows in merges
    )
    return Done(files + shuffle.write(records, places, work / "records" / f"{number:06d}"))


def _merge(
    item: tuple[int, Group],
    work: Path,
    folder: Path,
    datasets: Sequence[Dataset],
    places: Sequence[int],
) -> Done:
    """Last pass: the merged records of a group of shards, each shard's in the order of records."""
    number, group = item
    found = by_shard(group, shuffle.read(work / "records", number, places))
    files: list[Path] = []
    for shard, own in groupby(found, itemgetter(0)):
        dataset = datasets[shard.dataset]
        files.append(merged_path(shard.path, folder / dataset.id))
        with shards.writer(files[-1], RECORDS) as write:
            for _, rows, _ in own:
                for table in merged(rows):
                    write(invariant.checked(table, dataset))
    return Done(files)
