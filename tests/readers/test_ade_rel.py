"""Drugs and effects: document offsets, and rows whose offsets fit nowhere."""

from __future__ import annotations

from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("ade_rel")


def _read(tmp_path, *rows, **options):
    file = tmp_path / "f.rel"
    file.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return list(read([file], language="en", **options))


def test_document_offsets_become_offsets_of_the_sentence(tmp_path):
    row = "77|Rash after two weeks of calmaril.|Rash|612|616|calmaril|636|644"

    expected = Record(
        "Rash after two weeks of calmaril.",
        "f.rel:1",
        [Mention("calmaril", 24, 32), Mention("Rash", 0, 4)],
        [Relation("adverse effect", 0, 1)],
        source_id="77",
    )
    assert _read(tmp_path, row) == [expected]


def test_all_rows_of_a_sentence_decide_where_it_begins(tmp_path):
    # The first row alone fits at 100 and at 103; the second one only at 103.
    sentence = "ab ab cd cd ef"
    rows = [f"1|{sentence}|cd|109|111|ab|103|105", f"1|{sentence}|ef|115|117|cd|109|111"]
    (alone,) = _read(tmp_path, rows[0])
    first, second = _read(tmp_path, *rows, relation="dose")

    assert alone.mentions == [Mention("ab"), Mention("cd")]
    assert first.mentions == [Mention("ab", 0, 2), Mention("cd", 6, 8)]
    assert second.mentions == [Mention("cd", 6, 8), Mention("ef", 12, 14)]
    assert second.relations == [Relation("dose", 0, 1)]


def test_blanks_at_the_ends_of_mention_and_sentence_are_cut(tmp_path):
    row = "1| Black tongue from bismuvar.|Black tongue |11|24| bismuvar|28|37"

    (record,) = _read(tmp_path, row)
    assert record.text == "Black tongue from bismuvar."
    assert record.mentions == [Mention("bismuvar", 18, 26), Mention("Black tongue", 0, 12)]


def test_rows_that_cannot_be_read(tmp_path):
    rows = ["1|a b|a|0", "1|a b|a|0|1|b|x|3", "1|a b|a|0|1|b|5|6", "1|a b|a|0|1|c|2|3"]

    why = [(item.reason, item.detail, item.relations) for item in _read(tmp_path, *rows[:2])]
    assert why == [
        ("malformed_record", "4 columns", 1),
        ("malformed_record", "offsets ['0', '1', 'x', '3']", 1),
    ]
    told = "no place of the sentence puts 'b' and 'a' where the offsets say"
    assert _read(tmp_path, rows[2]) == [
        Reject("f.rel:1", "offset_mismatch", told, "a b", relations=1)
    ]
    assert [item.reason for item in _read(tmp_path, rows[3])] == ["offset_mismatch"]
