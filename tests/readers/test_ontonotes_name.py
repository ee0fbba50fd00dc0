"""ENAMEX marks in sentences that are no XML."""

from __future__ import annotations

import pytest

from pipeline.errors import RawFileError
from pipeline.records import Mention, Record
from tests.readers.reading import reader

read = reader("ontonotes_name")

DOCUMENT = "bn/vela/00/vela_0007@0007@vela@bn@en@on"


def rows(tmp_path, *sentences):
    body = "\n".join(sentences)
    (tmp_path / "a.name").write_text(f'<DOC DOCNO="{DOCUMENT}">\n{body}\n</DOC>\n')
    return list(read([tmp_path], language="en"))


def mark(label, text, attributes=""):
    return f'<ENAMEX TYPE="{label}"{attributes}>{text}</ENAMEX>'


def test_sentences(tmp_path):
    found = rows(tmp_path, f"{mark('PERSON', 'Dana Vale')} sat in {mark('GPE', 'Rome')} .", "Yes .")

    assert found == [
        Record(
            "Dana Vale sat in Rome .",
            "a.name:2",
            [Mention("Dana Vale", 0, 9, "PERSON"), Mention("Rome", 17, 21, "GPE")],
            source_id=DOCUMENT,
        ),
        Record("Yes .", "a.name:3", [], source_id=DOCUMENT),
    ]


def test_offsets_leave_out_characters_at_either_end(tmp_path):
    left = mark("NORP", "anti-Norwegian", ' S_OFF="5"')
    right = mark("GPE", "Oslo-based", ' E_OFF="6"')

    (record,) = rows(tmp_path, f"An {left} and {right} firm")

    assert record.text == "An anti-Norwegian and Oslo-based firm"
    assert record.mentions == [Mention("Norwegian", 8, 17, "NORP"), Mention("Oslo", 22, 26, "GPE")]


def test_marks_may_be_nested_and_stand_inside_of_tokens(tmp_path):
    nested = mark("TIME", mark("DATE", "Monday") + " night")

    (record,) = rows(tmp_path, f"{nested} , {mark('CARDINAL', '2')}-{mark('CARDINAL', '3')}")

    assert (record.text, record.mentions) == (
        "Monday night , 2-3",
        [
            Mention("Monday", 0, 6, "DATE"),
            Mention("Monday night", 0, 12, "TIME"),
            Mention("2", 15, 16, "CARDINAL"),
            Mention("3", 17, 18, "CARDINAL"),
        ],
    )


def test_escapes_and_traces(tmp_path):
    (record,) = rows(tmp_path, f"AT&T -LRB- {mark('ORG', 'A -AMP- B *T*-1')} -RRB- *-2 left * /.")

    assert (record.text, record.mentions) == (
        "AT&T ( A & B ) left * .",
        [Mention("A & B", 7, 12, "ORG")],
    )


@pytest.mark.parametrize(
    ("sentence", "reason", "entities"),
    [
        ('In <ENAMEX TYPE="GPE">Rome .', "unbalanced_marks", 1),
        ("In Rome</ENAMEX> .", "unbalanced_marks", 0),
        ("In <ENAMEX>Rome</ENAMEX> .", "malformed_mark", 1),
        (mark("GPE", "Rome", ' E_OFF="4"'), "malformed_mark", 1),
        (mark("GPE", "Rome", ' S_OFF="x"'), "malformed_mark", 1),
        (mark("GPE", "Rome", ' E_OFF=""'), "malformed_mark", 1),
        (mark("GPE", "Rome", f' S_OFF="{"1" * 5000}"'), "malformed_mark", 1),
    ],
)
def test_broken_marks_reject_their_sentence_alone(tmp_path, sentence, reason, entities):
    broken, record = rows(tmp_path, sentence, "Yes .")

    assert (broken.origin, broken.reason, broken.entities) == ("a.name:2", reason, entities)
    assert record.text == "Yes ."


def test_a_folder_is_read_in_the_order_of_paths(tmp_path):
    for name in ("nw/b.name", "bc/c.name", "bc/c.onf"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'<DOC DOCNO="{name}">\nYes .\n</DOC>\n')

    assert [r.source_id for r in read([tmp_path], language="en")] == ["bc/c.name", "nw/b.name"]


def test_a_folder_without_any_such_file_is_an_error(tmp_path):
    with pytest.raises(RawFileError, match=r"\.name"):
        list(read([tmp_path], language="en"))
