"""Triples in JSON: string and structured objects, types, renamed fields, and what is rejected."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DeclarationError, RawFileError
from pipeline.records import Argument, Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("spo_json")


def rows(tmp_path, *lines, **options):
    file = tmp_path / "t.json"
    file.write_bytes("\n".join(lines).encode())
    return list(read([file], language="zh", **options))


def line(text, *spos):
    names = ("subject_type", "subject", "predicate", "object_type", "object")
    spo_list = [dict(zip(names, spo, strict=True)) for spo in spos]
    return json.dumps({"text": text, "spo_list": spo_list}, ensure_ascii=False)


def test_objects_are_strings(tmp_path):
    raw = line("林小满演唱《归期》", ("歌曲", "归期", "歌手", "人物", "林小满"))

    assert rows(tmp_path, raw) == [
        Record(
            "林小满演唱《归期》",
            "t.json:1",
            [Mention("归期", label="歌曲"), Mention("林小满", label="人物")],
            [Relation("歌手", 0, 1)],
        )
    ]


def test_objects_are_structures_with_qualifiers(tmp_path):
    raw = line(
        "顾临川在《雾港》里饰演老秦",
        (
            *("娱乐人物", "顾临川", "饰演"),
            {"inWork": "影视作品", "@value": "人物"},
            {"inWork": "雾港", "@value": "老秦", "onDate": ""},
        ),
    )

    assert rows(tmp_path, raw) == [
        Record(
            "顾临川在《雾港》里饰演老秦",
            "t.json:1",
            [
                Mention("顾临川", label="娱乐人物"),
                Mention("老秦", label="人物"),
                Mention("雾港", label="影视作品"),
            ],
            [Relation("饰演", 0, 1, (Argument("inWork", 2),))],
        )
    ]


def test_a_name_of_two_types_is_two_mentions_and_a_repeated_one_is_one(tmp_path):
    (record,) = rows(
        tmp_path,
        line(
            "《末班车》是柳拾遗的小说",
            ("书籍", "末班车", "出版社", "出版社", "柳拾遗"),
            ("图书作品", "末班车", "作者", "人物", "柳拾遗"),
            ("图书作品", "末班车", "作者", "人物", "柳拾遗"),
        ),
    )

    assert [(m.text, m.label) for m in record.mentions] == [
        ("末班车", "书籍"),
        ("柳拾遗", "出版社"),
        ("末班车", "图书作品"),
        ("柳拾遗", "人物"),
    ]
    assert record.relations == [
        Relation("出版社", 0, 1),
        Relation("作者", 2, 3),
        Relation("作者", 2, 3),
    ]


def test_the_signature_is_the_relation(tmp_path):
    raw = line("水肿又称浮肿", ("症状", "水肿", "同义词", {"@value": "症状"}, {"@value": "浮肿"}))
    (record,) = rows(tmp_path, raw, relations={"signature": True})

    assert record.relations == [Relation("症状|同义词|症状", 0, 1)]


def test_letter_case_is_restored_only_on_demand(tmp_path):
    raw = line("林小满的《夜行DJ》", ("歌曲", "夜行dj", "歌手", "人物", "林小满"))
    (as_given,) = rows(tmp_path, raw)
    (restored,) = rows(tmp_path, raw, respell="case")

    assert as_given.mentions[0].text == "夜行dj"
    assert restored.mentions[0].text == "夜行DJ"


def test_letter_case_is_restored_where_lower_case_is_longer(tmp_path):
    raw = line("İzmir的《DJ》", ("歌曲", "dj", "歌手", "人物", "İzmir"))
    (record,) = rows(tmp_path, raw, respell="case")

    assert record.mentions[0].text == "DJ"


def test_fields_are_renamed_and_types_may_miss(tmp_path):
    raw = (
        '[{"sentence": "甲的父亲是乙", "no": 7, "triples": [{"h": "甲", "r": "父亲", "t": "乙"}]}]'
    )
    relations = {"at": "triples", "head": {"text": "h"}, "label": "r", "tail": {"text": "t"}}
    options = {"text": "sentence", "source_id": "no", "relations": relations}

    assert rows(tmp_path, raw, **options) == [
        Record(
            "甲的父亲是乙",
            "t.json:1",
            [Mention("甲"), Mention("乙")],
            [Relation("父亲", 0, 1)],
            source_id="7",
        )
    ]


def test_an_empty_list_is_negative_and_a_missing_one_unlabeled(tmp_path):
    assert rows(tmp_path, '{"text": "无", "spo_list": []}\r', '{"text": "无"}') == [
        Record("无", "t.json:1", [], []),
        Reject("t.json:2", "unlabeled", "no list of relations", "无"),
    ]


def test_a_broken_row_is_lost_with_all_its_relations(tmp_path):
    good = ("歌曲", "归期", "歌手", "人物", "林小满")
    bad = ("歌曲", "归期", "歌手", {"@value": "人物"}, {"inWork": "雾港"})
    found = rows(tmp_path, line("林小满演唱《归期》", good, bad), '{"text": "半')

    assert [(r.reason, r.records, r.relations) for r in found] == [
        ("malformed_record", 1, 2),
        ("malformed_json", 1, 0),
    ]


@pytest.mark.parametrize("options", [{"label": "types"}, {"relations": {"subjects": "s"}}])
def test_unknown_options_are_refused(tmp_path, options):
    with pytest.raises(DeclarationError):
        rows(tmp_path, "", **options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RawFileError, match=r"none\.json"):
        list(read([tmp_path / "none.json"], language="zh"))


words = st.text(min_size=1, max_size=5)


@given(
    st.lists(st.tuples(words, st.lists(st.tuples(words, words, words, words, words), max_size=4)))
)
def test_what_is_written_is_read(tmp_path_factory, texts):
    tmp_path = tmp_path_factory.mktemp("spo")
    found = rows(tmp_path, *(line(text, *spos) for text, spos in texts))
    read_back = [
        (
            r.text,
            [
                (
                    *(r.mentions[x.head].label, r.mentions[x.head].text, x.label),
                    *(r.mentions[x.tail].label, r.mentions[x.tail].text),
                )
                for x in r.relations
            ],
        )
        for r in found
    ]

    assert read_back == texts
