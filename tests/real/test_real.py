"""The readers on real bytes, where IEPILE_RAW names a folder that holds them.

Counts and hashes of `tests/real/manifests` are enforced by `normalize` itself: what the source
holds is what was kept plus what was rejected or dropped on purpose. These tests check that sum.
"""

import os
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.compute as pc
import pytest

from pipeline import catalog, tasks
from pipeline.catalog import invariant, raw_files
from pipeline.execution import shards
from pipeline.normalize.account import KINDS, Tally
from pipeline.normalize.detokenize import detokenized
from pipeline.normalize.rewriting import repaired
from pipeline.tables import from_table, to_table

MANIFESTS = Path(__file__).parent / "manifests"
RAW = os.environ.get("IEPILE_RAW")
NAMES = sorted(path.stem for path in MANIFESTS.glob("*.toml"))
#: What a dropped label takes with it. No dataset here drops the role of a qualifier.
DROPPED = {
    "entity": "entities",
    "relation": "relations",
    "event": "events",
    "role": "arguments",
    "argument of a dropped event": "arguments",
}

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


@pytest.fixture
def stored(name, real_run):
    """The tables of the records of one dataset."""
    folder = real_run.folders["normalize"] / name
    return [shards.read(path) for _, path in shards.record_shards(folder)]


def unmerged(dataset, manifest, raw):
    """The rows of each text of each split: what `normalize` makes one record of."""
    for split in manifest.splits.values():
        files = [raw / file.path for file in split.files]
        items = raw_files.documents_of(catalog.reader(dataset)(files), split)
        by_text = defaultdict(list)
        for _, row in Tally(dataset, Counter()).read(items):
            record = repaired(row, dataset.repairs, Counter()) if dataset.repairs else row
            record = detokenized(record, dataset.tokenized) if dataset.tokenized else record
            by_text[record.text].append(record)
        yield from by_text.values()


def held(tables):
    """Count the annotations in tables of records."""
    total = Counter()
    for table in tables:
        mentions, events = (pc.list_flatten(table[part]) for part in ("mentions", "events"))
        arguments = pc.list_value_length(pc.struct_field(events, "arguments"))
        total["records"] += table.num_rows
        total["entities"] += pc.count(pc.struct_field(mentions, "label")).as_py()
        total["relations"] += len(pc.list_flatten(table["relations"]))
        total["events"] += len(events)
        total["arguments"] += pc.sum(arguments).as_py() or 0
    return total


def facts(record):
    """What a record says of its text, without the numbers of its mentions: a merge changes them."""
    said = [mention[:4] for mention in record.mentions]

    def filled(arguments):
        return tuple((a.role, said[a.mention]) for a in arguments)

    yield record.text, "record"
    yield from ((record.text, "mention", mention) for mention in said)
    for r in record.relations:
        yield record.text, r.label, said[r.head], said[r.tail], filled(r.qualifiers)
    for e in record.events:
        trigger = None if e.trigger is None else said[e.trigger]
        yield record.text, e.label, trigger, filled(e.arguments)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name, real_run, stored):
    dataset = catalog.load(name)
    raw, manifest = raw_files.edition(dataset, Path(RAW), MANIFESTS)
    left = held(stored)
    if dataset.one_annotation_per_row:
        texts = [*unmerged(dataset, manifest, raw)]
        wanted = Counter()
        for rows in texts:
            told = [fact for row in rows for fact in facts(row)]
            # A text of one row stays as it is; what several rows repeat is left once.
            wanted.update(told if len(rows) == 1 else {*told})
        found = Counter(fact for t in stored for record in from_table(t) for fact in facts(record))
        assert not wanted - found, "lost in merging"
        assert not found - wanted, "in no row"
        # So what the source holds is compared with the rows, which repeat some of it.
        rows = [row for rows in texts for row in rows]
        left = held([to_table(rows, [name] * len(rows), dataset=name, split="-", language="-")])
        left["records"] = len(texts)
    folder = real_run.folders["normalize"] / name
    splits = shards.read_json(folder / "summary.json")["splits"].values()
    rejects = shards.read(folder / "rejects.parquet").to_pylist()
    for split, own in manifest.splits.items():
        assert own.counts.get("records"), f"{split} declares no count"
    dropped = Counter(records=sum(own["merged_rows"] for own in splits))
    for own in splits:
        for key, n in own["dropped_labels"].items():
            dropped[DROPPED[key.partition(":")[0]]] += n
    for kind in ("records", *KINDS):
        read = sum(own["rows" if kind == "records" else kind] for own in splits)
        lost = sum(reject[kind] for reject in rejects)
        assert left[kind] == read - lost - dropped[kind], kind


@pytest.mark.parametrize("name", NAMES)
def test_records_are_sound(name, stored):
    dataset = catalog.load(name)
    for table in stored:
        invariant.checked(table, dataset)
    found = held(stored)
    kinds = {"NER": "entities", "RE": "relations", "SPO": "relations", "KG": "relations"}
    for task in dataset.tasks:
        assert found[kinds.get(task, "events")], f"no annotation for {task}"
        assert tasks.inventory(dataset, task)
