"""Odd annotations: each kind found exactly where it is, and mended only where that is asked."""

import pytest

from pipeline.clean import hygiene, rules
from pipeline.clean.stage import clean
from pipeline.config import Clean
from pipeline.execution import shards
from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.tables import from_table, to_table
from tests.conftest import ROOT
from tests.helpers import declared

STOP_WORDS = ROOT / "pipeline" / "clean" / "stop_words"

TOY = declared(
    entity=["person", "PERSON", "place"],
    relation=["lives in", "knows"],
    event=["move", "sleep"],
    role=["to", "who"],
)


def rows(*records):
    ids = [f"toy/train/{n}" for n in range(len(records))]
    return to_table(records, ids, dataset="toy", split="train", language="en")


ADA = Mention("Ada", 0, 3, "person")
SOUND = Record(
    "Ada lives in Ada near Bay",
    "toy:1",
    [ADA, Mention("Bay", 22, 25, "place"), Mention("Ada", 13, 16, "place")],
    [Relation("lives in", 0, 2)],
    [Event("move", 0, (Argument("to", 1),))],
)
ODD = {
    "mention_not_in_text": Record("Ada sleeps well", "", [Mention("Ben", None, None, "person")]),
    "span_with_two_labels": Record("Ada sleeps", "", [ADA, ADA, ADA._replace(label="place")]),
    "relation_to_itself": Record("Ada sleeps", "", [ADA, ADA], [Relation("knows", 0, 1)]),
    "event_without_trigger": Record(
        "Ada sleeps", "", [ADA], (), [Event("sleep", None, (Argument("who", 0),))]
    ),
    "event_without_arguments": Record("Ada sleeps", "", [ADA], (), [Event("sleep", 0)]),
    "empty_event": Record("Ada sleeps", "", [ADA], (), [Event("sleep")]),
    "text_too_long": Record("Ada sleeps" * 5, "", [ADA]),
    "mention_cuts_word": Record("Adams sleeps", "", [ADA]),
    "few_words": Record("@ada_b sleeps #tired 24 https://t.co/Ab", ""),
    "wrong_language": Record("Ada 睡在奥斯陆的海边旅馆里", "", [ADA]),
    "image_markup": Record("Ada sleeps ![bed](x.png)", "", [ADA]),
}
#: What no fix changes, or drops the record for.
TOLD = {"mention_cuts_word", *hygiene.OF_TEXTS}


def found(*records, enum_roles=()):
    return [f[:3] for f in hygiene.findings(rows(*records), enum_roles, 49)]


def test_a_sound_record_has_no_findings():
    assert found(SOUND, Record("Ada slept there.", "")) == []


@pytest.mark.parametrize("kind", ODD)
def test_each_kind_is_found_in_its_record_alone(kind):
    index = {"span_with_two_labels": 2}.get(kind, 0)

    assert found(SOUND, ODD[kind], SOUND) == [(1, kind, index)]


def test_values_and_fragments_are_no_absent_mentions():
    mentions = [ADA, Mention("yes", None, None), Mention("Ada bed", None, None, "place")]
    event = Event("sleep", 0, (Argument("done", 1),))
    record = Record("Ada sleeps in bed", "", mentions, (), [event])

    assert found(record, enum_roles={"done"}) == []
    assert found(record) == [(0, "mention_not_in_text", 1)]


@pytest.mark.parametrize(
    ("head", "tail", "itself"),
    [
        (ADA, ADA, True),
        (ADA._replace(label=None), ADA._replace(label=None), True),
        # A film after the novel of the same name, which the text names once, twice, or in pieces.
        (ADA, ADA._replace(label="place"), False),
        (ADA, Mention("Ada", 10, 13, "person"), False),
        (ADA, Mention("Ada met", 0, 7, "person"), False),
        (Mention("Ada", label="person"), Mention("Ada", label="place"), False),
        (Mention("Ada", label="person"), Mention("Ada", label="person"), False),
        (ADA, Mention("Ada", label="person"), False),
    ],
)
def test_itself_is_one_mention_not_one_string(head, tail, itself):
    record = Record("Ada met a Ada", "", [head, tail], [Relation("x", 0, 1)])
    table = rows(record)
    findings = hygiene.findings(table, (), 99)
    (after,) = from_table(hygiene.mended(table, findings, ["relation_to_itself"]))

    assert [f.item for f in findings if f.kind == "relation_to_itself"] == [0] * itself
    assert after.relations == [] if itself else record.relations


