"""The data model: tables hold what readers yield, and broken records are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Argument, Event, Mention, Record, Relation, locate, merge, violation
from pipeline.tables import RECORDS, from_table, to_table

FULL = Record(
    "Ada sold Velmora to Ben in May",
    "a.json:3",
    [Mention("Ada", 0, 3, "person"), Mention("sold", 4, 8), Mention("Ben", 20, 23, "person")],
    [Relation("knows", 0, 2, (Argument("since", 1),))],
    [Event("sale", 1, (Argument("seller", 0), Argument("buyer", 2))), Event("talk")],
    "doc7",
)


def test_a_table_gives_back_its_records():
    plain = Record("Nothing here", "a.json:4")

    table = to_table(
        [FULL, plain], ["d/train/0", "d/train/1"], dataset="d", split="train", language="en"
    )

    assert table.schema == RECORDS
    expected = [FULL, Record("Nothing here", "a.json:4", [], [], [])]
    assert expected == from_table(table)


def test_a_sound_record_has_no_violation():
    assert violation(FULL) is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record(" \n", "o"), "empty_text"),
        (Record("a\udc80b", "o"), "invalid_utf8"),
        (Record("abc", "o", [Mention("", 0, 0, "x")]), "empty_mention"),
        (Record("abc", "o", [Mention("a", 0, None, "x")]), "offset_missing"),
        (Record("abc", "o", [Mention("c", 2, 4, "x")]), "offset_out_of_text"),
        (Record("abc", "o", [Mention("c", 2, 1, "x")]), "offset_out_of_text"),
        (Record("abc", "o", [Mention("c", -1, 3, "x")]), "offset_out_of_text"),
        (Record("abc", "o", [Mention("b", 0, 1, "x")]), "offset_mismatch"),
        (Record("abc", "o", [Mention("b", "1", 2, "x")]), "malformed_record"),
        (Record("abc", "o", [Mention("b", True, 2, "x")]), "malformed_record"),
        (Record(7, "o"), "malformed_record"),
        (Record("abc", "o", [], [Relation("r", 0, 0)]), "index_out_of_range"),
        (Record("abc", "o", [], [], [Event("e", 0)]), "index_out_of_range"),
        (
            Record("abc", "o", [], [], [Event("e", None, (Argument("r", -1),))]),
            "index_out_of_range",
        ),
        (Record("abc", "o", [], [], [Event(None)]), "malformed_record"),
    ],
)
def test_a_broken_record_is_told(record, reason):
    assert violation(record)[0] == reason


@given(st.text(min_size=1), st.data())
def test_every_true_span_is_sound(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    record = Record(text, "o", [Mention(text[start:end], start, end, "x")])

    found = violation(record)

    assert found is None or found[0] in {"empty_text", "invalid_utf8"}


def test_locate_finds_only_what_is_unique():
    assert locate("aaa b", "b") == (4, 5)
    assert locate("aaa b", "aa") == (None, None)
    assert locate("aaa b", "c") == (None, None)
    assert locate("aaa b", "") == (None, None)


def test_rows_of_one_text_complete_each_other():
    first = Record("a b c", "f:1", [Mention("a", 0, 1), Mention("b", 2, 3)], [Relation("r", 0, 1)])
    second = Record("a b c", "f:2", [Mention("b", 2, 3), Mention("c", 4, 5)], [Relation("r", 0, 1)])

    merged = merge([first, second, first])

    expected = Record(
        "a b c",
        "f:1",
        [Mention("a", 0, 1), Mention("b", 2, 3), Mention("c", 4, 5)],
        [Relation("r", 0, 1), Relation("r", 1, 2)],
        [],
    )
    assert expected == merged


@pytest.mark.parametrize(
    ("mention", "detail"),
    [(Mention("Ada", 0, 3, 7), "mention "), (Mention("Ada", "0", 3, "a"), "offsets of mention ")],
)
def test_values_of_other_types_are_violations(mention, detail):
    _, told = violation(Record("Ada fell", "a:1", [mention]))

    assert told.startswith(detail)
