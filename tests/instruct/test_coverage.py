"""What is asked follows from what was annotated: pairs, events, doubtful labels."""

import json

import numpy as np
import pyarrow as pa
import pytest

from pipeline.catalog import Labels
from pipeline.config import Instruct
from pipeline.execution import shards
from pipeline.instruct import asking, batching, pairs, templates
from pipeline.instruct.batching import Batches
from pipeline.records import Mention, Record, Relation
from pipeline.scoring import evaluation, predictions
from pipeline.scoring.counting import Options
from pipeline.tables import INSTRUCTIONS, to_table
from tests.instruct.test_instruct import dataset, rows

LABELS = ["founder", "employer", "spouse", "place of birth", "member", "part"]
TEXT = "Ada founded Velmora, where Ben works; Ada and Ben are married."
ADA, VELMORA, BEN = Mention("Ada", 0, 3), Mention("Velmora", 12, 19), Mention("Ben", 27, 30)
LATER = Mention("Ada", 38, 41)


def paired(**more):
    own = {"tasks": ["RE"], "labels": Labels(relation=LABELS), "coverage": {"RE": "pair"}}
    return dataset(**{**own, **more})


def asked(records, own, split="train", **settings):
    return rows(records, own, "RE", split, grouping="confusable", **settings)


def test_each_annotated_pair_is_asked_about_by_itself():
    links = [Relation("employer", 2, 1), Relation("founder", 1, 0), Relation("spouse", 2, 3)]
    found = asked([Record(TEXT, "o", [ADA, VELMORA, BEN, LATER], links)], paired(), "test")

    assert [r["instruction"]["pair"] for r in found[::2]] == [
        ["Ada", "Velmora"],
        ["Velmora", "Ben"],
        ["Ben", "Ada"],
    ]
    assert [r["id"] for r in found[:3]] == [
        "toy/test/0/RE/0.0",
        "toy/test/0/RE/0.1",
        "toy/test/0/RE/1.0",
    ]
    assert {r["record_id"] for r in found} == {"toy/test/0"}
    answers = [{k: v for k, v in r["output"].items() if v} for r in found]
    assert [a for a in answers if a] == [
        {"founder": [{"subject": "Velmora", "object": "Ada"}]},
        {"employer": [{"subject": "Ben", "object": "Velmora"}]},
        {"spouse": [{"subject": "Ben", "object": "Ada"}]},
    ]
    assert [*found[0]["instruction"]] == ["instruction", "schema", "pair", "input"]
    assert found[0]["instruction"]["instruction"] in templates.templates()["RE_PAIR"]["en"]


def test_members_stand_in_text_order_whoever_is_the_subject():
    one = Record(TEXT, "o", [VELMORA, ADA], [Relation("founder", 0, 1)])
    other = Record(TEXT, "o", [ADA, VELMORA], [Relation("founder", 0, 1)])

    given = [r["instruction"]["pair"] for r in asked([one, other], paired(), "dev")]
    assert {*map(tuple, given)} == {("Ada", "Velmora")}


def test_equal_strings_are_one_member_and_both_directions_one_pair():
    links = [Relation("spouse", 0, 2), Relation("spouse", 2, 3), Relation("member", 3, 2)]
    table = to_table(
        [Record(TEXT, "o", [ADA, VELMORA, BEN, LATER], links)],
        ["toy/train/0"],
        dataset="toy",
        split="train",
        language="en",
    )

    (pair,) = pairs.by_pair(table).to_pylist()
    assert pair["pair"] == ["Ada", "Ben"]
    assert [r["label"] for r in pair["relations"]] == ["spouse", "spouse", "member"]


def test_two_mentions_without_a_relation_are_a_pair_of_which_nothing_holds():
    other = Record("Nothing is said of anybody", "o")
    found = asked([Record(TEXT, "o", [ADA, BEN]), other], paired(), "test")

    assert {(*r["instruction"]["pair"], r["record_id"]) for r in found} == {
        ("Ada", "Ben", "toy/test/0")
    }
    assert all(r["n_positive"] == 0 for r in found)


def test_a_record_with_one_or_three_mentions_left_has_no_pair_of_them():
    three = Record(TEXT, "o", [ADA, VELMORA, BEN])

    assert asked([three, Record(TEXT, "o", [ADA])], paired(), "test") == []


def test_quotes_in_members_stay_json():
    text = 'The "Bo" met Al'
    found = asked([Record(text, "o", [Mention('"Bo"', 4, 8), Mention("Al", 13, 15)])], paired())

    assert all(r["instruction"]["pair"] == ['"Bo"', "Al"] for r in found)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_rows_of_pairs_ask_the_same_number_of_labels(split):
    records = [
        Record(TEXT, f"o{n}", [ADA, VELMORA], [Relation(LABELS[n % 5], 0, 1)]) for n in range(40)
    ]
    found = asked(records, paired(), split)

    assert {len(r["labels"]) for r in found} == {3}
    positives = sum(r["n_positive"] for r in found)
    assert positives == 40