def test_a_mention_without_place_in_a_relation_with_itself():
    record = Record("Ada and Ada", "", [Mention("Ada")], [Relation("x", 0, 0)])

    assert found(record) == [(0, "relation_to_itself", 0)]


@pytest.mark.parametrize("kind", [k for k in ODD if k not in TOLD])
def test_mending_leaves_nothing_to_find_and_the_others_as_they_are(kind):
    table = rows(SOUND, ODD[kind], SOUND)
    findings = hygiene.findings(table, (), 1000)

    assert hygiene.mended(table, findings, []) is table
    after = hygiene.mended(table, findings, [kind])

    assert hygiene.findings(after, (), 1000) == []
    assert after["id"].to_pylist() == table["id"].to_pylist()
    assert from_table(after)[::2] == from_table(table)[::2]
    assert after["text"].to_pylist() == table["text"].to_pylist()


@pytest.mark.parametrize(
    ("string", "odd"),
    [("上肢疼痛", False), ("上肢", False), ("疼痛上肢", True), ("上肢头痛", True), ("上痛", True)],
)
def test_chinese_fragments_follow_each_other_in_the_text(string, odd):
    record = Record("患者上肢及下肢疼痛明显", "", [Mention(string, None, None, "person")])

    kinds = [kind for _, kind, _ in found(record) if kind != "wrong_language"]
    assert kinds == ["mention_not_in_text"] * odd


def test_events_that_mending_leaves_hollow_go_if_asked():
    mentions = [Mention("gone", None, None), ADA]
    events = [Event("a", 0, (Argument("x", 0),)), Event("b", 0, (Argument("x", 1),)), Event("c", 1)]
    table = rows(Record("Ada sleeps", "", mentions, (), events))
    findings = hygiene.findings(table, (), 99)

    def left(*kinds):
        (after,) = from_table(hygiene.mended(table, findings, ["mention_not_in_text", *kinds]))
        return [event.label for event in after.events]

    assert left() == ["a", "b", "c"]
    assert left("empty_event") == ["b", "c"]
    assert left("empty_event", "event_without_trigger") == ["c"]
    assert left("empty_event", "event_without_trigger", "event_without_arguments") == []


def test_a_split_without_labels_is_in_the_report():
    table = rows(Record("a" * 50, ""))
    counted = hygiene.counted(table, hygiene.findings(table, (), 20))

    assert hygiene.summary([("test", counted)])["test"]["text_too_long"]["found"] == 1


def test_a_second_label_that_a_relation_needs_stays():
    """Without it the pair would have no signature, and its predicate would be asked as absent."""
    mentions = [ADA._replace(label="singer"), ADA, Mention("Oslo", 15, 19, "place"), ADA]
    table = rows(Record("Ada lives near Oslo", "", mentions, [Relation("lives in", 1, 2)]))

    findings = hygiene.findings(table, (), 99)
    (after,) = from_table(hygiene.mended(table, findings, ["span_with_two_labels"]))

    assert [f.item for f in findings] == [1, 3]
    assert [m.label for m in after.mentions] == ["singer", "person", "place", None]


def test_what_uses_an_absent_mention_goes_with_it():
    mentions = [ADA, Mention("Ben", None, None, "person")]
    record = Record(
        "Ada sleeps",
        "",
        mentions,
        [Relation("knows", 0, 1), Relation("is", 0, 0, (Argument("as", 1), Argument("for", 0)))],
        [Event("meet", 1, (Argument("who", 0), Argument("whom", 1)))],
    )
    table = rows(record)

    only = [f for f in hygiene.findings(table, (), 99) if f.kind == "mention_not_in_text"]
    after = from_table(hygiene.mended(table, only, ["mention_not_in_text"]))[0]

    assert after.mentions == [ADA]
    assert after.relations == [Relation("is", 0, 0, (Argument("for", 0),))]
    assert after.events == [Event("meet", None, (Argument("who", 0),))]


