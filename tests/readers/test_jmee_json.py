import json

import pytest

from pipeline.errors import RawFileError
from pipeline.records import Argument, Event, Mention, Record
from tests.readers.reading import reader

read = reader("jmee_json")

WORDS = ["Crude", "slips", "-LRB-", "2", "%", "-RRB-", "to", "``", "lows", "''"]


def entity(start, end, kind, text="?"):
    return {"text": text, "start": start, "end": end, "entity-type": kind, "standoff_id": 0}


def event(start, end, *arguments, kind="Movement-down-loss"):
    trigger = {"start": start, "end": end, "text": "?", "standoff_id": 0}
    filled = [{**entity(a, b, "Commodity"), "role": role} for a, b, role in arguments]
    return {"id": "E1", "event_type": kind, "trigger": trigger, "arguments": filled}


def sentence(entities=(), events=()):
    return {
        "sentence_id": "a.txt_0",
        "words": WORDS,
        "sentence": "not read",
        "golden-entity-mentions": [*entities],
        "golden-event-mentions": [*events],
        "event-event-relations": [],
    }


def parse(tmp_path, *rows):
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=2))
    return list(read([tmp_path], language="en"))


def test_spans_of_words_and_escapes_put_back(tmp_path):
    entities = [entity(0, 1, "Commodity"), entity(3, 5, "Percentage", "2%")]
    events = [event(1, 2, (0, 1, "Item"), (3, 5, "Difference"), (8, 9, "Supplier_Consumer2"))]

    expected = Record(
        'Crude slips ( 2 % ) to " lows "',
        "a.json:1",
        [
            Mention("Crude", 0, 5, "Commodity"),
            Mention("2 %", 14, 17, "Percentage"),
            Mention("slips", 6, 11),
            Mention("lows", 25, 29),
        ],
        (),
        [
            Event(
                "Movement-down-loss",
                2,
                (
                    Argument("Item", 0),
                    Argument("Difference", 1),
                    Argument("Supplier_Consumer2", 3),
                ),
            )
        ],
        "a",
    )
    assert [expected] == parse(tmp_path, sentence(entities, events))


def test_entities_given_twice_stay_twice(tmp_path):
    (record,) = parse(tmp_path, sentence([entity(0, 1, "Commodity")] * 2))

    assert [Mention("Crude", 0, 5, "Commodity")] * 2 == record.mentions


@pytest.mark.parametrize(("start", "end"), [(0, 0), (9, 11), (-1, 2), (3, 2)])
def test_a_span_outside_of_the_words_loses_the_sentence_with_its_counts(tmp_path, start, end):
    wrong = sentence([entity(0, 1, "Commodity")], [event(start, end, (0, 1, "Item"))])

    lost, kept = parse(tmp_path, wrong, sentence())

    assert (
        lost.reason,
        lost.entities,
        lost.events,
        lost.arguments,
    ) == ("offset_out_of_text", 1, 1, 1)
    assert kept.origin == "a.json:2"


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(RawFileError, match=r"ends in \.json"):
        list(read([tmp_path], language="en"))
