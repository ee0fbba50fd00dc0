"""Texts that two datasets annotate differently: found, reported, and dropped only if asked.

A label contradicts itself where a text of two datasets (or editions of one) has different answers
under it. A label that one of them does not know says nothing, nor does one that is absent where a
dataset's annotation is not complete (see `Dataset.coverage`).

Writes `contradictions.json` beside the datasets' folders. Where `dedupe.prefer` lists datasets,
best first, the record of the later one is dropped as `contradicting`, unless it is a test record.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import combinations, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedupe import tags
from pipeline.dedupe.duplicates import by_shard, one_pass, write_rows
from pipeline.execution import shards, shuffle
from pipeline.execution.freshness import Done
from pipeline.text import comparable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Dedupe
    from pipeline.dedupe.duplicates import Group, Shard
    from pipeline.execution.engines import Workers

_EXAMPLES: Final = 3
#: A record whose text other datasets have as well; the key is the hash of its text.
_SHARED: Final = pa.schema([("place", pa.uint64()), ("id", pa.string()), ("facts", pa.string())])
_DROPS: Final = pa.schema([("partner", pa.string())])
#: Kind of annotation -> the tasks that ask it.
_KINDS: Final = {"entity": ("NER",), "relation": ("RE", "SPO"), "event": ("EE", "EET")}


def find(
    datasets: Sequence[Dataset],
    groups: Sequence[Group],
    settings: Dedupe,
    folder: Path,
    work: Path,
    places: Sequence[int],
    hashes: Sequence[int],
    workers: Workers | int = 1,
) -> None:
    """Report (and drop) what contradicts itself among the records that `work/shared` names."""
    names = [dataset.id for dataset in datasets]
    each = [*enumerate(groups)]
    parts: list[Any] = []
    if (work / "shared").exists():
        state = partial(_state, work=work, folder=folder, names=names, places=places, hashes=hashes)
        one_pass("texts of several datasets", state, each, folder, workers)
        compare = partial(
            _compare,
            found=[shard for group in groups for shard in group],
            names=names,
            known=[(_labels(d, complete=False), _labels(d, complete=True)) for d in datasets],
            prefer=settings.prefer,
            work=work,
            places=places,
            hashes=hashes,
        )
        parts = one_pass("contradictions", compare, range(len(hashes) - 1), folder, workers)
    if (work / "worse").exists():
        drop = partial(_drop, work=work, folder=folder, names=names, places=places)
        one_pass("contradicting records", drop, each, folder, workers)
    shards.write_json({"pairs": _summary(parts)}, folder / "contradictions.json")


def _labels(dataset: Dataset, *, complete: bool) -> set[tuple[str, str]]:
    """(kind, label) of all labels that are asked, or of those whose absence is an answer, too."""
    asked = {
        task
        for task in dataset.tasks
        if not complete or dataset.coverage.get(task, "complete") == "complete"
    }
    return {
        (kind, label)
        for kind, own in _KINDS.items()
        if asked & {*own}
        for label in dataset.labels_of(kind)
    }


def _state(
    item: tuple[int, Group],
    work: Path,
    folder: Path,
    names: Sequence[str],
    places: Sequence[int],
    hashes: Sequence[int],
) -> Done:
    """What the shared records of a group of shards say, parted by the hashes of their texts."""
    number, group = item
    columns = ["id", "mentions", "relations", "events", "dropped"]

    def tables() -> Iterator[Any]:
        for shard, shared, rows in by_shard(group, shuffle.read(work / "shared", number, places)):
            table = tags.tagged(shard.path, folder / names[shard.dataset], columns)
            table = table.take(pa.array(rows))
            stay = pc.is_null(table["dropped"])
            facts = [orjson.dumps(_facts(row)).decode() for row in table.to_pylist()]
            said = pa.table([shared[shuffle.KEY], table["id"], facts], schema=_SHARED)
            said = said.filter(stay)
            yield shuffle.keyed(said, shared["text"].filter(stay).to_numpy())

    return Done(shuffle.write(tables(), hashes, work / "said" / f"{number:06d}"))


def _facts(row: Mapping[str, Any]) -> list[tuple[str, str, list[Any]]]:
    """(kind, label, sorted answers) of a record, their strings as they are compared."""
    texts = [comparable(m["text"]) for m in row["mentions"]]
    said: dict[tuple[str, str], set[Any]] = {}
    for m, string in zip(row["mentions"], texts, strict=True):
        if m["label"] is not None:
            said.setdefault(("entity", m["label"]), set()).add(string)
    for r in row["relations"]:
        pair = (texts[r["head"]], texts[r["tail"]])
        said.setdefault(("relation", r["label"]), set()).add(pair)
    for e in row["events"]:
        trigger = "" if e["trigger"] is None else texts[e["trigger"]]
        said.setdefault(("event", e["label"]), set()).add(trigger)
    return [(kind, label, sorted(own)) for (kind, label), own in sorted(said.items())]


def _compare(
    part: int,
    found: Sequence[Shard],
    names: Sequence[str],
    known: Sequence[tuple[set[tuple[str, str]], set[tuple[str, str]]]],
    prefer: Sequence[str],
    work: Path,
    places: Sequence[int],
    hashes: Sequence[int],
) -> Done:
    """Compare the records of each text of one part; the counts and examples, and what goes."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    examples: dict[tuple[str, str, str, str], list[Any]] = {}
    drops: dict[int, str] = {}
    for table in shuffle.read(work / "said", part, hashes):
        columns = (table[name].to_pylist() for name in (shuffle.KEY, *_SHARED.names))
        for _, group in groupby(zip(*columns, strict=True), key=itemgetter(0)):
            rows = sorted(row[1:] for row in group)
            for one, other in combinations(rows, 2):
                shard, another = found[one[0] >> 32], found[other[0] >> 32]
                if shard.dataset == another.dataset:
                    continue
                sides = zip(known[shard.dataset], known[another.dataset], strict=True)
                odd = _different(one[2], other[2], *(left & right for left, right in sides))
                pair = (names[shard.dataset], names[another.dataset])
                for kind, label, left, right in odd:
                    key = (*pair, kind, label)
                    counts[key] += 1
                    if counts[key] <= _EXAMPLES:
                        example = {"ids": [one[1], other[1]], "answers": [left, right]}
                        examples.setdefault(key, []).append(example)
                if odd and {*pair} <= {*prefer}:
                    first = prefer.index(pair[0]) < prefer.index(pair[1])
                    best, worse = (one, other) if first else (other, one)
                    if found[worse[0] >> 32].split != "test":
                        drops.setdefault(worse[0], best[1])
    pairs = [[*key, n, examples[key]] for key, n in sorted(counts.items())]
    decided = sorted(drops.items())
    return Done(write_rows(decided, _DROPS, places, work / "worse" / f"{part:06d}"), pairs)


