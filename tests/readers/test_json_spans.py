"""Spans in JSON: the layouts, the units, and how a wrong declaration shows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DeclarationError
from pipeline.records import Mention, Record, Reject, violation
from tests.readers.reading import reader

read = reader("json_rows")

ADA = Mention("Ada", 0, 3, "PER")
OSLO = Mention("Oslo", 7, 11, "LOC")
CLUENER = {
    "entities": {"at": "label.**.**", "label": "^^#", "text": "^#", "start": 0, "end": 1},
    "inclusive_end": True,
}
LISTS = {"entities": {"at": "label", "start": 0, "end": 1, "label": 2}}
OBJECTS = {"at": "entities", "start": "start", "end": "end", "label": "label", "text": "text"}


def rows(tmp_path, *values, language="en", **options):
    file = tmp_path / "t.json"
    lines = (v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values)
    file.write_bytes("\n".join(lines).encode())
    return list(read([file], language=language, **options))


def test_spans_are_objects(tmp_path):
    row = {
        "text": "Ada in Oslo",
        "entities": [
            {"start": 0, "end": 3, "label": "PER"},
            {"start": 7, "end": 11, "label": "LOC", "text": "Oslo"},
        ],
    }

    assert rows(tmp_path, row, entities=OBJECTS) == [Record("Ada in Oslo", "t.json:1", [ADA, OSLO])]


def test_spans_are_lists(tmp_path):
    row = {"text": "Ada in Oslo", "label": [[0, 3, "PER"], [7, 11, "LOC"]]}

    assert rows(tmp_path, row, **LISTS) == [Record("Ada in Oslo", "t.json:1", [ADA, OSLO])]


def test_spans_are_lists_with_their_string(tmp_path):
    row = {"id": 7, "data": "Ada in Oslo", "ner_label": [["PER", 0, 3, "Ada", 0, 1, ["Ada"]]]}
    spans = {"at": "ner_label", "label": 0, "start": 1, "end": 2, "text": 3}
    options = {"text": "data", "entities": spans}

    assert rows(tmp_path, row, source_id="id", **options) == [
        Record("Ada in Oslo", "t.json:1", [ADA], source_id="7")
    ]


def test_spans_stand_under_label_and_string_with_inclusive_ends(tmp_path):
    row = {
        "text": "周岚在苏州，周岚说",
        "label": {"address": {"苏州": [[3, 4]]}, "name": {"周岚": [[0, 1], [6, 7]]}},
    }

    assert rows(tmp_path, row, {"text": "天晴", "label": {}}, language="zh", **CLUENER) == [
        Record(
            "周岚在苏州，周岚说",
            "t.json:1",
            [
                Mention("苏州", 3, 5, "address"),
                Mention("周岚", 0, 2, "name"),
                Mention("周岚", 6, 8, "name"),
            ],
        ),
        Record("天晴", "t.json:2", []),
    ]


def test_offsets_count_tokens(tmp_path):
    row = {
        "tokens": ["c", "-", "fos", "gene"],
        "doc_id": "MEDLINE:90000001",
        "entity_mentions": [{"start": 0, "end": 3, "entity_type": "DNA", "text": "c - fos"}],
    }
    spans = {**OBJECTS, "at": "entity_mentions", "label": "entity_type"}

    found = rows(tmp_path, row, tokens="tokens", source_id="doc_id", entities=spans)

    record = Record(
        "c - fos gene", "t.json:1", [Mention("c - fos", 0, 7, "DNA")], source_id="MEDLINE:90000001"
    )
    assert found == [record]


@pytest.mark.parametrize("inclusive", [False, True])
def test_a_wrong_kind_of_end_shows_as_offset_mismatch(tmp_path, inclusive):
    end = 3 if inclusive else 2
    row = {
        "text": "Ada in Oslo",
        "entities": [{"start": 0, "end": end, "label": "P", "text": "Ada"}],
    }

    (record,) = rows(tmp_path, row, inclusive_end=inclusive, entities=OBJECTS)

    assert violation(record)[0] == "offset_mismatch"


@pytest.mark.parametrize("span", [[-1, 2, "P"], [2, 2, "P"], [3, 1, "P"], [4, 12, "P"]])
@pytest.mark.parametrize("unit", ["characters", "tokens"])
def test_a_span_outside_of_the_text_is_rejected(tmp_path, span, unit):
    text = "Ada in Oslo" if unit == "characters" else ["Ada", "in", "Oslo", "."]
    row = {"text": text, "label": [[0, 1, "P"], span]}

    tokens = {"tokens": "text"} if unit == "tokens" else {}

    (found,) = rows(tmp_path, row, **tokens, **LISTS)

    assert (found.reason, found.entities) == ("offset_out_of_text", 2)


@pytest.mark.parametrize(
    "row",
    [
        {"label": []},
        7,
        {"text": "Ada", "label": [[0, 3]]},
        {"text": "Ada", "label": [[0, "3", "P"]]},
        {"text": "Ada", "label": [[0, None, "P"]]},
        {"text": "Ada", "label": [[0, True, "P"]]},
        {"text": "Ada", "label": [[0, 3, None]]},
    ],
)
def test_a_row_without_its_parts_is_rejected(tmp_path, row):
    (found,) = rows(tmp_path, "", row, **LISTS)

    assert (found.origin, found.reason, found.records) == ("t.json:2", "malformed_record", 1)


def test_an_unlabeled_row_is_rejected_not_negative(tmp_path):
    found = rows(tmp_path, {"id": 0, "text": "他去了苏州"}, language="zh", **CLUENER)

    assert [item.reason for item in found] == ["unlabeled"]


def test_a_missing_field_is_named_beside_those_that_are_there(tmp_path):
    row = {"text": "Ada", "label": []}

    (found,) = rows(tmp_path, row, tokens="missing", **LISTS)

    assert found.detail == "no field 'missing'; there are 'text', 'label'"


def test_broken_json_is_rejected_and_the_rest_is_read(tmp_path):
    broken, record = rows(tmp_path, '{"text": "A', {"text": "Ada", "label": []}, **LISTS)

    assert isinstance(broken, Reject)
    assert (broken.origin, broken.reason) == ("t.json:1", "malformed_json")
    assert record == Record("Ada", "t.json:2", [])


def test_lost_spans_are_counted_in_both_layouts(tmp_path):
    listed = {"text": 1, "label": [[0, 1, "P"], [1, 2, "P"]]}
    by_label = {"text": 1, "label": {"P": {"a": [[0, 0], [2, 2]], "b": [[1, 1]]}}}

    found = rows(tmp_path, listed, **LISTS) + rows(tmp_path, by_label, **CLUENER)

    assert [item.entities for item in found] == [2, 3]


@pytest.mark.parametrize("option", [{"unit": "bytes"}, {"misplaced": "keep"}])
def test_an_unknown_choice_is_an_error_of_the_declaration(tmp_path, option):
    with pytest.raises(DeclarationError, match="is none of"):
        rows(tmp_path, {"text": "Ada", "label": []}, **LISTS, **option)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).flatmap(
        lambda text: st.tuples(
            st.just(text),
            st.lists(
                st.tuples(st.integers(0, len(text) - 1), st.integers(0, len(text) - 1)), max_size=4
            ),
        )
    )
)
def test_round_trip(tmp_path_factory, drawn):
    text, ends = drawn
    mentions = [Mention(text[min(e) : max(e) + 1], min(e), max(e) + 1, "X") for e in ends]
    strings = {}
    for m in mentions:
        strings.setdefault(m.text, []).append([m.start, m.end - 1])
    row = {"text": text, "label": {"X": strings}}

    (record,) = rows(tmp_path_factory.mktemp("spans"), row, language="zh", **CLUENER)

    assert (record.text, sorted(record.mentions)) == (text, sorted(mentions))
