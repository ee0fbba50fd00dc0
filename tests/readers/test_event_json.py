"""Events in JSON: starts, titles, missing parts, renamed fields, and what is rejected."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DeclarationError
from pipeline.records import Argument, Event, Mention, Record, Reject
from tests.readers.reading import reader

read = reader("event_json")

FIRE = {
    "event_type": "灾害/意外-起火",
    "trigger": "起火",
    "trigger_start_index": 5,
    "class": "灾害/意外",
    "arguments": [
        {"role": "地点", "argument": " 木器厂", "argument_start_index": 1, "alias": []},
        {"role": "时间", "argument": "夜", "argument_start_index": 0, "alias": []},
    ],
}


def rows(tmp_path, *values, **options):
    file = tmp_path / "e.json"
    raw = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    file.write_bytes("\n".join(raw).encode())
    return list(read([file], language="zh", **options))


def test_ends_follow_from_starts_and_edges_keep_their_blanks(tmp_path):
    text = "夜 木器厂起火"

    assert rows(tmp_path, {"id": "e1", "text": text, "event_list": [FIRE]}) == [
        Record(
            text,
            "e.json:1",
            [Mention("起火", 5, 7), Mention(" 木器厂", 1, 5), Mention("夜", 0, 1)],
            (),
            [Event("灾害/意外-起火", 0, (Argument("地点", 1), Argument("时间", 2)))],
            "e1",
        )
    ]


def test_a_title_is_the_first_line_and_moves_the_starts(tmp_path):
    (record,) = rows(
        tmp_path,
        {"title": "快讯", "text": "夜 木器厂起火", "event_list": [FIRE]},
        title="title",
    )

    assert record.text == "快讯\n夜 木器厂起火"
    assert [record.text[m.start : m.end] for m in record.mentions] == ["起火", " 木器厂", "夜"]


@pytest.mark.parametrize("start", [{}, {"trigger_start_index": None}, {"trigger_start_index": -1}])
def test_offsets_may_miss(tmp_path, start):
    event = {"event_type": "起火", "trigger": "火", **start}
    (record,) = rows(tmp_path, {"text": "火", "event_list": [event]})

    assert (record.mentions, record.events) == ([Mention("火")], [Event("起火", 0)])


@pytest.mark.parametrize("trigger", [{}, {"trigger": None}, {"trigger": ""}])
def test_an_event_may_lack_its_trigger(tmp_path, trigger):
    event = {"event_type": "起火", "arguments": [{"role": "地点", "argument": "厂"}], **trigger}
    (record,) = rows(tmp_path, {"text": "厂", "event_list": [event]})

    assert record.events == [Event("起火", None, (Argument("地点", 0),))]


def test_without_offsets_a_value_is_no_mention_of_another_role(tmp_path):
    event = {"event_type": "公司上市", "trigger": "上市"}
    event["arguments"] = [{"role": r, "argument": "上市"} for r in ("环节", "环节", "地点")]
    (record,) = rows(tmp_path, {"text": "上市", "event_list": [event]})

    assert record.mentions == [Mention("上市")] * 3
    assert record.events[0].arguments == (
        Argument("环节", 1),
        Argument("环节", 1),
        Argument("地点", 2),
    )


def test_a_missing_list_is_unlabeled_unless_declared(tmp_path):
    row = {"id": 3, "text": "会议照常举行"}

    assert rows(tmp_path, row) == [
        Reject("e.json:1", "unlabeled", "no list of events", "会议照常举行", source_id="3")
    ]
    assert rows(tmp_path, row, unlabeled="none") == [
        Record("会议照常举行", "e.json:1", [], (), [], "3")
    ]


def test_fields_are_renamed(tmp_path):
    row = {"content": "火", "events": [{"type": "起火", "word": "火", "at": 0}]}
    events = {"at": "events", "label": "type", "trigger": {"text": "word", "start": "at"}}

    assert rows(tmp_path, row, text="content", events=events) == [
        Record("火", "e.json:1", [Mention("火", 0, 1)], (), [Event("起火", 0)])
    ]


def test_a_broken_row_is_lost_with_all_its_annotations(tmp_path):
    broken = {**FIRE, "arguments": [*FIRE["arguments"], {"role": "地点"}]}
    found = rows(tmp_path, {"text": "夜 木器厂起火", "event_list": [FIRE, broken]}, "[1,", "3")

    assert [(r.reason, r.records, r.events, r.arguments) for r in found] == [
        ("malformed_record", 1, 2, 5),
        ("malformed_json", 1, 0, 0),
        ("malformed_record", 1, 0, 0),
    ]


@pytest.mark.parametrize("options", [{"unlabeled": "keep"}, {"events": {"name": "e"}}])
def test_unknown_options_are_refused(tmp_path, options):
    with pytest.raises(DeclarationError):
        rows(tmp_path, "", **options)


@given(st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    text = data.draw(st.text(min_size=1, max_size=20))
    starts = st.integers(0, len(text) - 1)
    spans = starts.flatmap(lambda s: st.tuples(st.just(s), st.integers(s + 1, len(text))))
    events = data.draw(st.lists(st.tuples(st.none() | spans, st.lists(spans, max_size=3))))
    event_list = []
    for trigger, arguments in events:
        event = {"event_type": "t"}
        if trigger is not None:
            event |= {"trigger": text[slice(*trigger)], "trigger_start_index": trigger[0]}
        event["arguments"] = [
            {"role": "r", "argument": text[s:e], "argument_start_index": s} for s, e in arguments
        ]
        event_list.append(event)
    (record,) = rows(tmp_path_factory.mktemp("events"), {"text": text, "event_list": event_list})
    places = [(m.start, m.end) for m in record.mentions]

    assert [
        (None if e.trigger is None else places[e.trigger], [places[a.mention] for a in e.arguments])
        for e in record.events
    ] == events
    assert all(text[m.start : m.end] == m.text for m in record.mentions)
