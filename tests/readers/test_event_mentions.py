"""Events as lists of mentions: spans, the trigger among them, and roles named by event type."""

from __future__ import annotations

import json

from pipeline.records import Argument, Event, Mention, Record, Reject
from tests.readers.reading import reader

read = reader("event_mentions")

TEXT = "汇澜股份收购蓝屿,并为其担保"


def part(word, role):
    start = TEXT.index(word)
    return {"word": word, "span": [start, start + len(word)], "role": role}


def rows(tmp_path, *values, end="\r\n"):
    file = tmp_path / "f.json"
    raw = [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
    file.write_bytes("".join(line + end for line in raw).encode())
    return list(read([file], language="zh"))


def test_two_events_share_mentions_but_not_roles(tmp_path):
    buyer = part("汇澜股份", "sub-org")
    bought = {"type": "收购", "mentions": [buyer, part("收购", "trigger")]}
    backed = {"type": "担保", "mentions": [part("担保", "trigger"), buyer]}

    assert rows(tmp_path, {"id": "a", "content": TEXT, "events": [bought, backed]}) == [
        Record(
            TEXT,
            "f.json:1",
            [Mention("收购", 4, 6), Mention("汇澜股份", 0, 4), Mention("担保", 12, 14)],
            (),
            [
                Event("收购", 0, (Argument("收购/sub-org", 1),)),
                Event("担保", 2, (Argument("担保/sub-org", 1),)),
            ],
            "a",
        )
    ]


def test_a_text_without_events_and_an_event_without_trigger(tmp_path):
    none, bare = rows(
        tmp_path,
        {"id": "a", "content": "\ufffd", "events": []},
        {"id": "b", "content": TEXT, "events": [{"type": "收购", "mentions": []}]},
        end="\n",
    )

    assert none == Record("\ufffd", "f.json:1", [], (), [], "a")
    assert bare.events == [Event("收购")]


def test_two_triggers_and_missing_parts_are_rejected_with_their_counts(tmp_path):
    two = [part("收购", "trigger"), part("担保", "trigger"), part("蓝屿", "obj-org")]
    found = rows(
        tmp_path,
        {"id": "a", "content": TEXT, "events": [{"type": "收购", "mentions": two}]},
        {"id": "b", "events": []},
        {"id": "c", "content": TEXT, "events": [{"type": "收购", "mentions": [{"role": "x"}]}]},
    )

    assert found[0] == Reject(
        "f.json:1",
        "malformed_record",
        f"a trigger with neither a string nor a place: {two[:2]!r}"[:105],
        found[0].excerpt,
        events=1,
        arguments=1,
        source_id="a",
    )
    assert [(r.reason, r.events, r.arguments) for r in found[1:]] == [
        ("malformed_record", 0, 0),
        ("malformed_record", 1, 1),
    ]