def test_the_stage_reports_by_split_and_kind_and_drops_long_texts_if_asked(tmp_path):
    table = rows(SOUND, *ODD.values(), SOUND._replace(mentions=[ADA._replace(label="PERSON")]))
    table = rows(
        *(
            r._replace(relations=(), events=()) if r.text == SOUND.text else r
            for r in from_table(table)
        )
    )
    shards.write(table, tmp_path / "in" / "toy" / "train-00000.parquet")
    settings = Clean(long_text=49, fix=["text_too_long", "empty_event"])

    clean([TOY], tmp_path / "in", settings, STOP_WORDS, tmp_path / "out")

    report = shards.read_json(tmp_path / "out" / "toy" / "hygiene.json")
    assert report["fixed"] == ["empty_event", "text_too_long"]
    own = report["splits"]["train"]
    assert {kind: entry["found"] for kind, entry in own.items()} == {
        **dict.fromkeys(ODD, 1),
        "label_differs_by_case": 1,
    }
    assert own["empty_event"]["examples"] == [{"id": "toy/train/6", "detail": "sleep"}]
    assert own["label_differs_by_case"]["examples"] == [
        {"kind": "entity", "detail": "PERSON, commonly person"}
    ]
    after = shards.read(tmp_path / "out" / "toy" / "train-00000.parquet")
    assert [*zip(*(after[c].to_pylist() for c in ("dropped", "drop_detail")), strict=True)] == [
        *[(None, None)] * 7,
        ("text_too_long", "50 characters"),
        *[(None, None)] * 5,
    ]
    assert after["events"].to_pylist()[6] == []


def test_mending_comes_before_the_rules(tmp_path):
    record = Record("Ohio", "", [Mention("Ben", None, None, "person")])
    shards.write(rows(record), tmp_path / "in" / "toy" / "train-00000.parquet")

    for fix, reason in (([], None), (["mention_not_in_text"], "too_short")):
        clean([TOY], tmp_path / "in", Clean(fix=fix), STOP_WORDS, tmp_path / "out")
        assert shards.read(tmp_path / "out" / "toy" / "train-00000.parquet")[
            "dropped"
        ].to_pylist() == [reason]


def test_a_table_without_records_or_annotations_is_no_trouble():
    assert found() == []
    assert found(Record("Ada sleeps well", "")) == []
    assert rules.too_short(rows(), 5).tolist() == []


@pytest.mark.parametrize(
    ("text", "language", "kinds"),
    [
        ("@ada thanks!! 100%", "en", {"few_words"}),
        ("@ada thanks so much", "en", set()),
        ("www.example.org/a-b-c d'or x", "en", {"few_words"}),
        ("1963年3月生。", "zh", set()),
        ("Ada Vale (阿达·韦尔) writes about ships.", "en", set()),
        ("阿达在海边写作，住在旅馆。", "en", {"few_words", "wrong_language"}),
        ("She writes about ships and harbours.", "zh", {"wrong_language"}),
        ("她喜欢 iPhone 和 MacBook Pro 电脑", "zh", set()),
        ("她写作。<img src=x>", "zh", {"image_markup"}),
        ("Bay at night.jpg | Image : Ship.jpg | The old ship", "en", {"image_markup"}),
        ("She saved it as bay.jpg on the disk", "en", set()),
    ],
)
def test_texts_that_careful_editing_would_drop(text, language, kinds):
    table = to_table(
        [Record(text, "")], ["toy/train/0"], dataset="toy", split="train", language=language
    )

    assert {f.kind for f in hygiene.findings(table, (), 1000)} == kinds


def test_they_are_dropped_only_if_asked_and_after_the_rules(tmp_path):
    records = [ODD["few_words"], ODD["image_markup"], Record("!!!", ""), SOUND]
    shards.write(rows(*records), tmp_path / "in" / "toy" / "train-00000.parquet")

    def dropped(*fix):
        clean([TOY], tmp_path / "in", Clean(fix=[*fix]), STOP_WORDS, tmp_path / "out")
        table = shards.read(tmp_path / "out" / "toy" / "train-00000.parquet")
        return table.select(["dropped", "drop_detail"]).to_pylist()

    off, on = dropped(), dropped("few_words", "image_markup")
    assert [row["dropped"] for row in off] == [None, None, "mostly_non_letters", None]
    assert on[0] == {"dropped": "few_words", "drop_detail": ODD["few_words"].text}
    assert on[1]["dropped"] == "image_markup"
    assert on[2:] == off[2:]


@pytest.mark.parametrize(
    ("span", "cut"),
    [((0, 3), False), ((1, 3), True), ((0, 2), True), ((4, 9), True), ((4, 10), False)],
)
def test_a_mention_cuts_a_word_if_letters_stand_on_both_sides_of_an_end(span, cut):
    text = "Ada's boat"
    record = Record(text, "", [Mention(text[slice(*span)], *span, "person")])

    assert found(record) == ([(0, "mention_cuts_word", 0)] if cut else [])
