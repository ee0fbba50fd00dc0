"""IEPile's unified annotations: what a row may hold, and what becomes of rows that hold less."""

import json

import pytest

from pipeline.records import Argument, Event, Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("iepile_jsonl")

TEXT = "Ada met Ada in Oslo"


def rows(tmp_path, *values):
    file = tmp_path / "t.json"
    file.write_text("\n".join(json.dumps(v) if not isinstance(v, str) else v for v in values))
    return list(read([file], language="en"))


def test_every_entity_is_a_mention_even_if_it_repeats(tmp_path):
    ada = {"entity": "Ada", "entity_type": "person"}

    (record,) = rows(tmp_path, {"text": TEXT, "entity": [ada, ada]})

    assert record == Record(TEXT, "t.json:1", [Mention("Ada", label="person")] * 2, [], [])


def test_ends_of_relations_are_the_entities_where_there_are_any(tmp_path):
    row = {
        "text": TEXT,
        "entity": [{"entity": "Ada", "entity_type": "person"}],
        "relation": [
            {"head": "Ada", "relation": "in", "tail": "Oslo"},
            {"head": "Ada", "head_type": "name", "relation": "is", "tail": "Ada", "tail_type": ""},
        ],
    }

    (record,) = rows(tmp_path, row)

    assert record.mentions == [
        Mention("Ada", label="person"),
        Mention("Oslo"),
        Mention("Ada", label="name"),
    ]
    assert record.relations == [Relation("in", 0, 1), Relation("is", 2, 0)]


def test_events_with_and_without_triggers(tmp_path):
    row = {
        "input": TEXT,
        "event": [
            {
                "event_trigger": "met",
                "event_type": "meet",
                "arguments": [
                    {"argument": "Ada", "role": "who"},
                    {"argument": "Ada", "role": "whom"},
                ],
            },
            {
                "event_trigger": "NAN",
                "event_type": "stay",
                "arguments": [{"argument": "Oslo", "role": "where"}],
            },
            {"event_trigger": "", "event_type": "idle"},
        ],
    }

    (record,) = rows(tmp_path, row)

    assert record.mentions == [Mention("met"), Mention("Ada"), Mention("Ada"), Mention("Oslo")]
    assert record.events == [
        Event("meet", 0, (Argument("who", 1), Argument("whom", 2))),
        Event("stay", None, (Argument("where", 3),)),
        Event("idle"),
    ]


def test_annotations_without_a_string_are_rejects_of_their_own(tmp_path):
    row = {
        "text": TEXT,
        "entity": [{"entity": "", "entity_type": "person"}],
        "event": [{"event_type": "meet", "arguments": [{"argument": "", "role": "who"}]}],
    }

    one, two, record = rows(tmp_path, row)

    assert [(r.reason, r.records, r.entities, r.arguments) for r in (one, two)] == [
        ("empty_mention", 0, 1, 0),
        ("empty_mention", 0, 0, 1),
    ]
    assert record == Record(TEXT, "t.json:1", [], [], [Event("meet")])


@pytest.mark.parametrize(
    ("row", "reason", "counts"),
    [
        ({"text": TEXT}, "unlabeled", (0, 0, 0, 0)),
        ({"text": TEXT, "event": None}, "unlabeled", (0, 0, 0, 0)),
        ({"entity": []}, "malformed_record", (0, 0, 0, 0)),
        ({"text": TEXT, "entity": [{"name": "Ada"}, {}]}, "malformed_record", (2, 0, 0, 0)),
        ({"text": TEXT, "relation": [{"head": "Ada"}]}, "malformed_record", (0, 1, 0, 0)),
        ({"text": TEXT, "event": [{"arguments": [{}, {}]}, 3]}, "malformed_record", (0, 0, 2, 2)),
        ([1], "malformed_record", (0, 0, 0, 0)),
        ("{", "malformed_json", (0, 0, 0, 0)),
    ],
)
def test_rows_that_lack_their_parts_are_rejects_with_what_is_lost(row, reason, counts, tmp_path):
    (reject,) = rows(tmp_path, row)

    assert isinstance(reject, Reject)
    assert reject.reason == reason
    assert (reject.entities, reject.relations, reject.events, reject.arguments) == counts
