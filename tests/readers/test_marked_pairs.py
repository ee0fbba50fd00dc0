"""Marked pairs in blocks: tags, quotation marks, directions, and blocks that lack a part."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.marked_pairs import pair
from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("marked_pairs")


def _read(tmp_path, raw):
    file = tmp_path / "f.txt"
    file.write_bytes(raw.encode())
    return list(read([file], language="en"))


def test_semeval_block_with_direction_and_comment(tmp_path):
    sentence = '1\t"A <e1>smith</e1> forged the <e2>key</e2>."'
    raw = f"{sentence}\r\nProduct-Producer(e2,e1)\r\nComment: x\r\n\r\n"

    expected = Record(
        "A smith forged the key.",
        "f.txt:1",
        [Mention("smith", 2, 7), Mention("key", 19, 22)],
        [Relation("Product-Producer", 1, 0)],
    )
    assert _read(tmp_path, raw) == [expected]


def test_tags_that_are_words_take_one_blank_along(tmp_path):
    raw = '0\t" <e1> Orla Finn </e1> of <e2> Tidewell </e2> "\norg:members(e1,e2) \n\n\n'

    expected = Record(
        "Orla Finn of Tidewell",
        "f.txt:1",
        [Mention("Orla Finn", 0, 9), Mention("Tidewell", 13, 21)],
        [Relation("org:members", 0, 1)],
    )
    assert _read(tmp_path, raw) == [expected]


def test_only_the_outer_quotation_marks_are_cut(tmp_path):
    raw = '7\t""Go," the <e1>cook</e1> told the <e2>cat</e2>. "Now!""\nOther\nComment:\n'

    (record,) = _read(tmp_path, raw)
    assert record.text == '"Go," the cook told the cat. "Now!"'
    assert record.relations == [Relation("Other", 0, 1)]


def test_glued_tags_leave_the_text_glued():
    record = pair("o", "a duel of doves<e2>moles</e2> and <e1>gulls</e1>", "R(e1,e2)")

    expected = Record(
        "a duel of dovesmoles and gulls",
        "o",
        [Mention("gulls", 25, 30), Mention("moles", 15, 20)],
        [Relation("R", 0, 1)],
    )
    assert record == expected


def test_blanks_inside_the_tags_are_no_part_of_the_mention():
    record = pair("o", "人<e2> Ann B</e2> 把它叫 <e1>丙店 </e1>。", "cr34")

    assert record.text == "人 Ann B 把它叫 丙店 。"
    assert record.mentions == [Mention("丙店", 12, 14), Mention("Ann B", 2, 7)]


def test_empty_mention_is_left_to_normalize():
    record = pair("o", "<e1> </e1> was born in <e2> Mexico </e2> .", "R(e1,e2)")

    assert record.text == "was born in Mexico ."
    assert record.mentions == [Mention("", 0, 0), Mention("Mexico", 12, 18)]


def test_blocks_that_cannot_be_read(tmp_path):
    raw = (
        '1\t"no <e1>second</e1> pair"\nR(e1,e2)\n\n\n'
        '2\t"<e1>a</e1> <e2>b</e2>"\n\n\n'
        '3\t"<e1>c</e1> <e2>d</e2>"\n'
        '4\t"<e1>e</e1> <e2>f</e2>"\nComment: no label\n\n'
        "5 <e1>g</e1> <e2>h</e2>\nR(e2,e1)\n\n\n"
        '6\t"<e1>i</e1> <e2>j</e2>"\nR(e2,e1)\n\n\n'
        '7\t"<e1>k</e1> <e2>l</e2>"'
    )

    why = [
        (item.origin, item.reason, item.relations) if isinstance(item, Reject) else item.text
        for item in _read(tmp_path, raw)
    ]
    expected = [
        ("f.txt:1", "malformed_tags", 1),
        ("f.txt:5", "missing_label", 0),
        ("f.txt:8", "missing_label", 0),
        ("f.txt:9", "missing_label", 0),
        ("f.txt:12", "malformed_sentence", 1),
        "i j",
        ("f.txt:20", "missing_label", 0),
    ]
    assert why == expected


_WORDS = st.lists(st.from_regex(r"[a-z,.\"']{1,6}", fullmatch=True), max_size=4)
_NAMES = st.lists(st.from_regex(r"[A-Z][a-z]{0,5}", fullmatch=True), min_size=1, max_size=3)


@given(
    before=_WORDS, first=_NAMES, between=_WORDS, second=_NAMES, after=_WORDS, glued=st.booleans()
)
def test_marked_tokens_come_back(before, first, between, second, after, *, glued):
    e1, e2 = " ".join(first), " ".join(second)
    blank = "" if glued else " "
    tags = [f"<e1>{blank}{e1}{blank}</e1>", f"<e2>{blank}{e2}{blank}</e2>"]

    record = pair("o", " ".join([*before, tags[0], *between, tags[1], *after]), "R")

    assert record.text == " ".join([*before, *first, *between, *second, *after])
    spans = [record.text[m.start : m.end] for m in record.mentions]
    assert spans == [e1, e2]
    assert record.mentions[0].start == len(" ".join([*before, ""]))
