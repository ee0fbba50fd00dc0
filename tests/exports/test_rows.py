"""The exact rows of the formats made from records, on small records written out by hand."""

import json

import numpy as np
import pytest

from pipeline import catalog, exports, tasks
from pipeline.config import Instruct
from pipeline.execution import shards
from pipeline.exports import tokens, uie, uie_sel, writing
from pipeline.exports._label_sets import LabelSets, parts
from pipeline.instruct.asking import Asking, labels_held, sets_to_ask
from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.report import leak
from pipeline.tables import to_table
from tests.helpers import declared

TEXT = "Ines Vale of Split met Bo"
RECORD = Record(
    TEXT,
    "x:1",
    [
        Mention("Ines Vale", 0, 9, "person"),
        Mention("Split", 13, 18, "location"),
        Mention("Vale of Split", 5, 18, "other name, date or number"),
        Mention("Bo", 23, 25, "person"),
        Mention("B", 23, 24, "organization"),
    ],
    [Relation("lives in or comes from", 0, 1), Relation("works for", 3, 4)],
)


def rows(record, dataset, split="train"):
    return to_table(
        [record], [f"{dataset.id}/{split}/0"], dataset=dataset.id, split=split,
        language=dataset.language,
    ).to_pylist()[0]  # fmt: skip


class Near(LabelSets):
    """Sets of near labels given by hand; as no records are counted, all of them are asked."""

    def __init__(self, dataset, task, near, held=()):
        own = Instruct()
        self.inventory, self.seed = tasks.inventory(dataset, task), own.seed
        self.roles = dataset.roles_of() if task == "EE" else {}
        self.entities = dataset.labels_of("entity")
        self.sets = sets_to_ask(Asking(dataset, task, "train", self.inventory, near, own), held)


@pytest.fixture
def conll04():
    return catalog.load("conll04")


@pytest.fixture
def absent(conll04):
    return {
        "NER": Near(conll04, "NER", {"person": ["organization", "location"]}),
        "RE": Near(conll04, "RE", {"lives in or comes from": ["located in"]}),
    }


def test_bio_keeps_the_longest_of_overlapping_mentions(conll04):
    labels = ["location", "organization", "person", "other name, date or number"]
    assert conll04.labels_of("entity") == labels
    (row,), counts = tokens.bio(rows(RECORD, conll04), conll04)

    assert tokens.bio_names(conll04)[:3] == ["O", "B-location", "I-location"]
    assert row == {
        "id": "conll04/train/0",
        "tokens": ["Ines", "Vale", "of", "Split", "met", "Bo"],
        "ner_tags": [0, 7, 8, 8, 0, 5],
    }
    assert counts == {
        "entities": 2,
        "lost: entities nested": 2,
        "lost: entities inside a token": 1,
    }


def test_spert_rows_index_entities(conll04):
    (row,), counts = tokens.spert(rows(RECORD, conll04))

    assert row["entities"] == [
        {"type": "person", "start": 0, "end": 2},
        {"type": "other name, date or number", "start": 1, "end": 4},
        {"type": "location", "start": 3, "end": 4},
        {"type": "person", "start": 5, "end": 6},
    ]
    assert row["relations"] == [{"type": "lives in or comes from", "head": 0, "tail": 2}]
    assert counts["lost: entities inside a token"] == 1
    assert counts["lost: relations of which an end is lost"] == 1


def test_spert_names_untyped_ends():
    record = RECORD._replace(mentions=[m._replace(label=None) for m in RECORD.mentions])
    (row,), _ = tokens.spert(rows(record, catalog.load("wiki-zsl")))

    # Mentions 1 and 0 of the first relation and 3 of the second; mention 2 is in none.
    assert [e["type"] for e in row["entities"]] == ["entity", "entity", "entity"]
    assert [
        *json.loads(tokens.spert_files(catalog.load("wiki-zsl"))["types.json"])["entities"]
    ] == ["entity"]


