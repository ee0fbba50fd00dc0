"""Instructions: the rows of all seven tasks, word for word, and labels that could break JSON."""

import json
import time
from collections import Counter

import jsonschema
import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pytest

from pipeline import catalog, tasks
from pipeline.catalog import Dataset, Labels
from pipeline.config import Instruct
from pipeline.errors import DeclarationError
from pipeline.execution import shards
from pipeline.instruct import confusable, templates
from pipeline.instruct import stage as instruct
from pipeline.instruct.asking import Asking, labels_held, sets_to_ask
from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.scoring import assertions, evaluation, predictions
from pipeline.scoring.counting import Options
from pipeline.tables import INSTRUCTIONS, to_table
from pipeline.tasks import inventory, json_schema
from pipeline.tasks._answers import dumps

ODD = 'a "b" \\ c/d_e'


def dataset(**more):
    declared = {
        "title": "Toy",
        "source": "Toy",
        "license": "-",
        "language": "en",
        "domain": "-",
        "tasks": ["NER"],
        "reader": {"name": "columns"},
        "labels": Labels(entity=["person", "place", ODD]),
        "id": "toy",
    }
    return Dataset(**{**declared, **more})


def rows(records, own, task, split="train", near=None, grouping="round_robin", **settings):
    ids = [f"toy/{split}/{n}" for n in range(len(records))]
    table = to_table(records, ids, dataset="toy", split=split, language=own.language)
    asked = inventory(own, task)
    settings = Instruct(**{"pure_negative_ratio": 3, **settings, "grouping": grouping})
    asking = Asking(own, task, split, asked, near or {}, settings)
    if settings.in_sets and split == "train" and task != "EEA":
        asking = asking._replace(sets=sets_to_ask(asking, [labels_held(table, asking)]))
    out = instruct.instructions(table, asking)
    assert out.schema == INSTRUCTIONS
    return [
        {**r, "instruction": json.loads(r["instruction"]), "output": json.loads(r["output"])}
        for r in out.to_pylist()
    ]


def merged(rows):
    """The answers of all rows of a record, and the labels asked."""
    answers = {}
    for row in rows:
        assert [*row["output"]] == row["labels"]
        answers.update({k: v for k, v in row["output"].items() if v})
    return answers


NER = Record(
    'Ada met "Bo" in Rome, then Ada left',
    "o",
    [
        Mention("Rome", 16, 20, "place"),
        Mention("Ada", 27, 30, "person"),
        Mention("Ada", 0, 3, "person"),
        Mention('"Bo"', 8, 12, "person"),
        Mention("met", 4, 7, ODD),
    ],
)


def test_a_row_has_exactly_the_fields_columns():
    (row,) = rows([NER], dataset(), "NER", "dev")

    assert row == {
        "task": "NER",
        "source": "Toy",
        "instruction": {
            "instruction": templates.templates()["NER"]["en"][0],
            "schema": ["person", "place", ODD],
            "input": NER.text,
        },
        "output": {"person": ["Ada", '"Bo"'], "place": ["Rome"], ODD: ["met"]},
        "id": "toy/dev/0/NER/0",
        "record_id": "toy/dev/0",
        "language": "en",
        "split": "dev",
        "labels": ["person", "place", ODD],
        "n_positive": 3,
        "n_hard": 0,
        "n_other": 0,
    }


def test_json_is_written_as_the_field_writes_it():
    table = to_table([NER], ["toy/dev/0"], dataset="toy", split="dev", language="en")
    own = dataset()

    asking = Asking(own, "NER", "dev", inventory(own, "NER"), {}, Instruct())
    out = instruct.instructions(table, asking)

    for column in ("instruction", "output"):
        text = out[column][0].as_py()
        assert text == json.dumps(json.loads(text), ensure_ascii=False)


@pytest.mark.parametrize("text", ["tab\there", "nul\x00 in", "line\nbreak", "\x7f é 漢 😀 \u2028"])
def test_every_character_survives(text):
    record = Record(text, "o", [Mention(text, 0, len(text), "person")])

    (row,) = rows([record], dataset(), "NER", "test")

    assert row["instruction"]["input"] == text
    assert row["output"]["person"] == [text]