def _different(
    one: str, other: str, asked: set[tuple[str, str]], complete: set[tuple[str, str]]
) -> list[tuple[str, str, list[Any], list[Any]]]:
    """(kind, label, answers of the one, of the other) where they differ.

    `asked` are the labels of both datasets, `complete` those whose absence is an answer.
    """
    left, right = (
        {(kind, label): answers for kind, label, answers in orjson.loads(facts)}
        for facts in (one, other)
    )
    decided = (left.keys() & right.keys() & asked) | ((left.keys() | right.keys()) & complete)
    return [
        (*key, left.get(key, []), right.get(key, []))
        for key in sorted(decided)
        if left.get(key) != right.get(key)
    ]


def _drop(
    item: tuple[int, Group],
    work: Path,
    folder: Path,
    names: Sequence[str],
    places: Sequence[int],
) -> Done:
    """Tag the worse records of a group of shards. Done a second time, it changes nothing."""
    number, group = item
    files: list[Path] = []
    for shard, worse, rows in by_shard(group, shuffle.read(work / "worse", number, places)):
        path = folder / names[shard.dataset] / shard.path.name
        reasons = pa.array(["contradicting"] * len(rows))
        old = shards.read(path, tags.TAGS.names)
        shards.write(tags.with_drops(old, pa.array(rows), reasons, worse["partner"]), path)
        files.append(path)
    return Done(files)


def _summary(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """One entry per pair of datasets and label: how many texts differ, and the first of them."""
    counts: Counter[tuple[str, ...]] = Counter()
    examples: dict[tuple[str, ...], list[Any]] = {}
    for one, other, kind, label, n, some in (entry for part in parts for entry in part):
        key = (one, other, kind, label)
        counts[key] += n
        examples.setdefault(key, []).extend(some)
    names = ("dataset", "other", "kind", "label")
    return [
        {
            **dict(zip(names, key, strict=True)),
            "texts": counts[key],
            "examples": sorted(examples[key], key=itemgetter("ids"))[:_EXAMPLES],
        }
        for key in sorted(counts)
    ]