def test_gliner_ends_are_inclusive_and_a_row_asks_a_set_of_relations(conll04, absent):
    record = RECORD._replace(mentions=RECORD.mentions[:2], relations=RECORD.relations[:1])
    made = [tokens.gliner_row(*part) for part in parts(rows(record, conll04), absent)]

    assert [row["ner"] for row in made] == [[(0, 1, "person"), (3, 3, "location")]] * 2
    assert [row["ner_negatives"] for row in made] == [
        ["organization", "other name, date or number"]
    ] * 2
    assert {*map(str, (row["relations"] for row in made))} <= {
        "[]",
        "[(0, 1, 'lives in or comes from')]",
    }
    asked = {label for row in made for label in row["rel_negatives"]}
    assert asked | {"lives in or comes from"} == {
        "killed",
        "located in",
        "organization based in",
        "works for",
        "lives in or comes from",
    }
    assert {len(row["rel_negatives"]) + len(row["relations"]) for row in made} == {3}


def test_gliner_asks_labels_of_a_text_without_entities(conll04, absent):
    record = rows(Record("Nothing here", "x:1"), conll04)
    ((part, labels),) = parts(record, {"NER": absent["NER"]})
    row = tokens.gliner_row(part, labels)

    assert row["ner"] == []
    assert len(row["ner_negatives"]) == 4


def test_a_row_holds_the_entities_of_the_set_that_it_asks():
    dataset = catalog.load("cluener")
    record = rows(Record("Bo of Split", "x:1", [Mention("Bo", 0, 2, "name")]), dataset)
    name = dataset.labels_of("entity")[0]
    record["mentions"][0]["label"] = name

    made = [tokens.gliner_row(*part) for part in parts(record, {"NER": Near(dataset, "NER", {})})]

    assert sorted(row["ner"] for row in made) == [[], [(0, 0, name)]]
    assert {len(row["ner"]) + len(row["ner_negatives"]) for row in made} == {5}


def test_rows_do_not_give_the_answer_away():
    """Many records of one relation each: no row tells by its labels which it is."""
    dataset = catalog.load("kbp37")
    labels = tasks.inventory(dataset, "RE")
    near = {a: [b for b in labels if b != a][i % 8 : i % 8 + 4] for i, a in enumerate(labels)}
    chosen = np.random.default_rng(0).geometric(0.2, 3000) % len(labels)
    mentions = [Mention("a", 0, 1), Mention("b", 2, 3)]
    records = [Record(f"a b {n}", "x", mentions, [Relation(labels[c], 0, 1)])
               for n, c in enumerate(chosen)]  # fmt: skip
    ids = [f"kbp37/train/{n}" for n in range(3000)]
    table = to_table(records, ids, dataset="kbp37", split="train", language="en")
    held = [labels_held(table, Asking(dataset, "RE", "train", labels, near, Instruct()))]
    asked = {"RE": Near(dataset, "RE", near, held)}

    found, owner = [], []
    for n, record in enumerate(table.to_pylist()):
        for made in uie_sel.rows(record, dataset, asked)[0]:
            (spots, *relations) = made["ssi"].removesuffix(" <extra_id_2> ").split(" <asoc> ")
            assert spots == "<spot> entity"
            found.append([labels.index(label) for label in relations])
            owner.append(n)
    positive = np.eye(len(labels), dtype=bool)[chosen]
    told = leak.probe(np.array(found), positive, np.array(owner), ids)

    assert told["positive"]["low"] <= 0.02
    assert told["pure"]["low"] <= 0.02


def test_uie_prompts_and_negatives(conll04, absent):
    record = RECORD._replace(mentions=RECORD.mentions[:2], relations=RECORD.relations[:1])
    record = rows(record, conll04)
    made, counts = uie.rows(record, conll04, absent)
    found = {row["prompt"]: row["result_list"] for row in made}

    assert found["person"] == [{"text": "Ines Vale", "start": 0, "end": 9}]
    assert found["lives in or comes from of Ines Vale"] == [
        {"text": "Split", "start": 13, "end": 18}
    ]
    assert found["organization"] == found["located in of Ines Vale"] == []
    assert {row["content"] for row in made} == {TEXT}
    assert len(made) == len(found) == 4 + 5
    assert counts["answers"] == 3


