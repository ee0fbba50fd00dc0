"""Marked pairs in rows: the order of the tags, and rows that lack a part."""

from __future__ import annotations

from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("marked_rows")


def test_rows_with_e1_before_and_after_e2_and_one_without_label(tmp_path):
    file = tmp_path / "train"
    file.write_text(
        "<e1>林舟</e1>毕业于<e2>江州大学</e2>\tcr16\n\n"
        "<e2>1971年</e2>出生的<e1>林舟</e1>\tcr2\n"
        "<e1>林舟</e1>是<e2>谁</e2>\n"
        "<e1>林舟</e1>是谁\tcr2\n",
        encoding="utf-8",
    )

    expected = [
        Record(
            "林舟毕业于江州大学",
            "train:1",
            [Mention("林舟", 0, 2), Mention("江州大学", 5, 9)],
            [Relation("cr16", 0, 1)],
        ),
        Record(
            "1971年出生的林舟",
            "train:3",
            [Mention("林舟", 8, 10), Mention("1971年", 0, 5)],
            [Relation("cr2", 0, 1)],
        ),
        ("train:4", "malformed_record", "1 cells in a table of 2 columns", 1),
        ("train:5", "malformed_tags", "the marks are <e1> </e1>, not <e1> </e1> <e2> </e2>", 1),
    ]
    why = [
        (item.origin, item.reason, item.detail, item.relations)
        if isinstance(item, Reject)
        else item
        for item in read([file], language="zh")
    ]
    assert why == expected
