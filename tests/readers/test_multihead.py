"""Tokens with tags and links: relations between last tokens, and sentences that are broken."""

from __future__ import annotations

import pytest

from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("multihead")

_SENTENCE = """#doc 4711
0\tOrla\tB-Peop\t['N']\t[0]
1\tFinn\tI-Peop\t['Live_In', 'Work_For']\t[3, 6]
2\tof\tO\t['N']\t[2]
3\tSplit\tB-Loc\t['N']\t[3]
4\t(\tO\t['N']\t[4]
5\tHarbour\tI-Org\t['N']\t[5]
6\tBoard\tI-Org\t['OrgBased_In']\t[3]
"""
_RECORD = Record(
    "Orla Finn of Split ( Harbour Board",
    "f.txt:1",
    [
        Mention("Orla Finn", 0, 9, "Peop"),
        Mention("Split", 13, 18, "Loc"),
        Mention("Harbour Board", 21, 34, "Org"),
    ],
    [Relation("Live_In", 0, 1), Relation("Work_For", 0, 2), Relation("OrgBased_In", 2, 1)],
    source_id="4711",
)


def _read(tmp_path, raw):
    file = tmp_path / "f.txt"
    file.write_text(raw, encoding="utf-8")
    return list(read([file], language="en"))


def test_relations_hang_on_last_tokens(tmp_path):
    assert _read(tmp_path, _SENTENCE) == [_RECORD]


def test_sentences_are_parted_by_their_head_lines(tmp_path):
    first, second = _read(tmp_path, _SENTENCE + _SENTENCE.replace("4711", "4712"))

    assert first == _RECORD
    assert second == _RECORD._replace(origin="f.txt:9", source_id="4712")


@pytest.mark.parametrize(
    ("old", "new", "reason", "relations"),
    [
        ("[3, 6]", "[2, 6]", "unknown_entity", 3),
        ("[3, 6]", "[3]", "malformed_record", 3),
        ("[3, 6]", "[3, 6", "malformed_record", 3),
        ("of\tO\t['N']\t[2]", "of\tO", "malformed_record", 3),
        ("of\tO", "of\tX", "unknown_tag", 3),
        ("of\tO\t['N']\t[2]", "of\tO\t['Kill']\t[2]", "unknown_entity", 4),
    ],
)
def test_a_broken_sentence_says_what_is_lost(tmp_path, old, new, reason, relations):
    (item,) = _read(tmp_path, _SENTENCE.replace(old, new))

    assert isinstance(item, Reject)
    assert (item.reason, item.records, item.entities, item.relations) == (reason, 1, 3, relations)
