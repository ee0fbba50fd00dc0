"""Sentences, pairs and numbered relations in three files."""

from __future__ import annotations

import pytest

from pipeline.errors import RawFileError
from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("sentence_pairs")


def _read(tmp_path, sentences, relations, names="NA\t0\r\n亲属/女儿\t13\r\n社交/朋友\t30\r\n"):
    files = []
    for name, raw in (
        ("relation2id.txt", names),
        ("sent_test.txt", sentences),
        ("sent_relation_test.txt", relations),
    ):
        files.append(tmp_path / name)
        files[-1].write_bytes(raw.encode())
    return list(read(files, language="zh"))


def test_words_are_joined_and_numbers_named(tmp_path):
    items = _read(
        tmp_path,
        "S1\t林舟\t林小满\t林舟 的 女儿 林小满\r\nS2\t林舟\t李 四\t朋友 林舟 和 林舟 与 李 四\r\n",
        "S1\t13\r\nS2\t30 0\r\n",
    )

    expected = [
        Record(
            "林舟的女儿林小满",
            "sent_test.txt:1",
            [Mention("林舟", 0, 2), Mention("林小满", 5, 8)],
            [Relation("亲属/女儿", 0, 1)],
        ),
        Record(
            "朋友林舟和林舟与李四",
            "sent_test.txt:2",
            [Mention("林舟"), Mention("李四")],
            [Relation("社交/朋友", 0, 1), Relation("NA", 0, 1)],
        ),
    ]
    assert items == expected


def test_rows_that_do_not_fit_together(tmp_path):
    items = _read(
        tmp_path,
        "S1\t甲\t乙\r\nS2\t甲\t乙\t甲 和 乙\r\nS3\t甲\t乙\t甲 和 乙\r\n",
        "S1\t13\r\nS3\t99\r\nS4\t13 30\r\n",
    )

    expected = [
        Reject("sent_test.txt:1", "malformed_record", "3 of 4 columns", "S1\t甲\t乙", relations=1),
        Reject("sent_test.txt:2", "missing_label", "S2", "S2\t甲\t乙\t甲 和 乙"),
        Reject(
            "sent_test.txt:3",
            "unknown_number",
            "no relation has the number 99",
            "S3\t甲\t乙\t甲 和 乙",
            relations=1,
        ),
        Reject("sent_relation_test.txt:3", "missing_sentence", records=0, relations=2),
    ]
    assert items == expected


def test_without_the_names_of_the_relations_nothing_can_be_read(tmp_path):
    with pytest.raises(RawFileError, match="none of their numbers"):
        _read(tmp_path, "S1\t甲\t乙\t甲 和 乙\r\n", "S1\t13\r\n", names="")