def test_mentions_without_offsets_stand_where_they_first_occur():
    mentions = [Mention(t, None, None, "person") for t in ("nowhere", "b", "a")]
    record = Record("a b a b", "o", [*mentions, Mention("b", 2, 3, "person")])

    (row,) = rows([record], dataset(), "NER", "test")

    assert row["output"]["person"] == ["a", "b", "nowhere"]


RE = Record(
    "Ada and Bo founded Velmora; Velmora hired Cy",
    "o",
    [Mention("Velmora", 19, 26), Mention("Ada", 0, 3), Mention("Bo", 8, 10), Mention("Cy", 42, 44)],
    [
        Relation("founded by", 0, 2),
        Relation("founded by", 0, 1),
        Relation("employer of", 0, 3),
        Relation("founded by", 0, 1),
    ],
)


def test_relations_have_subject_and_object_in_text_order():
    own = dataset(tasks=["RE"], labels=Labels(relation=["founded by", "employer of", "spouse"]))

    (row,) = rows([RE], own, "RE", "dev")

    assert row["output"] == {
        "founded by": [
            {"subject": "Velmora", "object": "Ada"},
            {"subject": "Velmora", "object": "Bo"},
        ],
        "employer of": [{"subject": "Velmora", "object": "Cy"}],
        "spouse": [],
    }


SPO = dataset(
    language="zh",
    tasks=["RE", "SPO", "KG"],
    labels=Labels(relation=["作者", "国籍"], entity=["图书", "歌曲", "人物", "国家"]),
    signatures={"作者": [("图书", "人物"), ("歌曲", "人物")], "国籍": [("人物", "国家")]},
)
SPO_RECORD = Record(
    "林夏写了《雾港》和《潮声》，她是挪威人",
    "o",
    [
        Mention("雾港", 5, 7, "图书"),
        Mention("林夏", 0, 2, "人物"),
        Mention("潮声", 10, 12, "歌曲"),
        Mention("挪威", 16, 18, "国家"),
    ],
    [Relation("作者", 2, 1), Relation("作者", 0, 1), Relation("国籍", 1, 3)],
)


def test_typed_relations_of_one_predicate_share_a_key():
    (row,) = rows([SPO_RECORD], SPO, "SPO", "dev")

    assert row["labels"] == ["图书_作者_人物", "歌曲_作者_人物", "人物_国籍_国家"]
    assert row["instruction"]["schema"][1] == {
        "subject_type": "歌曲",
        "predicate": "作者",
        "object_type": "人物",
    }
    assert row["output"] == {
        "作者": [{"subject": "雾港", "object": "林夏"}, {"subject": "潮声", "object": "林夏"}],
        "国籍": [{"subject": "林夏", "object": "挪威"}],
    }
    assert row["n_positive"] == 3


def test_untyped_relations_pool_the_signatures():
    (row,) = rows([SPO_RECORD], SPO, "RE", "dev")

    assert row["labels"] == ["作者", "国籍"]
    assert [pair["subject"] for pair in row["output"]["作者"]] == ["雾港", "潮声"]


def test_attributes_are_one_value_or_a_list():
    twice = SPO_RECORD._replace(
        mentions=[*SPO_RECORD.mentions, Mention("瑞典", None, None, "国家")],
        relations=[Relation("国籍", 1, 3), Relation("国籍", 1, 4), Relation("作者", 0, 1)],
    )
    found = rows([twice], SPO, "KG", "test")

    assert [row["labels"] for row in found] == [["图书"], ["歌曲"], ["人物"]]
    assert found[0]["instruction"]["schema"] == [{"entity_type": "图书", "attributes": ["作者"]}]
    assert [row["output"] for row in found] == [
        {"图书": {"雾港": {"作者": "林夏"}}},
        {"歌曲": {}},
        {"人物": {"林夏": {"国籍": ["挪威", "瑞典"]}}},
    ]