def test_uie_leaves_out_a_prompt_that_it_cannot_answer_in_full(conll04, absent):
    mentions = [RECORD.mentions[0], Mention("Ines", None, None, "person"), RECORD.mentions[1]]
    record = rows(RECORD._replace(mentions=mentions, relations=[]), conll04)
    made, counts = uie.rows(record, conll04, absent)

    assert "person" not in {row["prompt"] for row in made}
    assert (counts["lost: prompts"], counts["lost: answers"]) == (1, 2)


def test_uie_event_prompts_name_the_trigger():
    dataset = catalog.load("duee1")
    label = "组织关系-裁员"
    assert "裁员方" in dataset.roles_of()[label]
    record = Record(
        "雾港公司裁员百人",
        "x:1",
        [Mention("裁员", 4, 6), Mention("雾港公司", 0, 4)],
        events=[Event(label, 0, (Argument("裁员方", 1),))],
    )
    record = rows(record, dataset)
    made, _ = uie.rows(record, dataset, {"EE": Near(dataset, "EE", {})})
    found = {row["prompt"]: row["result_list"] for row in made}

    assert found[f"{label}触发词"] == [{"text": "裁员", "start": 4, "end": 6}]
    assert found["裁员的裁员方"] == [{"text": "雾港公司", "start": 0, "end": 4}]
    assert found["裁员的时间"] == []
    assert len([p for p in found if p.endswith("触发词")]) == len(tasks.inventory(dataset, "EE"))


def test_sel_is_the_answer_as_a_string(conll04, absent):
    record = RECORD._replace(mentions=RECORD.mentions[:2], relations=RECORD.relations[:1])
    _, counts = uie_sel.row(rows(record, conll04))
    row, other = sorted(
        uie_sel.rows(rows(record, conll04), conll04, absent)[0], key=lambda r: not r["asoc"]
    )

    assert row["record"] == (
        "<extra_id_0> <extra_id_0> person <extra_id_5> Ines Vale <extra_id_0>"
        " lives in or comes from <extra_id_5> Split <extra_id_1> <extra_id_1>"
        " <extra_id_0> location <extra_id_5> Split <extra_id_1>"
        " <extra_id_1>"
    )
    assert row["entity"][0] == {"type": "person", "offset": [0, 1], "text": "Ines Vale"}
    assert (row["spot"], row["asoc"]) == (["person", "location"], ["lives in or comes from"])
    assert row["spot_asoc"][0]["asoc"] == [["lives in or comes from", "Split"]]
    spots = "<spot> location <spot> organization <spot> other name, date or number <spot> person"
    assert row["ssi"].startswith(spots)
    assert row["ssi"].endswith(" <extra_id_2> ")
    assert "<asoc> lives in or comes from <" in row["ssi"]
    assert other["ssi"].startswith(spots)
    assert other["spot"] == ["person", "location"]
    assert {r["ssi"].count("<asoc>") for r in (row, other)} == {3}
    assert counts["associations"] == 1
    assert uie_sel.schema_files(conll04)["entity.schema"].count(b"\n") == 3


def test_sel_of_events_has_triggers_as_spots():
    dataset = catalog.load("duee1")
    record = Record(
        "雾港公司裁员百人",
        "x:1",
        [Mention("裁员", 4, 6), Mention("雾港公司", 0, 4), Mention("未知", None, None)],
        events=[
            Event("组织关系-裁员", 0, (Argument("裁员方", 1), Argument("时间", 2))),
            Event("组织关系-裁员", None, ()),
        ],
    )
    _, counts = uie_sel.row(rows(record, dataset))
    every, _ = uie_sel.rows(rows(record, dataset), dataset, {"EE": Near(dataset, "EE", {})})
    (row,) = [own for own in every if own["spot"]]

    assert row["spot_asoc"] == [
        {
            "span": "裁员",
            "label": "组织关系-裁员",
            "asoc": [["裁员方", "雾港公司"], ["时间", "未知"]],
        }
    ]
    assert counts["strings without a token span"] == 1
    assert counts["lost: events without a trigger"] == 1


