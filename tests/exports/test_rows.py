"""The exact rows of the formats made from records, on small records written out by hand."""

import json

import pytest

from pipeline import catalog, exports, shards
from pipeline.exports import bio, gliner, mlm_wwm, spert, uie, uie_sel
from pipeline.exports._asked import Negatives
from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.tables import to_table
from tests.helpers import declared

TEXT = "Ines Vale of Split met Bo"
RECORD = Record(
    TEXT,
    "x:1",
    [
        Mention("Ines Vale", 0, 9, "people"),
        Mention("Split", 13, 18, "location"),
        Mention("Vale of Split", 5, 18, "other"),
        Mention("Bo", 23, 25, "people"),
        Mention("B", 23, 24, "organization"),
    ],
    [Relation("Live_In", 0, 1), Relation("Work_For", 3, 4)],
)


def rows(record, dataset, split="train"):
    return to_table(
        [record], [f"{dataset.id}/{split}/0"], dataset=dataset.id, split=split,
        language=dataset.language,
    ).to_pylist()[0]  # fmt: skip


class Near(Negatives):
    """Negatives with near labels given by hand."""

    def __init__(self, dataset, task, near):
        from pipeline import tasks

        self.inventory, self.near = tasks.inventory(dataset, task), near
        self.roles = dataset.roles_of() if task == "EE" else {}


@pytest.fixture
def conll04():
    return catalog.load("conll04")


@pytest.fixture
def absent(conll04):
    return {
        "NER": Near(conll04, "NER", {"people": ["organization", "location"]}),
        "RE": Near(conll04, "RE", {"Live_In": ["Located_In"]}),
    }


def test_bio_keeps_the_longest_of_overlapping_mentions(conll04):
    labels = ["location", "organization", "people", "other"]
    assert conll04.labels_of("entity") == labels
    row, counts = bio.row(rows(RECORD, conll04), labels)

    assert bio.names(labels)[:3] == ["O", "B-location", "I-location"]
    assert row == {
        "id": "conll04/train/0",
        "tokens": ["Ines", "Vale", "of", "Split", "met", "Bo"],
        "ner_tags": [0, 7, 8, 8, 0, 5],
    }
    assert counts == {"entities": 2, "lost: nested": 2, "lost: inside_a_token": 1}


def test_spert_rows_index_entities(conll04):
    row, counts = spert.row(rows(RECORD, conll04))

    assert row["entities"] == [
        {"type": "people", "start": 0, "end": 2},
        {"type": "other", "start": 1, "end": 4},
        {"type": "location", "start": 3, "end": 4},
        {"type": "people", "start": 5, "end": 6},
    ]
    assert row["relations"] == [{"type": "Live_In", "head": 0, "tail": 2}]
    assert counts["lost entities: inside_a_token"] == 1
    assert counts["lost relations: an end is lost"] == 1


def test_spert_names_untyped_ends():
    record = RECORD._replace(mentions=[m._replace(label=None) for m in RECORD.mentions])
    row, _ = spert.row(rows(record, catalog.load("wiki-zsl")))

    # Mentions 1 and 0 of the first relation and 3 of the second; mention 2 is in none.
    assert [e["type"] for e in row["entities"]] == ["entity", "entity", "entity"]
    assert [*spert.types(catalog.load("wiki-zsl"))["entities"]] == ["entity"]


def test_gliner_ends_are_inclusive_and_hard_negatives_come_first(conll04, absent):
    record = RECORD._replace(mentions=RECORD.mentions[:2], relations=RECORD.relations[:1])
    row, counts = gliner.row(rows(record, conll04), absent["NER"], absent["RE"])

    assert row["ner"] == [(0, 1, "people"), (3, 3, "location")]
    assert row["ner_negatives"] == ["organization", "other"]  # the near label, then the rest
    assert row["relations"] == [(0, 1, "Live_In")]
    assert row["rel_negatives"][0] == "Located_In"
    assert {*row["rel_negatives"]} == {"Kill", "Located_In", "OrgBased_In", "Work_For"}
    assert counts == {"entities": 2, "relations": 1, "lost relations: an end is lost": 0}


def test_gliner_asks_labels_of_a_text_without_entities(conll04, absent):
    row, _ = gliner.row(rows(Record("Nothing here", "x:1"), conll04), absent["NER"], None)

    assert row["ner"] == []
    assert len(row["ner_negatives"]) == 4