EVENTS = dataset(
    tasks=["EE", "EET", "EEA"],
    labels=Labels(event=["buy", "sue", "hire"]),
    roles={"buy": ["Buyer", "Price"], "sue": ["Plaintiff"], "hire": ["Who"]},
)
EVENT_RECORD = Record(
    "Velmora and Kest buy Orin; a court sued",
    "o",
    [
        Mention(t, s, s + len(t))
        for t, s in (("buy", 17), ("Kest", 12), ("Velmora", 0), ("sued", 35))
    ],
    [],
    [
        Event("sue", 3),
        Event("buy", 0, (Argument("Buyer", 1), Argument("Buyer", 2), Argument("Buyer", 1))),
        Event("sue", None, (Argument("Plaintiff", 2),)),
    ],
)
BUY = {"trigger": "buy", "arguments": {"Buyer": ["Velmora", "Kest"], "Price": "NAN"}}
SUED = [
    {"trigger": "NAN", "arguments": {"Plaintiff": "Velmora"}},
    {"trigger": "sued", "arguments": {"Plaintiff": "NAN"}},
]


def test_events_have_triggers_and_all_roles():
    (row,) = rows([EVENT_RECORD], EVENTS, "EE", "dev")

    assert row["instruction"]["schema"][0] == {
        "event_type": "buy",
        "trigger": True,
        "arguments": ["Buyer", "Price"],
    }
    assert row["output"] == {"buy": [BUY], "sue": SUED, "hire": []}


@pytest.mark.parametrize("task", ["EE", "EEA"])
def test_roles_are_always_lists_if_asked(task):
    (row,) = rows([EVENT_RECORD], EVENTS, task, "dev", role_values="list")

    assert row["output"]["buy"] == [{**BUY, "arguments": {**BUY["arguments"], "Price": []}}]
    assert row["output"]["sue"] == [
        {"trigger": "NAN", "arguments": {"Plaintiff": ["Velmora"]}},
        {"trigger": "sued", "arguments": {"Plaintiff": []}},
    ]
    assert row["instruction"]["instruction"] == templates.templates()[f"{task}_LIST"]["en"][0]


def test_attributes_are_always_lists_if_asked():
    found = rows([SPO_RECORD], SPO, "KG", "test", role_values="list")

    assert {"图书": {"雾港": {"作者": ["林夏"]}}} in [row["output"] for row in found]
    assert all(
        isinstance(value, list)
        for row in found
        for entities in row["output"].values()
        for own in entities.values()
        for value in own.values()
    )
    told = {row["instruction"]["instruction"] for row in found}
    assert told == {templates.templates()["KG_LIST"][SPO.language][0]}


@pytest.mark.parametrize("form", ["list", "string"])
def test_a_task_without_roles_answers_alike_in_every_form(form):
    plain = rows([EVENT_RECORD], EVENTS, "EET", "dev")
    assert rows([EVENT_RECORD], EVENTS, "EET", "dev", role_values=form) == plain


@pytest.mark.parametrize("task", ["EE", "EEA"])
def test_roles_are_always_strings_if_asked(task):
    (row,) = rows([EVENT_RECORD], EVENTS, task, "dev", role_values="string")

    several = {"Buyer": '["Velmora", "Kest"]', "Price": "NAN"}
    assert row["output"]["buy"] == [{**BUY, "arguments": several}]
    assert row["output"]["sue"] == SUED
    assert row["instruction"]["instruction"] == templates.templates()[f"{task}_STRING"]["en"][0]


@pytest.mark.parametrize("form", ["published", "list", "string"])
@pytest.mark.parametrize(
    ("record", "own", "task"),
    [(EVENT_RECORD, EVENTS, "EE"), (EVENT_RECORD, EVENTS, "EEA"), (SPO_RECORD, SPO, "KG")],
)
def test_gold_scores_100_and_fits_its_schema_in_every_form(record, own, task, form, tmp_path):
    found = rows([record], own, task, "test", role_values=form)
    for row in found:
        schema = json_schema.answer_schema(task, row["instruction"]["schema"])
        jsonschema.Draft202012Validator(schema).validate(row["output"])
    flat = [{**r, **{key: json.dumps(r[key]) for key in ("instruction", "output")}} for r in found]
    path = tmp_path / f"{task}-{own.language}" / "test-00000-of-00001.parquet"
    shards.write(pa.Table.from_pylist(flat, schema=INSTRUCTIONS), path)

    scores = evaluation.score(predictions.read(tmp_path), tmp_path, Options(samples=0))
    for entry in scores["scores"]:
        assert entry["gold"] == entry["predicted"] == entry["correct"] > 0


