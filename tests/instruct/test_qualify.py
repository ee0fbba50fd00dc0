"""`instruct.conflicts`: labels that mean something else elsewhere are asked with what they mean."""

import json

import pyarrow.parquet as pq
import pytest

from pipeline.config import Instruct
from pipeline.instruct.stage import instruct
from pipeline.negatives.overrides import Pair
from tests.helpers import declared
from tests.negatives.test_atlas import SETS, written


def schemas(tmp_path, by_hand=(), **settings):
    """Dataset -> the schemas of its instructions."""
    datasets = []
    for name, own in SETS.items():
        written(tmp_path / "clean", name, own)
        told = {label: text for label, (text, _) in own.items()}
        datasets.append(declared(name, entity=[*own], descriptions=told))
    near = {d.id: {} for d in datasets}
    instruct(
        datasets,
        tmp_path / "clean",
        None,
        near,
        Instruct(**settings),
        tmp_path / "out",
        1,
        datasets,
        by_hand,
    )
    rows = {
        d.id: pq.read_table(tmp_path / "out" / d.id / "NER" / "train-00000.parquet")
        for d in datasets
    }
    return {
        name: [json.loads(i)["schema"] for i in t["instruction"].to_pylist()]
        for name, t in rows.items()
    }


def test_labels_are_asked_by_names_alone_by_default(tmp_path):
    assert all(isinstance(schema, list) for own in schemas(tmp_path).values() for schema in own)


@pytest.mark.parametrize("verdict", ["part", "join"])
def test_labels_in_conflict_are_asked_with_their_guidelines(tmp_path, verdict):
    """ "place" is a town in one set, a rank in the other, unless a person joins them."""
    labels = (("one", "place"), ("two", "place"))
    by_hand = [Pair("NER", labels, verdict, "read")] if verdict == "join" else []

    for name, own in schemas(tmp_path, by_hand, conflicts="qualify").items():
        for schema in own:
            if verdict == "join":
                assert isinstance(schema, list)
            else:
                assert schema == {label: SETS[name][label][0] for label in schema}