def test_uie_prompts_and_negatives(conll04, absent):
    record = RECORD._replace(mentions=RECORD.mentions[:2], relations=RECORD.relations[:1])
    record = rows(record, conll04)
    made, counts = uie.rows(record, uie.prompts(record, conll04, absent))
    found = {row["prompt"]: row["result_list"] for row in made}

    assert found["people"] == [{"text": "Ines Vale", "start": 0, "end": 9}]
    assert found["Live_In of Ines Vale"] == [{"text": "Split", "start": 13, "end": 18}]
    assert found["organization"] == found["Located_In of Ines Vale"] == []
    assert {row["content"] for row in made} == {TEXT}
    assert counts["rows"] == len(made) == len(found) == 4 + 5
    assert counts["answers"] == 3


def test_uie_leaves_out_a_prompt_that_it_cannot_answer_in_full(conll04, absent):
    mentions = [RECORD.mentions[0], Mention("Ines", None, None, "people"), RECORD.mentions[1]]
    record = rows(RECORD._replace(mentions=mentions, relations=[]), conll04)
    made, counts = uie.rows(record, uie.prompts(record, conll04, absent))

    assert "people" not in {row["prompt"] for row in made}
    assert (counts["left out: prompts"], counts["left out: answers"]) == (1, 2)


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
    made, _ = uie.rows(record, uie.prompts(record, dataset, {"EE": Near(dataset, "EE", {})}))
    found = {row["prompt"]: row["result_list"] for row in made}

    assert found[f"{label}触发词"] == [{"text": "裁员", "start": 4, "end": 6}]
    assert found["裁员的裁员方"] == [{"text": "雾港公司", "start": 0, "end": 4}]
    assert found["裁员的时间"] == []
    assert len([p for p in found if p.endswith("触发词")]) == 1 + 4  # one positive, four others


def test_sel_is_the_answer_as_a_string(conll04, absent):
    record = RECORD._replace(mentions=RECORD.mentions[:2], relations=RECORD.relations[:1])
    row, counts = uie_sel.row(rows(record, conll04), absent)

    assert row["record"] == (
        "<extra_id_0> <extra_id_0> people <extra_id_5> Ines Vale <extra_id_0> Live_In <extra_id_5>"
        " Split <extra_id_1> <extra_id_1> <extra_id_0> location <extra_id_5> Split <extra_id_1>"
        " <extra_id_1>"
    )
    assert row["entity"][0] == {"type": "people", "offset": [0, 1], "text": "Ines Vale"}
    assert (row["spot"], row["asoc"]) == (["people", "location"], ["Live_In"])
    assert row["spot_asoc"][0]["asoc"] == [["Live_In", "Split"]]
    assert row["ssi"].startswith("<spot> location <spot> organization <spot> other <spot> people ")
    assert row["ssi"].endswith(" <asoc> Work_For <extra_id_2> ")
    assert counts["associations"] == 1
    assert uie_sel.schemas(conll04)["entity.schema"].count(b"\n") == 3


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
    row, counts = uie_sel.row(rows(record, dataset), {"EE": Near(dataset, "EE", {})})

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
    assert mlm_wwm.words("作家林夏 在 北京大学", "zh") == ["作家", "林", "夏", "在", "北京大学"]
    assert mlm_wwm.words("Dr. Vale", "en") == ["Dr", ".", "Vale"]


def test_negatives_of_dev_are_all_and_of_train_near_ones_and_four():
    dataset = catalog.load("duie2")
    label = tuple(Near(dataset, "RE", {}).inventory)
    negatives = Near(dataset, "RE", {label[0]: [label[9], label[3]]})
    train, dev = (negatives.chosen("a/0", [label[0]], split) for split in ("train", "dev"))

    assert train[:2] == [label[3], label[9]]
    assert len({*train}) == 6
    assert sorted(dev) == sorted(label[1:])
    assert negatives.chosen("a/0", [label[0]], "train") == train
    assert negatives.chosen("a/1", [label[0]], "train") != train


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
    for form in (bio, spert, gliner):
        (tmp_path / form.__name__).mkdir()
        assert form.export(source(tmp_path, ["EE"]), tmp_path / form.__name__) == {
            **dict.fromkeys(("rows", "entities"), 0),
            **({"relations": 0} if form is spert else {}),
            exports.OTHER_TASKS: 1,
        }


def source(folder, tasks):
    own = declared(tasks=tasks, event=["accident", "sale"], roles={"accident": ["victim", "place"]})
    table = to_table([TRIGGERED], ["toy/train/0"], dataset="toy", split="train", language="en")
    shards.write(table, folder / "clean" / "toy" / "train-00000.parquet")
    return exports.Source("records", folder, (own,))


def uie_of(folder, tasks):
    (folder / "out").mkdir()
    counts = uie.export(source(folder, tasks), folder / "out")
    lines = (line for p in (folder / "out").rglob("*.jsonl") for line in p.read_text().splitlines())
    return [*map(json.loads, lines)], counts