@pytest.mark.parametrize("form", ["list", "string"])
def test_the_scorer_reads_the_same_values_in_every_form(form):
    """Also of values that look like JSON, and of one that looks like a list in a string."""
    text = 'sued over [12], {"a": 1} and ["x", "y"]'
    strings = ["[12]", '{"a": 1}', '["x", "y"]']
    mentions = [Mention(s, text.index(s), text.index(s) + len(s)) for s in ("sued", *strings)]
    single = [Event("sue", 0, (Argument("Plaintiff", n),)) for n in (1, 2, 3)]
    every = Event("sue", 0, tuple(Argument("Plaintiff", n) for n in (1, 2, 3)))
    found = rows(
        [Record(text, "o", mentions, [], [*single, every])], EVENTS, "EE", role_values=form
    )

    (said,) = [row["output"]["sue"] for row in found if "sue" in row["output"]]
    read = {*assertions.READERS["EE"](said, assertions.IN_GOLD)}
    assert read == {(0, ("sued",)), *((1, ("Plaintiff", s)) for s in strings)}


@pytest.mark.parametrize("name", ["cmeie", "duie1", "duie2"])
def test_no_dev_row_of_the_catalog_asks_two_signatures_of_one_predicate(name):
    own = catalog.load(name)
    asking = Asking(own, "SPO", "dev", inventory(own, "SPO"), {}, Instruct())
    batches, _ = instruct.batched(["x/dev/0"], np.zeros((1, len(asking.labels)), bool), asking)

    keys = asking.answer_keys()
    for batch in batches.labels.tolist():
        assert len({keys[label] for label in batch}) == len(batch)


def test_event_detection_leaves_out_events_without_a_trigger():
    (row,) = rows([EVENT_RECORD], EVENTS, "EET", "dev")

    assert row["output"] == {"buy": ["buy"], "sue": ["sued"], "hire": []}


@pytest.mark.parametrize("split", ["train", "dev"])
def test_argument_extraction_asks_the_events_present_with_their_triggers(split):
    found = rows([Record("Nothing", "o"), EVENT_RECORD], EVENTS, "EEA", split)

    assert [row["record_id"] for row in found] == [f"toy/{split}/1"]
    assert found[0]["instruction"]["schema"] == [
        {"event_type": "buy", "trigger": ["buy"], "arguments": ["Buyer", "Price"]},
        {"event_type": "sue", "trigger": ["sued"], "arguments": ["Plaintiff"]},
    ]
    assert found[0]["output"] == {"buy": [BUY], "sue": SUED}
    assert (found[0]["n_positive"], found[0]["n_other"]) == (2, 0)


def many(labels, texts=40):
    """Records that hold label n's mention "m<n>" by turns."""
    names = [f"l{n}" for n in range(labels)]
    records = []
    for t in range(texts):
        present = [n for n in range(labels) if (t * 7 + n * 3) % 11 == 0]
        words = [f"t{t}", *(f"m{n}" for n in present)]
        text = " ".join(words)
        mentions = [
            Mention(
                f"m{n}", text.index(f" m{n}") + 1, text.index(f" m{n}") + 1 + len(f"m{n}"), f"l{n}"
            )
            for n in present
        ]
        records.append(Record(text, "o", mentions))
    return records, dataset(labels=Labels(entity=names))


