"""What is odd and legal must come out right: run to the instructions, the corpus and the page."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.execution import shards
from pipeline.scoring import counting, f1
from tests.hostile.toys import Toy, instructions, made, ner, records, span_rows
from tests.inputs import FOLDER, LABELS, TEXTS


def odd_rows():
    """(text, [(start, end, label)]) of the texts, their bars taken out."""
    rows = []
    for text in TEXTS:
        before, mention, after = text.split("|", 2)
        after = after.replace("|", "")
        rows.append((before + mention + after, [(len(before), len(before + mention), "thing")]))
    return rows


def label_rows():
    words = [f"word{n} of a sentence about it and more" for n in range(len(LABELS))]
    return [
        (text, [(0, text.index(" "), label)]) for text, label in zip(words, LABELS, strict=True)
    ]


MANY = [f"label {n}" for n in range(2000)]
PLAIN = [(f"Ada number {n} walked home alone", [(0, 3, "person")]) for n in range(6)]
NEGATIVE = [(f"nobody number {n} walked home alone", []) for n in range(6)]
TRIPLES = [
    {
        "text": f"text {n} says that Ada_{n} met Bo_{n} there",
        "spo_list": [
            {
                "predicate": label,
                "subject": f"Ada_{n}",
                "object": f"Bo_{n}",
                "subject_type": head,
                "object_type": tail,
            }
        ],
    }
    for n, (head, label, tail) in enumerate(
        [
            ("a", "b_c", "d"),
            ("a_b", "c", "e"),
            ("a", "b", "c_f"),
            ("=x", "null", "'"),
            ("名", "1", "true"),
        ]
    )
]
EVENTS = [
    {"text": f"On day {n} a storm hit town {n}", "event_list": [
        {"event_type": kind, "trigger": "hit", "trigger_start_index": 16 + len(str(n)),
         "arguments": [{"role": kind, "argument": "storm", "argument_start_index": 10 + len(str(n))}]}]}
    for n, kind in enumerate(["=1+1", "null", "a/b", "-", "名"])
]  # fmt: skip


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


TOYS = {
    "many": ner(MANY, {
        "train": span_rows(*[(f"thing{n} lies here on the table", [(0, len(f"thing{n}"), MANY[37 * n])]) for n in range(50)]),
        "test": span_rows(*[(f"item{n} lies there on the chair", [(0, len(f"item{n}"), MANY[-1 - n])]) for n in range(2)]),
    }),
    "one": ner(["person"], {"train": span_rows(*PLAIN, *NEGATIVE)}),
    "negative": ner(["person", "city"], {"train": span_rows(*[(t.replace("nobody", "no one"), s) for t, s in NEGATIVE])}),
    "odd-labels": ner(LABELS, {"train": span_rows(*label_rows())}),
    "odd-texts": ner(["thing", "person"], {"train": span_rows(*odd_rows())}),
    "test-alone": ner(["thing"], {"test": span_rows(("a lamp stands on the desk", [(2, 6, "thing")]))}, use="held-out"),
    "名字": ner(["thing"], {"train": span_rows(("a pen lies under the desk", [(2, 5, "thing")]))}),
    "A_b.2-c": ner(["thing"], {"train": span_rows(("a cup stands upon the desk", [(2, 5, "thing")]))}),
    "typed": Toy(
        {
            "tasks": ["RE", "SPO", "KG"],
            "reader": {"name": "spo_json"},
            "labels": {
                "relation": [row["spo_list"][0]["predicate"] for row in TRIPLES],
                "entity": [*{row["spo_list"][0][side]: 0 for row in TRIPLES for side in ("subject_type", "object_type")}],
            },
            "signatures": {
                row["spo_list"][0]["predicate"]: [[row["spo_list"][0]["subject_type"], row["spo_list"][0]["object_type"]]]
                for row in TRIPLES
            },
        },
        {"train": lines(TRIPLES)},
    ),
    "events": Toy(
        {
            "tasks": ["EE", "EET", "EEA"],
            "reader": {"name": "event_json"},
            "labels": {"event": [e["event_list"][0]["event_type"] for e in EVENTS]},
            "roles": {e["event_list"][0]["event_type"]: [e["event_list"][0]["event_type"]] for e in EVENTS},
        },
        {"train": lines(EVENTS)},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    return made(tmp_path_factory.mktemp(FOLDER), TOYS)


@pytest.mark.parametrize("name", TOYS)
def test_every_record_is_accounted_for(ran, name):
    _, counts = ran
    read = counts["datasets"][name]["read"]
    for split, content in TOYS[name].files.items():
        assert read[split]["rows"] == content.count(b"\n")
        assert read[split]["rejected"] == 0
        own = counts["datasets"][name]["records"][split]
        assert own["records"] == own["kept"] + sum(own["dropped"].values())


def test_two_thousand_labels(ran):
    ws, _ = ran
    rows = instructions(ws, "many", "NER", "train")
    gold = {row["id"]: row["mentions"] for row in records(ws, "many")}

    assert {len(row["labels"]) for row in rows} == {6}
    for row in rows:
        assert row["instruction"]["schema"] == row["labels"] == [*row["output"]]
        assert len({*row["labels"]}) == 6
    asked = {}
    for row in rows:
        for label in row["labels"]:
            if row["output"][label]:
                asked.setdefault(row["record_id"], []).append((label, row["output"][label]))
    assert asked == {
        i: [(m["label"], [m["text"]]) for m in own] for i, own in gold.items() if "train" in i
    }
    for record in ("many/test/0", "many/test/1"):
        own = [
            r["labels"] for r in instructions(ws, "many", "NER", "test") if r["record_id"] == record
        ]
        assert len(own) == 334
        assert {label for labels in own for label in labels} == {*MANY}


def test_a_single_label(ran):
    rows = instructions(ran[0], "one", "NER")

    assert [row["labels"] for row in rows] == [["person"]] * len(rows)
    assert [row["output"] for row in rows if row["n_positive"]] == [{"person": ["Ada"]}] * 6


def test_nothing_but_negatives(ran):
    rows = instructions(ran[0], "negative", "NER")

    assert len(rows) == 6
    for row in rows:
        assert {*row["labels"]} == {"person", "city"}
        assert row["output"] == {"person": [], "city": []} | {k: [] for k in row["output"]}
        assert row["n_positive"] == 0


def test_odd_labels_are_asked_and_answered_as_they_are(ran):
    rows = instructions(ran[0], "odd-labels", "NER")
    wanted = {text: {label: [text[s:e]]} for text, [(s, e, label)] in label_rows()}
    found = {}
    for row in rows:
        assert row["instruction"]["schema"] == row["labels"] == [*row["output"]]
        positive = {k: v for k, v in row["output"].items() if v}
        found.setdefault(row["instruction"]["input"], {}).update(positive)

    assert found == wanted
    assert {label for row in rows for label in row["labels"]} == {*LABELS}


def test_odd_texts_keep_their_mentions(ran):
    wanted = {text: (text[s:e], s, e) for text, [(s, e, _)] in odd_rows()}
    kept = {r["text"]: r["mentions"][0] for r in records(ran[0], "odd-texts") if not r["dropped"]}
    answers = {}
    for row in instructions(ran[0], "odd-texts", "NER"):
        answers.setdefault(row["instruction"]["input"], []).extend(row["output"].get("thing", []))

    assert {t: (m["text"], m["start"], m["end"]) for t, m in kept.items()} == wanted
    assert answers == {text: [mention] for text, (mention, _, _) in wanted.items()}


def test_ids_of_any_letters(ran):
    ws, _ = ran
    for name in ("名字", "A_b.2-c"):
        (row,) = instructions(ws, name, "NER")
        assert row["record_id"] == f"{name}/train/0"
        assert row["output"] == {"thing": [row["instruction"]["input"][2:5]]}


@pytest.mark.parametrize("task", ["RE", "SPO"])
def test_relations_whose_names_run_into_each_other(ran, task):
    rows = instructions(ran[0], "typed", task)
    found = {}
    for row in rows:
        for label, pairs in row["output"].items():
            for pair in pairs:
                found.setdefault(row["instruction"]["input"], set()).add(
                    (label, pair["subject"], pair["object"])
                )

    assert found == {
        r["text"]: {(s["predicate"], s["subject"], s["object"]) for s in r["spo_list"]}
        for r in TRIPLES
    }


def test_odd_event_labels(ran):
    found = {}
    for row in instructions(ran[0], "events", "EE"):
        for label, own in row["output"].items():
            for event in own:
                found[row["instruction"]["input"]] = (label, event)

    assert found == {
        r["text"]: (
            e["event_type"],
            {"trigger": "hit", "arguments": {e["event_type"]: "storm"}},
        )
        for r in EVENTS
        for e in r["event_list"]
    }


def test_the_corpus_loads_and_its_card_is_yaml(ran):
    from datasets import load_dataset

    ws, _ = ran
    card = (ws.folders["publish"] / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---\n")[1])
    rows = sum(pq.read_metadata(p).num_rows for p in ws.folders["publish"].glob("NER-en/train-*"))
    loaded = load_dataset(
        "parquet", data_files=str(next(ws.folders["publish"].glob("NER-en/train-*")))
    )

    assert {c["config_name"] for c in front["configs"]} >= {"NER-en", "SPO-en", "heldout-NER-en"}
    assert loaded["train"].num_rows == rows > 0
    assert {*loaded["train"]["source"]} == {
        name
        for name, toy in TOYS.items()
        if toy.declared["tasks"] == ["NER"] and "train" in toy.files
    }


def test_the_gold_scores_full_marks_on_itself(ran):
    for name in ("odd-labels", "odd-texts", "typed", "events"):
        for task in TOYS[name].declared["tasks"]:
            group = counting.Group(task)
            rows = instructions(ran[0], name, task)
            records_ = {}
            for row in rows:
                gold = json.dumps(row["output"])
                records_.setdefault(row["record_id"], []).append(counting.Row(gold, gold))
            for own in records_.values():
                counting.add_record(group, own, counting.Options(samples=0))
            for entry in f1.result(task, group, counting.Options(samples=0)):
                assert entry["f1"] == 100
                assert entry["parse_failures"] == entry["answers_not_asked"] == 0


def test_the_report_holds_the_labels_as_text(ran):
    ws, _ = ran
    page = (ws.folders["report"] / "index.html").read_text(encoding="utf-8")
    plots = [p.read_text(encoding="utf-8") for p in ws.folders["report"].glob("plots/*.csv")]
    cells = {cell for text in plots for row in csv.reader(io.StringIO(text)) for cell in row}

    assert "</script><b>" not in page
    assert "=1+1" in {cell.lstrip("'") for cell in cells}
    assert [*shards.read_json(ws.folders["report"] / "counts.json")["datasets"]] == sorted(TOYS)
