"""Pairs of Freebase names: underscores, places, and rows that lack a column."""

from __future__ import annotations

import pytest

from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("freebase_pairs")


def _read(tmp_path, *rows):
    file = tmp_path / "f.tsv"
    file.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return list(read([file], language="en"))


def test_underscores_become_blanks_and_tell_the_place(tmp_path):
    text = "Ridge Bay lies far. Orla_Finn left Ridge_Bay . See /x_y. ###END### "

    expected = Record(
        "Ridge Bay lies far. Orla Finn left Ridge Bay . See /x_y.",
        "f.tsv:1",
        [Mention("Orla Finn", 20, 29), Mention("Ridge Bay", 35, 44)],
        [Relation("NA", 0, 1)],
    )
    assert _read(tmp_path, ("/m/1", "/m/2", "Orla_Finn", "Ridge_Bay", "NA", text)) == [expected]


@pytest.mark.parametrize(
    ("head", "text", "expected"),
    [
        ("Carow", "Ada_Carow of Carow", Mention("Carow")),
        ("Carow", "Ada Carowski of Carow", Mention("Carow", 16, 21)),
        ("W", "Andrew W Robins of Wick", Mention("W", 7, 8)),
        ("Jack_East_", "Lt. Jack_East_ Orr", Mention("Jack East", 4, 13)),
        ("Al", "Alma", Mention("Al")),
        ("", "no name", Mention("")),
    ],
)
def test_the_place_of_a_name_is_where_it_stands_as_a_word_once(tmp_path, head, text, expected):
    (record,) = _read(tmp_path, ("/m/1", "/m/2", head, "Zed_Q", "NA", text + " ###END###"))

    assert record.mentions[0] == expected


def test_a_name_inside_the_other(tmp_path):
    row = ("/m/1", "/m/2", "Old_Ely", "Old_Ely_School", "R", "From Old_Ely to Old_Ely_School .")

    (record,) = _read(tmp_path, row)
    assert record.text == "From Old Ely to Old Ely School ."
    assert record.mentions == [Mention("Old Ely"), Mention("Old Ely School", 16, 30)]


def test_a_row_of_too_few_columns(tmp_path):
    expected = Reject("f.tsv:1", "malformed_record", "2 of 6 columns", "/m/1\t/m/2", relations=1)

    assert _read(tmp_path, ("/m/1", "/m/2")) == [expected]