@pytest.mark.parametrize("labels", [1, 2, 6, 7, 13, 60])
@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize("grouping", ["round_robin", "confusable"])
def test_no_answer_is_lost(labels, split, grouping):
    records, own = many(labels)
    near = {f"l{n}": [f"l{(n + 1) % labels}"] for n in range(labels)}
    width = confusable.width(labels, 6) if grouping == "confusable" else min(6, labels)

    found = rows(records, own, "NER", split, near, grouping)

    for n, record in enumerate(records):
        mine = [row for row in found if row["record_id"] == f"toy/{split}/{n}"]
        expected = {m.label: [m.text] for m in record.mentions}
        assert merged(mine) == expected
        assert all(len(row["labels"]) == width for row in mine)
        counts = [row["n_positive"] + row["n_hard"] + row["n_other"] for row in mine]
        assert counts == [width] * len(mine)


def test_new_names_deal_nothing_anew():
    records, own = many(13)
    told = dataset(labels=Labels(entity={f"l{n}": f"name {n}" for n in range(13)}))
    renamed = [
        r._replace(mentions=[m._replace(label=f"name {m.label[1:]}") for m in r.mentions])
        for r in records
    ]

    before = rows(records, own, "NER", grouping="confusable")
    after = rows(renamed, told, "NER", grouping="confusable")

    assert [[f"name {x[1:]}" for x in row["labels"]] for row in before] == [
        row["labels"] for row in after
    ]


def test_signatures_of_one_predicate_stand_apart():
    """Answers of one key would else be one answer, to two questions."""
    types = ["图书", "歌曲", "电影", "人物"]
    signatures = {"作者": [(t, "人物") for t in types[:3]], "国籍": [(t, "国家") for t in types]}
    own = dataset(
        tasks=["SPO"],
        labels=Labels(relation=["作者", "国籍"], entity=[*types, "国家"]),
        signatures=signatures,
    )
    near = {key: [k for k in inventory(own, "SPO") if k != key] for key in inventory(own, "SPO")}

    found = rows([SPO_RECORD] * 40, own, "SPO", near=near, grouping="confusable")

    sizes = {len({item["predicate"] for item in row["instruction"]["schema"]}) for row in found}
    assert sizes == {2}
    assert {len(row["labels"]) for row in found} == {4}


def test_dev_does_not_look_at_the_gold():
    records, own = many(13, texts=5)

    found = rows(records, own, "NER", "dev")

    asked = [row["labels"] for row in found]
    assert asked == asked[:3] * 5
    assert asked[2] == ["l12", "l0", "l1", "l2", "l3", "l4"]


def test_records_without_positives_are_asked_at_the_rate():
    records = [Record(f"text {n}", "o") for n in range(2000)]

    found = rows(records, dataset(), "NER", negative_record_rate=0.25)

    assert len(found) == pytest.approx(500, abs=80)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_block_changes_nothing(monkeypatch, split):
    records, own = many(13)
    ids = [f"toy/{split}/{n}" for n in range(len(records))]
    table = to_table(records, ids, dataset="toy", split=split, language="en")
    asked = inventory(own, "NER")

    settings = Instruct()

    def made(part):
        return instruct.instructions(part, asking._replace(sets=sets))

    near = {asked[0]: asked[3:5], asked[5]: asked[:2]}
    asking = Asking(own, "NER", split, asked, near, settings)
    sets = sets_to_ask(asking, [labels_held(table, asking)])
    whole = made(table)
    monkeypatch.setattr(instruct, "_CELLS", 50)
    blocks = [*instruct.blocks(table, 13, 6)]

    assert [block.num_rows for block in blocks] == [3] * 13 + [1]
    assert pa.concat_tables(map(made, blocks)).equals(whole)


def test_templates_exist_for_every_task_and_language():
    from pipeline.records import TASKS

    formed = (f"{task}_{form}" for task in templates.LISTED for form in ("LIST", "STRING"))
    names = (*TASKS, "RE_PAIR", *formed)
    expected = {(task, language) for task in names for language in ("en", "zh")}
    assert expected == {(t, lang) for t, own in templates.templates().items() for lang in own}


DESCRIBED = dataset(
    descriptions={"person": "a human being", "place": "where something is"},
    aliases={"person": ["human", "individual"], "place": ["site"]},
)


