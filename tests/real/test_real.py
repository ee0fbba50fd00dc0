"""The readers on real bytes, where IEPILE_RAW names a folder that holds them.

Counts and hashes of `tests/real/manifests` are enforced by `normalize` itself: what the source
holds is what was kept plus what was rejected or dropped on purpose. These tests check that sum.
"""

import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from pipeline import catalog, tasks
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.dedupe import tags as kept
from pipeline.execution import shards
from pipeline.normalize.account import KINDS, Tally
from pipeline.records import violation
from pipeline.tables import from_table
from tests.helpers import normalize_one

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


# A dataset at a time: its records are made and read once.
def pytest_generate_tests(metafunc):
    metafunc.parametrize("name", NAMES, scope="module")


@pytest.fixture(scope="module")
def normalized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    done = {}

    def get(name):
        if name not in done:
            dataset = catalog.load(name)
            raw, manifest = raw_files.edition(dataset, Path(RAW), MANIFESTS)
            # The texts as the readers give them, so that both can be compared.
            settings = Normalize(detokenize=False, repair=False)
            summary = normalize_one(dataset, raw, manifest, settings, folder / name)
            done.clear()  # the records of one dataset at a time
            stored = [
                record
                for _, path in kept.record_shards(folder / name)
                for record in from_table(shards.read(path))
            ]
            done[name] = (dataset, manifest, raw, summary, folder / name, stored)
        return done[name]

    return get


def unmerged(dataset, manifest, raw):
    """The rows of each text of each split: what `normalize` makes one record of."""
    for split in manifest.splits.values():
        files = [raw / file.path for file in split.files]
        items = raw_files.documents_of(catalog.reader(dataset)(files), split)
        by_text = defaultdict(list)
        for _, record in Tally(dataset, Counter()).read(items):
            by_text[record.text].append(record)
        yield from by_text.values()


def held(records):
    total = Counter()
    for record in records:
        total["records"] += 1
        total["entities"] += sum(m.label is not None for m in record.mentions)
        total["relations"] += len(record.relations)
        total["events"] += len(record.events)
        total["arguments"] += sum(len(e.arguments) for e in record.events)
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


def test_nothing_is_lost(name, normalized):
    dataset, manifest, raw, summary, folder, stored = normalized(name)
    left = held(stored)
    if dataset.one_annotation_per_row:
        texts = [*unmerged(dataset, manifest, raw)]
        wanted = Counter()
        for rows in texts:
            told = [fact for row in rows for fact in facts(row)]
            # A text of one row stays as it is; what several rows repeat is left once.
            wanted.update(told if len(rows) == 1 else {*told})
        found = Counter(fact for record in stored for fact in facts(record))
        assert not wanted - found, "lost in merging"
        assert not found - wanted, "in no row"
        # So what the source holds is compared with the rows, which repeat some of it.
        left = held(row for rows in texts for row in rows)
        left["records"] = len(texts)
    splits = summary["splits"].values()
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


def test_records_are_sound(name, normalized):
    dataset, *_, stored = normalized(name)
    found = {"entity": 0, "relation": 0, "event": 0}
    for record in stored:
        assert violation(record) is None
        found["entity"] += sum(m.label is not None for m in record.mentions)
        found["relation"] += len(record.relations)
        found["event"] += len(record.events)
    kinds = {"NER": "entity", "RE": "relation", "SPO": "relation", "KG": "relation"}
    for task in dataset.tasks:
        assert found[kinds.get(task, "event")], f"no annotation for {task}"
        assert tasks.inventory(dataset, task)
