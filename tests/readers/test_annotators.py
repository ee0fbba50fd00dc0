"""Several annotators of one text: one is chosen, or most of them decide, and agreement is told."""

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog import reader_options
from pipeline.readers._annotators import agreement
from pipeline.records import Argument, Event, Mention, Record, Reject, Relation
from tests.readers.reading import reader

TEXT = "Ada Falk left Oslo"
ADA, OSLO = (0, 8, "PER"), (14, 18, "LOC")


def task(text=TEXT, **annotators):
    """A task of Label Studio: annotator -> spans."""
    annotations = [
        {
            "id": number,
            "completed_by": name,
            "result": [
                {"id": f"{s}", "type": "labels", "value": {"start": s, "end": e, "labels": [label]}}
                for s, e, label in spans
            ],
        }
        for number, (name, spans) in enumerate(annotators.items(), start=1)
    ]
    return {"id": 1, "data": {"text": text}, "annotations": annotations}


def read(tmp_path, tasks, name="label_studio", **options):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(tasks))
    return list(reader(name)([file], language="en", **options))


def spans(record):
    return [m[1:4] for m in record.mentions]


@pytest.mark.parametrize(
    ("choice", "expected", "reason"),
    [
        ("first", [ADA], "not_gold"),
        ("bo", [ADA, OSLO], "not_gold"),
        ("majority", [ADA, OSLO], "outvoted"),
    ],
)
def test_one_is_chosen_by_rule_or_by_name_or_most_decide(tmp_path, choice, expected, reason):
    three = task(ada=[ADA], bo=[ADA, OSLO], cy=[(0, 3, "PER"), OSLO])

    found = read(tmp_path, [three], annotators=choice)

    (record,) = [item for item in found if isinstance(item, Record)]
    rejects = [item for item in found if isinstance(item, Reject)]
    assert sorted(spans(record)) == expected
    assert {(r.reason, r.records) for r in rejects} == {(reason, 0)}
    assert sum(r.entities for r in rejects) == (1 if choice == "majority" else 0)


def test_the_ground_truth_is_read_whoever_is_chosen(tmp_path):
    known = task(ada=[ADA], bo=[OSLO])
    known["annotations"][1]["ground_truth"] = True

    told, record = read(tmp_path, [known], annotators="first")

    assert (told.reason, told.detail, spans(record)) == ("not_gold", "annotation 1", [OSLO])


def test_the_first_is_another_one_for_each_text(tmp_path):
    found = read(tmp_path, [task(ada=[ADA]), task("Bo met Cy", bo=[(0, 2, "PER")]), task(bo=[])])

    assert [getattr(i, "reason", "") for i in found] == ["", "", "not_gold"]
    assert found[2].detail == "annotator bo"


def test_rows_of_one_annotator_each(tmp_path):
    rows = [
        {
            "id": 1,
            "text": TEXT,
            "label": [{"start": 0, "end": 8, "labels": ["PER"]}],
            "annotator": n,
        }
        for n in (1, 2)
    ]

    record, other = read(tmp_path, rows, "label_studio_min")

    assert (spans(record), other.reason, other.detail) == ([ADA], "not_gold", "annotator 2")


def test_a_file_may_be_of_one_annotator(tmp_path):
    for name in ("ada", "bo"):
        (tmp_path / f"{name}.json").write_text(json.dumps([{"text": TEXT, "label": [[*ADA]]}]))
    files = [tmp_path / "ada.json", tmp_path / "bo.json"]
    options = {"annotator": "^#", "annotators": "bo"}

    other, record = reader("doccano_spans")(files, language="en", **options)

    assert (other.detail, record.origin) == ("annotator ada", "bo.json:1")


def test_folders_of_brat_are_annotators(tmp_path):
    for name, end in (("ada", 8), ("bo", 8), ("cy", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(TEXT)
        (tmp_path / name / "1.ann").write_text(f"T1\tPER 0 {end}\t{TEXT[:end]}\n")

    record, lost = reader("brat")([tmp_path], language="en", annotators="majority")

    assert spans(record) == [ADA]
    assert (lost.reason, lost.entities) == ("outvoted", 1)
    assert len([*reader("brat")([tmp_path], language="en")]) == 3


def test_relations_and_events_are_voted_on_with_their_mentions(tmp_path):
    def row(who, role="Agent", label="left"):
        ends = {"head": {"text": "Ada Falk"}, "tail": {"text": "Oslo"}}
        event = {"type": "Move", "trigger": "left", "args": [{"role": role, "text": "Ada Falk"}]}
        return {"text": TEXT, "who": who, "pairs": [{"label": label, **ends}], "events": [event]}

    options = {
        "annotator": "who",
        "annotators": "majority",
        "relations": {"at": "pairs", "label": "label", "head": {"text": "head.text"},
                      "tail": {"text": "tail.text"}},
        "events": {"at": "events", "label": "type", "trigger": {"text": "trigger"},
                   "arguments": {"at": "args", "role": "role", "text": "text"}},
    }  # fmt: skip
    rows = [row("ada"), row("bo", label="met"), row("cy", role="Theme")]

    record, lost = read(tmp_path, rows, "json_rows", **options)

    ada, oslo, left = map(record.mentions.index, map(Mention, ("Ada Falk", "Oslo", "left")))
    assert record.relations == [Relation("left", ada, oslo)]
    assert record.events == [Event("Move", left, (Argument("Agent", ada),))]
    assert (lost.reason, lost.relations, lost.events) == ("outvoted", 1, 1)


def test_agreement_is_that_of_the_textbook(tmp_path):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps([task(ada=[ADA, OSLO], bo=[(0, 3, "PER"), OSLO])]))

    found = reader_options.agreement("label_studio", [file], language="en")

    # Of four tokens both mark "Ada", one marks "Falk" too: 3/4 agree, and 2/4 would by chance.
    assert found["PER"] == (0, pytest.approx((3 / 4 - 1 / 2) / (1 - 1 / 2)), 2)
    assert found["LOC"] == (1, 1, 2)
    assert reader_options.agreement("columns", [file], language="en") == {}


MENTIONS = st.lists(
    st.sampled_from([Mention(w, TEXT.index(w), TEXT.index(w) + len(w), "X") for w in TEXT.split()]),
    unique=True,
)


@given(own=st.lists(MENTIONS, min_size=2, max_size=3))
def test_agreement_does_not_hang_on_the_order_and_is_whole_among_equals(own):
    def told(sides):
        return agreement(Record(TEXT, f"f:1 by {n}", side) for n, side in enumerate(sides))

    assert len({str(told(order)) for order in permutations(own)}) == 1
    same = told([own[0]] * 2)
    assert all((one.f1, one.kappa) == (1, 1) for one in same.values())
    assert all(0 <= one.f1 <= 1 and -1 <= one.kappa <= 1 for one in told(own).values())