def test_described_labels_are_asked_as_an_object():
    (row,) = rows([NER], DESCRIBED, "NER", "dev", descriptions=True)

    assert row["instruction"]["schema"] == {
        "person": "a human being",
        "place": "where something is",
        ODD: "",
    }
    assert [*row["output"]] == ["person", "place", ODD]


def test_a_described_type_of_entity_says_what_it_and_its_attributes_mean():
    own = msgspec.structs.replace(SPO, descriptions={"国籍": "所属的国家", "人物": "有名字的人"})

    found = rows([SPO_RECORD], own, "KG", "test", descriptions=True)

    assert found[0]["instruction"]["schema"] == [{"entity_type": "图书", "attributes": ["作者"]}]
    assert found[2]["instruction"]["schema"] == [
        {
            "entity_type": "人物",
            "description": "有名字的人",
            "attributes": {"国籍": "所属的国家"},
        }
    ]


def test_a_typed_relation_says_what_its_predicate_means():
    own = msgspec.structs.replace(SPO, descriptions={"国籍": "所属的国家", "人物": "有名字的人"})

    (row,) = rows([SPO_RECORD], own, "SPO", "dev", descriptions=True)

    assert row["instruction"]["schema"] == [
        {"subject_type": "图书", "predicate": "作者", "object_type": "人物"},
        {"subject_type": "歌曲", "predicate": "作者", "object_type": "人物"},
        {
            "subject_type": "人物",
            "predicate": "国籍",
            "object_type": "国家",
            "description": "所属的国家",
        },
    ]


MEANT = msgspec.structs.replace(
    EVENTS, descriptions={"buy": "something is bought", "Buyer": "who pays"}
)


@pytest.mark.parametrize(("task", "trigger"), [("EE", True), ("EEA", ["buy"])])
def test_an_event_says_what_it_and_its_roles_mean(task, trigger):
    (row,) = rows([EVENT_RECORD], MEANT, task, "dev", descriptions=True)

    bought, sued = row["instruction"]["schema"][:2]
    assert [*bought.items()] == [
        ("event_type", "buy"),
        ("description", "something is bought"),
        ("trigger", trigger),
        ("arguments", {"Buyer": "who pays", "Price": ""}),
    ]
    assert "description" not in sued
    assert sued["arguments"] == ["Plaintiff"]


@pytest.mark.parametrize(
    ("task", "records", "own", "label"),
    [
        ("NER", [NER], DESCRIBED, "person"),
        ("RE", [SPO_RECORD], SPO, "国籍"),
        ("SPO", [SPO_RECORD], SPO, "国籍"),
        ("KG", [SPO_RECORD], SPO, "人物"),
        ("EE", [EVENT_RECORD], EVENTS, "buy"),
        ("EET", [EVENT_RECORD], EVENTS, "buy"),
        ("EEA", [EVENT_RECORD], EVENTS, "buy"),
    ],
)
def test_train_records_are_told_in_one_of_the_phrasings_by_hash(task, records, own, label):
    phrasings = ["told first", "told second", "told third"]
    own = msgspec.structs.replace(
        own, descriptions={label: phrasings[0]}, paraphrases={label: phrasings[1:]}
    )
    records = [records[0]._replace(origin=str(n)) for n in range(60)]

    def told(split, **settings):
        found = rows(records, own, task, split, **{"descriptions": True, **settings})
        schemas = [(r["record_id"], json.dumps(r["instruction"]["schema"])) for r in found]
        return [(i, text) for i, schema in schemas for text in phrasings if text in schema]

    train = told("train")
    seen = Counter(text for _, text in {*train})
    assert [*sorted(seen)] == [*sorted(phrasings)]
    assert all(8 < seen[text] < 35 for text in phrasings)
    assert len({*train}) == len(records), "a record is told in one phrasing"
    assert train == told("train")
    assert {text for _, text in told("dev")} == {"told first"}
    assert told("train", descriptions=False) == []