def test_masking_keeps_words_apart():
    for text, name, words in (
        ("作家林夏 在 北京大学", "duie2", "作家 林 夏 在 北京大学"),
        ("Dr. Vale", "conll04", "Dr . Vale"),
    ):
        (row,), counts = tokens.mlm_wwm({"text": text, "id": "x"}, catalog.load(name))
        assert (row["text"], counts["words"]) == (words, len(words.split()))


def test_dev_is_asked_all_labels_and_train_the_sets_of_its_record():
    dataset = catalog.load("duie2")
    labels = tasks.inventory(dataset, "RE")
    near = {labels[0]: [labels[9], labels[3]]}
    table = to_table([], [], dataset="duie2", split="train", language="zh")
    bits = np.packbits(np.eye(len(labels), dtype=bool)[:1], axis=1).tobytes()
    none = np.packbits(np.zeros((1, len(labels)), bool), axis=1).tobytes()
    asking = Asking(dataset, "RE", "train", labels, near, Instruct())
    assert labels_held(table, asking) == (b"", [])
    own = Near(dataset, "RE", near, [(bits + none, [10, 90])])
    train, dev = (own.absent("a/0", [labels[0]], split) for split in ("train", "dev"))

    assert dev == labels[1:]
    assert 3 <= len(train) < len(dev)
    assert len([row for row in own.rows("a/0", [labels[0]], "train") if labels[0] in row]) == 1
    assert own.absent("a/0", [labels[0]], "train") == train
    assert own.absent("a/1", [labels[0]], "train") != train


TRIGGERED = Record(
    "Ada fell in Oslo",
    "x:1",
    [Mention("Ada", 0, 3), Mention("fell", 4, 8)],
    [],
    [Event("accident", 1, (Argument("victim", 0),))],
)


@pytest.mark.parametrize(
    ("tasks", "prompts"),
    [
        (["EE"], {"accident trigger", "sale trigger", "victim of fell", "place of fell"}),
        (["EET"], {"accident trigger", "sale trigger"}),
        (["EET", "EEA"], {"accident trigger", "sale trigger", "victim of fell", "place of fell"}),
    ],
)
def test_uie_asks_triggers_and_the_roles_where_they_are_declared(tmp_path, tasks, prompts):
    made, counts = uie_of(tmp_path, tasks)

    assert {row["prompt"] for row in made} == prompts
    assert counts["answers"] == 1 + (tasks != ["EET"])
    assert exports.OTHER_TASKS not in counts


def test_records_of_tasks_that_a_format_does_not_hold_are_counted(tmp_path):
    made, counts = uie_of(tmp_path, ["EEA"])

    assert made == []
    assert counts == {"rows": 0, exports.OTHER_TASKS: 1}
    for form in ("bio", "spert", "gliner"):
        assert writing.export(form, source(tmp_path, ["EE"]), tmp_path / form) == {
            "rows": 0,
            exports.OTHER_TASKS: 1,
        }


def source(folder, tasks):
    own = declared(tasks=tasks, event=["accident", "sale"], roles={"accident": ["victim", "place"]})
    table = to_table([TRIGGERED], ["toy/train/0"], dataset="toy", split="train", language="en")
    shards.write(table, folder / "clean" / "toy" / "train-00000.parquet")
    return exports.Source("records", folder, (own,))


def uie_of(folder, tasks):
    (folder / "out").mkdir()
    counts = writing.export("uie", source(folder, tasks), folder / "out")
    lines = (line for p in (folder / "out").rglob("*.jsonl") for line in p.read_text().splitlines())
    return [*map(json.loads, lines)], counts
