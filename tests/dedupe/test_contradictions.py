"""Texts of two datasets under one label: differences are found, shown, and dropped if asked."""

import msgspec
import pytest

from pipeline.config import Dedupe
from pipeline.dedupe.stage import dedupe
from pipeline.execution import shards
from pipeline.text import comparable
from tests.dedupe.test_dedupe import ADA, ADA_OTHER, dataset, drops, lay, solve

BARE = ("Ada sleeps", [])


def contradictions(tmp_path, *datasets, workers=1, **settings):
    solve(tmp_path, *datasets, workers=workers, **settings)
    return shards.read_json(tmp_path / f"dedupe{workers}" / "contradictions.json")["pairs"]


def test_each_label_with_different_answers_is_found(tmp_path):
    lay(tmp_path / "clean", "a", "train", ADA, "Ben wakes")
    lay(tmp_path / "clean", "b", "train", "Cyd runs", ADA_OTHER, "Ben wakes")

    found = contradictions(tmp_path, dataset("a"), dataset("b"))
    ids = ["a/train/0", "b/train/1"]
    head = {"dataset": "a", "other": "b", "kind": "entity", "texts": 1}
    assert found == [
        {**head, "label": "person", "examples": [{"ids": ids, "answers": [["Ada"], []]}]},
        {**head, "label": "place", "examples": [{"ids": ids, "answers": [[], ["Ada"]]}]},
    ]


def test_a_label_that_only_one_dataset_has_says_nothing(tmp_path):
    lay(tmp_path / "clean", "a", "train", ADA)
    lay(tmp_path / "clean", "b", "train", BARE)

    other = dataset("b", entity=["place"])
    assert contradictions(tmp_path, dataset("a"), other) == []


def test_absence_says_nothing_where_a_label_is_not_looked_for_everywhere(tmp_path):
    both = ("Ada sees Ben", [("Ada", "person"), ("Ben", "person")])
    one = ("Ada sees Ben", [("Ada", "person")])
    lay(tmp_path / "clean", "a", "train", ADA, both)
    lay(tmp_path / "clean", "b", "train", BARE, one)

    partial = msgspec.structs.replace(dataset("b"), coverage={"NER": "partial"})
    (found,) = contradictions(tmp_path, dataset("a"), partial)
    assert found["texts"] == 1
    assert found["examples"][0]["answers"] == [["Ada", "Ben"], ["Ada"]]
    (found,) = contradictions(tmp_path, dataset("a"), dataset("b"))
    assert found["texts"] == 2


def test_the_record_of_the_later_dataset_goes(tmp_path):
    lay(tmp_path / "clean", "a", "train", ADA, "Ben wakes")
    lay(tmp_path / "clean", "b", "train", ADA_OTHER, "Ben wakes")
    both = [dataset("a"), dataset("b")]

    assert solve(tmp_path, *both) == {}
    assert solve(tmp_path, *both, prefer=["b", "a"]) == {
        "a/train/0": ("contradicting", "b/train/0")
    }
    assert solve(tmp_path, *both, prefer=["a", "b"]) == {
        "b/train/0": ("contradicting", "a/train/0")
    }
    assert solve(tmp_path, *both, prefer=["a"]) == {}


def test_a_test_record_stays(tmp_path):
    lay(tmp_path / "clean", "a", "test", ADA)
    lay(tmp_path / "clean", "b", "test", ADA_OTHER)

    assert solve(tmp_path, dataset("a"), dataset("b"), prefer=["b", "a"]) == {}


@pytest.mark.parametrize(
    ("tokenized", "natural"),
    [
        ("Ada ( once ) did n't sleep .", "Ada (once) didn't sleep."),
        ("`` Ada , '' he said -LRB- twice -RRB- .", '"Ada," he said (twice).'),
        ("雾 港 的 海", "雾港的海"),
        ("cafe\u0301 noir", "caf\u00e9noir"),
    ],
)
def test_a_tokenized_text_and_its_twin_are_one(tmp_path, tokenized, natural):
    assert comparable(tokenized) == comparable(natural)
    lay(tmp_path / "clean", "a", "train", tokenized)
    lay(tmp_path / "clean", "b", "test", natural)

    assert solve(tmp_path, dataset("a"), dataset("b")) == {
        "a/train/0": ("train_text_in_test", "b/test/0")
    }


def test_texts_of_one_split_that_differ_in_blanks_inside_are_no_duplicates(tmp_path):
    lay(tmp_path / "clean", "a", "train", "Ada slept.", "Ada slept .", "Ada  slept .")

    assert solve(tmp_path, dataset("a")) == {"a/train/2": ("duplicate", "a/train/1")}


def test_the_result_does_not_depend_on_shards_or_workers(tmp_path):
    for n in range(6):
        text = f"Ada {n} sleeps"
        lay(tmp_path / "clean", "a", "train", (text, [("Ada", "person")]), number=n)
        lay(tmp_path / "clean", "b", "train", (text, [("Ada", "place")]), number=5 - n)
    both = [dataset("a"), dataset("b")]

    one = contradictions(tmp_path, *both)
    two = contradictions(tmp_path, *both, workers=2)
    assert one == two
    assert [pair["texts"] for pair in one] == [6, 6]
    dedupe(both, tmp_path / "clean", Dedupe(prefer=["b", "a"]), tmp_path / "dropped", 2)
    gone = drops(tmp_path / "clean", tmp_path / "dropped", "a", "b")
    assert {reason for reason, _ in gone.values()} == {"contradicting"}