def test_aliases_are_asked_by_hash_in_train_alone():
    records = [NER._replace(origin=str(n)) for n in range(60)]

    found = rows(records, DESCRIBED, "NER", aliases=True, descriptions=True)

    seen = Counter()
    for row in found:
        schema = row["instruction"]["schema"]
        assert [*row["output"]] == [*schema]
        assert {*row["labels"]} == {"person", "place", ODD}
        for label, name in zip(row["labels"], schema, strict=True):
            assert name in [label, *DESCRIBED.aliases.get(label, ())]
            assert schema[name] == DESCRIBED.descriptions.get(label, "")
            assert bool(row["output"][name]) == (label in ("person", "place", ODD))
        seen.update([*schema])
    assert all(8 < seen[name] < 40 for name in ("person", "human", "individual", "place", "site"))
    assert seen[ODD] == 60
    assert found == rows(records, DESCRIBED, "NER", aliases=True, descriptions=True)
    assert rows([NER], DESCRIBED, "NER", "test", aliases=True) == rows(
        [NER], dataset(), "NER", "test"
    )


def test_without_the_parameters_nothing_is_described_or_renamed():
    assert rows([NER, RE], DESCRIBED, "NER") == rows([NER, RE], dataset(), "NER")


LARGE = [f"label {n}" for n in range(2000)]


@pytest.mark.parametrize(
    ("own", "record"), [(SPO, SPO_RECORD), (EVENTS, EVENT_RECORD), (dataset(), NER)]
)
def test_labels_are_held_as_they_are_answered(own, record):
    """What is counted beforehand, without text and answers, is what is answered then."""
    labels = [*record.mentions, Mention("x", None, None, None)]
    records = [record, Record("nothing", "o"), record._replace(mentions=labels)]
    ids = [f"toy/train/{n}" for n in range(3)]
    table = to_table(records, ids, dataset="toy", split="train", language=own.language)

    for task in own.tasks:
        found = tasks.answers(own, task, table)
        held = tasks.held(own, task, table.drop_columns(["text"]))
        assert {*zip(*map(list, held), strict=True)} == {
            *zip(found.row.tolist(), found.code.tolist(), strict=True)
        }


