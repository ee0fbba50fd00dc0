"""Characters numbered within their words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Mention, Record
from tests.readers.reading import reader

read = reader("numbered_chars")


def rows(tmp_path, raw):
    file = tmp_path / "t.conll"
    file.write_bytes(raw.encode())
    return list(read([file], language="zh"))


def test_messages(tmp_path):
    raw = "老0\tB-PER.NOM\n师1\tI-PER.NOM\n说0\tO\n\n\n去0\tO\n苏0\tB-GPE.NAM\n州1\tI-GPE.NAM\n"

    assert rows(tmp_path, raw) == [
        Record("老师说", "t.conll:1", [Mention("老师", 0, 2, "PER.NOM")]),
        Record("去苏州", "t.conll:6", [Mention("苏州", 1, 3, "GPE.NAM")]),
    ]


@pytest.mark.parametrize(
    ("token", "character"),
    [
        ("e12", "e"),
        ("310", "3"),
        ("00", "0"),
        ("４0", "４"),
        ("\ufffd0", "\ufffd"),
        ("\ufffd\ufffd3", "\ufffd\ufffd"),
        ("\ue0560", "\ue056"),
        ("\u30000", "\u3000"),
    ],
)
def test_the_number_is_cut_off_and_a_digit_before_it_is_not(tmp_path, token, character):
    (record,) = rows(tmp_path, f"我0\tO\n{token}\tO\n")

    assert record.text == "我" + character


def test_a_mention_of_lost_emoji_keeps_its_offsets(tmp_path):
    (record,) = rows(tmp_path, "\ufffd\ufffd0\tO\n苏0\tI-GPE.NAM\n州1\tI-GPE.NAM\n")

    assert record == Record("\ufffd\ufffd苏州", "t.conll:1", [Mention("苏州", 2, 4, "GPE.NAM")])


@pytest.mark.parametrize(
    ("line", "origin", "reason"),
    [
        ("师\tO", "t.conll:2", "malformed_token"),
        ("师1 O", "t.conll:2", "missing_column"),
        ("师1\t", "t.conll:1", "unknown_tag"),
        ("师1\tX-PER", "t.conll:1", "unknown_tag"),
    ],
)
def test_a_broken_line_rejects_its_message_alone(tmp_path, line, origin, reason):
    broken, record = rows(tmp_path, f"老0\tB-PER.NOM\n{line}\n\n好0\tO\n")

    assert (broken.origin, broken.reason, broken.entities) == (origin, reason, 1)
    assert record == Record("好", "t.conll:4", [])


@given(st.lists(st.text("苏州a7４\ufffd", min_size=1, max_size=12), min_size=1))
def test_round_trip_of_the_text(tmp_path_factory, words):
    raw = "".join(f"{c}{i}\tO\n" for word in words for i, c in enumerate(word))

    (record,) = rows(tmp_path_factory.mktemp("numbered"), raw)

    assert record.text == "".join(words)
