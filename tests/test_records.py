"""The data model: tables hold what readers yield, and broken records are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalog import invariant
from pipeline.errors import RecordError
from pipeline.records import Argument, Event, Mention, Record, Relation, locate, merge, violation
from pipeline.tables import RECORDS, from_table, to_table
from tests.helpers import declared

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


DATASET = declared(
    entity=["person"], relation=["knows"], event=["sale", "talk"], role=["seller", "since", "buyer"]
)


def stored(*records):
    ids = [f"d/train/{n}" for n in range(len(records))]
    return to_table(records, ids, dataset="d", split="train", language="en")


def with_mention(*parts):
    return {"mentions": [*FULL.mentions, Mention(*parts)]}


def with_relation(*parts):
    return {"relations": [Relation(*parts)]}


def with_event(*parts):
    return {"events": [Event(*parts)]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"text": "  "}, "its text is blank"),
        (with_mention(""), "without a string"),
        (with_mention("May", 27), "only one of start and end"),
        (with_mention("Ada", 51, 54), "51:54 in a text of 30"),
        (with_mention("Ada", 1, 4), "1:4 is 'da ', not 'Ada'"),
        (with_mention("May", -3, 30), "do not hold its string"),
        (with_mention("May", 27, 31), "27:31 in a text of 30"),
        (with_mention("May", None, None, "month"), "an entity's label is not declared"),
        (with_relation("knows", 3, 0), "a head is no mention (mention 3 of 3)"),
        (with_relation("knows", 0, -1), "a tail is no mention"),
        (with_relation("loves", 0, 1), "a label of its relations"),
        (with_relation("knows", 0, 1, (Argument("until", 1),)), "a role of its qualifiers"),
        (with_relation("knows", 0, 1, (Argument("since", 3),)), "one of its qualifiers is no"),
        (with_event("theft"), "a label of its events"),
        (with_event("talk", 3), "a trigger is no mention"),
        (with_event("talk", None, (Argument("to", 0),)), "a role of its arguments"),
        (with_event("talk", None, (Argument("buyer", 5),)), "one of its arguments is no"),
    ],
)
def test_a_table_with_an_unsound_record_is_refused(change, words):
    sound = stored(FULL, FULL)
    assert invariant.checked(sound, DATASET) is sound

    with pytest.raises(RecordError) as caught:
        invariant.checked(stored(FULL, FULL._replace(**change), FULL), DATASET)

    assert words in caught.value.what
    assert caught.value.where == "d/train/1, from a.json:3"


@given(st.data())
def test_a_stored_record_is_sound_where_a_read_one_is(data):
    text = data.draw(st.text("ab \u0301\U0001f600", min_size=1, max_size=6))
    number = st.integers(-1, 7)
    spans = st.builds(
        lambda cut, a, b: Mention(text[a:b] if cut else data.draw(st.text("ab", max_size=3)), a, b),
        st.booleans(), number | st.none(), number | st.none(),
    )  # fmt: skip
    mentions = data.draw(st.lists(spans, max_size=3))
    slots = st.builds(Argument, st.just("since"), number)
    relation = st.builds(Relation, st.just("knows"), number, number, st.tuples(slots) | st.just(()))
    event = st.builds(Event, st.just("talk"), number | st.none(), st.tuples(slots) | st.just(()))
    links = (data.draw(st.lists(kind, max_size=2)) for kind in (relation, event))
    record = Record(text, "o", mentions, *links)

    try:
        invariant.checked(stored(FULL, record), DATASET)
        sound = True
    except RecordError:
        sound = False

    assert sound == (violation(record) is None)
