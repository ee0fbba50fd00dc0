"""The readers on real bytes, where IEPILE_RAW names a folder that holds them.

Counts and hashes of `tests/real/manifests` are enforced by `normalize` itself: what the source
holds is what was kept plus what was rejected or dropped on purpose. These tests check that sum.
"""

import os
from pathlib import Path

import pytest

from pipeline import catalog, kept, raw_files, shards, tasks
from pipeline.config import Normalize
from pipeline.records import violation
from pipeline.stages.normalize import normalize
from pipeline.tables import from_table

MANIFESTS = Path(__file__).parent / "manifests"
RAW = os.environ.get("IEPILE_RAW")
NAMES = sorted(path.stem for path in MANIFESTS.glob("*.toml"))

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


@pytest.fixture(scope="module")
def normalized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    done = {}

    def get(name):
        if name not in done:
            dataset = catalog.load(name)
            raw, manifest = raw_files.edition(dataset, Path(RAW), MANIFESTS)
            summary = normalize(dataset, raw, manifest, Normalize(), folder / name)
            done[name] = (dataset, manifest, summary, folder / name)
        return done[name]

    return get


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name, normalized):
    dataset, manifest, summary, folder = normalized(name)
    left = {"records": 0, "entities": 0, "relations": 0, "events": 0}
    for _, path in kept.record_shards(folder):
        for record in from_table(shards.read(path)):
            left["records"] += 1
            left["entities"] += sum(m.label is not None for m in record.mentions)
            left["relations"] += len(record.relations)
            left["events"] += len(record.events)
    rejects = shards.read(folder / "rejects.parquet").to_pylist()
    for split, own in manifest.splits.items():
        assert own.counts.get("records"), f"{split} declares no count"
    splits = summary["splits"].values()
    dropped = {
        kind: sum(
            n
            for own in splits
            for key, n in own["dropped_labels"].items()
            if key.startswith(f"{label}:")
        )
        for kind, label in (("entities", "entity"), ("relations", "relation"), ("events", "event"))
    }
    dropped["records"] = sum(own["merged_rows"] for own in splits)
    for kind, count in left.items():
        read = sum(own["rows" if kind == "records" else kind] for own in splits)
        lost = sum(reject[kind] for reject in rejects)
        if dataset.one_annotation_per_row and kind != "records":
            assert count <= read - lost - dropped.get(kind, 0)  # rows that repeat an annotation
        else:
            assert count == read - lost - dropped.get(kind, 0), kind


@pytest.mark.parametrize("name", NAMES)
def test_records_are_sound(name, normalized):
    dataset, _, _, folder = normalized(name)
    found = {"entity": 0, "relation": 0, "event": 0}
    for _, path in kept.record_shards(folder):
        for record in from_table(shards.read(path)):
            assert violation(record) is None
            found["entity"] += sum(m.label is not None for m in record.mentions)
            found["relation"] += len(record.relations)
            found["event"] += len(record.events)
    kinds = {"NER": "entity", "RE": "relation", "SPO": "relation", "KG": "relation"}
    for task in dataset.tasks:
        assert found[kinds.get(task, "event")], f"no annotation for {task}"
        assert tasks.inventory(dataset, task)
