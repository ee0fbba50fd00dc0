"""Marks in double braces, with the slips that real files have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Mention, Record
from tests.readers.reading import reader

read = reader("inline_braces")


def rows(tmp_path, raw):
    file = tmp_path / "t.txt"
    file.write_bytes(raw.encode())
    return list(read([file], language="zh"))


def test_documents(tmp_path):
    raw = "{{time:昨天}}，{{person_name:乔一鸣}}到访。\n\n没有标注。\n"

    assert rows(tmp_path, raw) == [
        Record(
            "昨天，乔一鸣到访。",
            "t.txt:1",
            [Mention("昨天", 0, 2, "time"), Mention("乔一鸣", 3, 6, "person_name")],
        ),
        Record("没有标注。", "t.txt:3", []),
    ]


def test_blanks_belong_to_the_text_and_not_to_the_mention(tmp_path):
    (record,) = rows(tmp_path, "记者{{person_name: \u3000陶安\u00a0}}报道")

    assert record == Record(
        "记者 \u3000陶安\u00a0报道", "t.txt:1", [Mention("陶安", 4, 6, "person_name")]
    )


def test_two_characters_are_a_line_break(tmp_path):
    (record,) = rows(tmp_path, r"第一段。\n\n{{time:昨天}}")

    assert record == Record("第一段。\n\n昨天", "t.txt:1", [Mention("昨天", 6, 8, "time")])


def test_doubled_and_nested_marks(tmp_path):
    doubled, nested = rows(
        tmp_path, "{{time:{{time:昨天}}}}\n{{product_name:{{company_name:晨光}}平板}}\n"
    )

    assert doubled == Record(
        "昨天", "t.txt:1", [Mention("昨天", 0, 2, "time"), Mention("昨天", 0, 2, "time")]
    )
    assert nested == Record(
        "晨光平板",
        "t.txt:2",
        [Mention("晨光", 0, 2, "company_name"), Mention("晨光平板", 0, 4, "product_name")],
    )


def test_single_braces_are_text_but_for_an_opening(tmp_path):
    (record,) = rows(tmp_path, "{注：略}，{time:昨天}}见")

    assert record == Record("{注：略}，昨天见", "t.txt:1", [Mention("昨天", 6, 8, "time")])


@pytest.mark.parametrize(
    "raw", ["{{time:昨天，{{time:今天}}", "{{time:今}}天}}", "{{time:今}}{{ 天"]
)
def test_unbalanced_braces_are_rejected_with_what_is_lost(tmp_path, raw):
    (found,) = rows(tmp_path, raw)

    assert (found.reason, found.entities) == ("unbalanced_braces", raw.count("{{time:"))


@given(st.lists(st.tuples(st.text("天地 玄黄\u3000", max_size=4), st.text("宇宙洪荒", min_size=1))))
def test_round_trip(tmp_path_factory, parts):
    raw = "始" + "".join(f"{before}{{{{time:{marked}}}}}" for before, marked in parts)
    text, expected = "始", []
    for before, marked in parts:
        text += before
        expected.append(Mention(marked, len(text), len(text) + len(marked), "time"))
        text += marked

    assert rows(tmp_path_factory.mktemp("braces"), raw) == [Record(text, "t.txt:1", expected)]