def test_the_old_way_asks_the_whole_text():
    links = [Relation("employer", 2, 1), Relation("founder", 1, 0)]
    record = Record(TEXT, "o", [ADA, VELMORA, BEN], links)

    found = asked([record], paired(), "dev", incomplete="ask")
    assert all("pair" not in r["instruction"] for r in found)
    assert sum(r["n_positive"] for r in found) == 2


def test_positives_alone_may_be_asked():
    links = [Relation(label, 0, 1) for label in LABELS[:5]]
    record = Record(TEXT, "o", [ADA, VELMORA], links)

    found = asked([record, Record(TEXT, "o")], paired(), incomplete="positives")
    assert [r["labels"] for r in found] == [LABELS[:4], LABELS[4:5]]
    assert all(r["output"][label] for r in found for label in r["labels"])


@pytest.mark.parametrize(
    ("declared", "incomplete", "way"),
    [
        ("complete", "skip", "text"),
        ("pair", "given", "pair"),
        ("pair", "skip", "never"),
        ("partial", "given", "sure"),
        ("partial", "positives", "present"),
        ("partial", "ask", "text"),
    ],
)
def test_how_a_task_is_asked(declared, incomplete, way):
    own = paired(coverage={"RE": declared})

    assert asking.way(own, "RE", Instruct(incomplete=incomplete)) == way


def test_chosen_events_are_asked_for_their_arguments_alone():
    own = dataset(tasks=["EE", "EET", "EEA"], coverage={"EE": "event", "EET": "event"})

    ways = [asking.way(own, task, Instruct()) for task in own.tasks]
    assert ways == ["never", "never", "text"]


def partial():
    return paired(coverage={"RE": "partial"}, implied={"founder": ["employer", "member"]})


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_label_that_a_positive_one_makes_doubtful_is_not_asked(split):
    one = Record(TEXT, "o", [ADA, VELMORA], [Relation("founder", 1, 0)])
    both = one._replace(relations=[Relation("founder", 1, 0), Relation("member", 0, 1)])
    none = Record(TEXT, "o", [ADA, VELMORA], [Relation("spouse", 1, 0)])
    settings = {"pure_negative_ratio": None} if split == "train" else {}
    found = asked([one, both, none], partial(), split, **settings)

    labels = [
        {x for r in found if r["record_id"].endswith(f"/{n}") for x in r["labels"]}
        for n in range(3)
    ]
    assert labels == [{*LABELS} - {"employer", "member"}, {*LABELS} - {"employer"}, {*LABELS}]
    assert {len(r["labels"]) for r in found} == {3}


def test_a_label_and_what_it_makes_doubtful_stand_in_different_sets():
    record = Record(TEXT, "o", [ADA, VELMORA], [Relation("spouse", 1, 0)])
    found = asked(
        [record] * 200, paired(coverage={"RE": "partial"}, implied={"founder": ["employer"]})
    )

    assert found
    assert not any({"founder", "employer"} <= {*r["labels"]} for r in found)


def test_of_a_pair_too_no_doubtful_label_is_asked():
    own = paired(implied={"founder": ["employer"]})
    record = Record(TEXT, "o", [ADA, VELMORA], [Relation("founder", 1, 0)])

    asked_labels = {label for r in asked([record], own, "test") for label in r["labels"]}
    assert asked_labels == {*LABELS} - {"employer"}


def test_a_batch_that_cannot_be_filled_asks_fewer_labels():
    batches = Batches(np.array([0, 1]), np.array([0, 0]), np.array([[0, 1], [0, 1]]))
    unsure = np.array([[False, True], [True, True]])
    keys = np.zeros((2, 2), np.uint64)

    row, number, labels = batching.without(batches, unsure, keys)
    assert (row.tolist(), number.tolist(), labels.tolist()) == ([0], [0], [[0, -1]])


def test_a_pair_is_scored_by_itself(tmp_path):
    gold = [json.dumps({"spouse": [{"subject": "Ada", "object": b}]}) for b in ("Ben", "Cyd")]
    shared = {"task": "RE", "source": "Toy", "record_id": "toy/test/0", "language": "en"}
    counts = {"n_positive": 1, "n_hard": 0, "n_other": 0}
    rows = [
        {**shared, **counts, "instruction": "{}", "output": output, "split": "test"}
        | {"id": f"toy/test/0/RE/{n}.0", "labels": ["spouse"]}
        for n, output in enumerate(gold)
    ]
    corpus = tmp_path / "corpus"
    table = pa.Table.from_pylist(rows, INSTRUCTIONS)
    shards.write(table, corpus / "RE-en" / "test-00000-of-00001.parquet")

    scores = evaluation.score(predictions.read(corpus), corpus, Options(samples=0))

    (entry,) = scores["scores"]
    assert [entry[key] for key in ("gold", "predicted", "correct")] == [2, 2, 2]