@pytest.mark.parametrize("task", ["NER", "RE", "SPO", "EE", "EET", "EEA", "KG"])
@pytest.mark.parametrize("grouping", ["round_robin", "confusable"])
def test_inventories_of_two_thousand_labels(task, grouping):
    own = dataset(
        tasks=[task],
        labels=Labels(entity=LARGE, relation=LARGE, event=LARGE, role=["who"]),
        roles={label: ["who"] for label in LARGE},
        signatures={label: [(label, LARGE[-1 - n])] for n, label in enumerate(LARGE)},
    )
    records = []
    for n in range(20):
        a, b = LARGE[n * 7], LARGE[-1 - n * 7]
        mentions = [Mention("aa", 0, 2, a), Mention("bb", 3, 5, b)]
        event = Event(a, 0, (Argument("who", 1),))
        records.append(Record(f"aa bb {n}", "o", mentions, [Relation(a, 0, 1)], [event]))
    near = {inventory(own, task)[n * 7]: inventory(own, task)[1000:1010] for n in range(20)}

    start = time.process_time()
    train = rows(records, own, task, near=near, grouping=grouping)
    test = rows(records[:2], own, task, "test", grouping=grouping)

    k = Instruct().k(task)
    k = confusable.width(2000, k) if grouping == "confusable" else k
    assert len({row["record_id"] for row in train}) == 20
    if task != "EEA":
        assert {len(row["labels"]) for row in train} == {k}
        assert len(test) == 2 * -(-2000 // k)
        asked = [label for row in test[: len(test) // 2] for label in row["labels"]]
        assert {*asked} == {*inventory(own, task)}
    positive = Counter(row["record_id"] for row in train for _ in range(row["n_positive"]))
    assert {*positive.values()} == ({2} if task == "NER" else {1})
    # Of this process alone, however busy the machine: a second; quadratic work would take minutes.
    assert time.process_time() - start < 20


def test_texts_of_a_megabyte():
    text = 'begin "quoted" ' + "word \u6f22\n" * 120_000 + "end"
    record = Record(
        text, "o", [Mention("begin", 0, 5, "person"), Mention("end", len(text) - 3, len(text), ODD)]
    )
    own = dataset(labels=Labels(entity=["person", "place", ODD, *LARGE[:57]]))

    found = rows([record, NER, record], own, "NER")

    assert len(text.encode()) > 1_000_000
    big = [row for row in found if row["record_id"] != "toy/train/1"]
    assert all(row["instruction"]["input"] == text for row in big)
    assert merged([row for row in big if row["record_id"] == "toy/train/0"]) == {
        "person": ["begin"],
        ODD: ["end"],
    }
    assert {len(row["labels"]) for row in found} == {6}


def told(found):
    """Record -> the text of its instruction."""
    return {row["record_id"]: row["instruction"]["instruction"] for row in found}


def test_of_several_texts_one_is_chosen_by_the_hash_of_the_record():
    records = [Record(f"{NER.text} {n}", "o", NER.mentions) for n in range(40)]
    own = dataset(labels=Labels(entity=["person", "place"]))
    texts = templates.templates()["NER"]["en"]

    found = rows(records, own, "NER")

    assert {*told(found).values()} == {*texts}
    # The first twenty are asked the same whether or not there are others.
    first = [row for row in found if int(row["record_id"].rpartition("/")[2]) < 20]
    assert [row["instruction"] for row in rows(records[:20], own, "NER")] == [
        row["instruction"] for row in first
    ]
    assert {*told(rows(records, own, "NER", "dev")).values()} == {texts[0]}


def test_texts_may_be_of_a_file_and_what_it_lacks_is_ours(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[NER]\nen = ["Find them.", "Look for them."]\nfi = ["Etsi."]\n')
    records = [Record(f"{NER.text} {n}", "o", NER.mentions) for n in range(40)]
    own = dataset(labels=Labels(entity=["person", "place"]))

    found = rows(records, own, "NER", templates=str(path))

    assert {*told(found).values()} == {"Find them.", "Look for them."}
    assert templates.texts_for(str(path), "NER", "fi", "train") == ["Etsi."]
    assert (
        templates.texts_for(str(path), "RE", "fi", "dev") == templates.templates()["RE"]["en"][:1]
    )
    path.write_text('[NER]\nen = ["Now."]\n')
    assert templates.texts_for(str(path), "NER", "en", "train") == ["Now."]


def test_texts_may_be_those_of_rows_of_another_corpus(tmp_path):
    path = tmp_path / "rows.json"
    said = [("NER", "Find."), ("NER", "找。"), ("NER", "Find."), ("RE", "Relate.")]
    path.write_text(
        "".join(
            json.dumps({"task": task, "instruction": json.dumps({"instruction": text})}) + "\n"
            for task, text in said
        )
    )

    found = templates.templates(str(path))

    assert found["NER"] == {"en": ["Find."], "zh": ["找。"]}
    assert found["RE"]["en"] == ["Relate."]
    assert found["EE"] == templates.templates()["EE"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", '[NERD]\nen = ["x"]\n', "no task"),
        ("a.toml", "[NER]\nen = []\n", "no template for NER en"),
        ("a.json", '{"task": "NER"}\n', "instruction"),
        ("a.json", "", "no template"),
    ],
)
def test_a_bad_file_of_texts_is_an_error(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DeclarationError, match=said):
        templates.templates(str(tmp_path / name))
    with pytest.raises(DeclarationError, match="no such file"):
        templates.templates(str(tmp_path / "absent.toml"))


def test_every_text_asks_for_an_object_and_is_said_once():
    for own in templates.templates().values():
        for texts in own.values():
            assert len({*texts}) == len(texts) >= 4
            assert all("JSON" in text and "JSON string" not in text for text in texts)


def test_answers_are_the_json_that_others_write():
    value = {"a\x07\x1f\x7f\u2028": ['"港\\/', True, [], {}, "\t\n"], "b": "NAN"}
    lines = orjson.dumps(value).decode()
    assert json.loads(dumps(value)) == value
    assert dumps(value).replace(", ", ",").replace(": ", ":") == lines
