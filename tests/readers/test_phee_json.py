import json

from pipeline.records import Argument, Event, Mention, Record, Reject
from tests.readers.reading import reader

read = reader("phee_json")

TEXT = "Fatal hepatitis after disulfiram with isoniazid in a man."


def slot(*fillers, **inner):
    """Fillers are strings, or tuples of fragments; each stands at its first place in TEXT."""
    parts = [(f,) if isinstance(f, str) else f for f in fillers]
    return {
        "text": [[*p] for p in parts],
        "start": [[TEXT.find(s) for s in p] for p in parts],
        "entity_id": [f"T{n}" for n in range(len(parts))],
        **inner,
    }


def event(kind="Adverse_event", trigger="after", **slots):
    return {"event_id": "E1", "event_type": kind, "Trigger": slot(trigger), **slots}


def row(*events):
    return {
        "id": "9_1",
        "context": TEXT,
        "is_mult_event": len(events) > 1,
        "annotations": [{"events": [*events]}],
    }


def parse(tmp_path, *rows, language="en"):
    file = tmp_path / "train.json"
    file.write_text("".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in rows))
    return list(read([file], language=language))


def test_nested_slots_are_roles_named_by_their_path(tmp_path):
    treatment = slot("disulfiram with isoniazid", Drug=slot("disulfiram", "isoniazid"))
    rows = row(event(Treatment=treatment, Severity=slot("Fatal", value="High")))

    expected = Record(
        TEXT,
        "train.json:1",
        [
            Mention("after", 16, 21),
            Mention("disulfiram with isoniazid", 22, 47),
            Mention("disulfiram", 22, 32),
            Mention("isoniazid", 38, 47),
            Mention("Fatal", 0, 5),
        ],
        (),
        [
            Event(
                "Adverse_event",
                0,
                (
                    Argument("Treatment", 1),
                    Argument("Treatment.Drug", 2),
                    Argument("Treatment.Drug", 3),
                    Argument("Severity", 4),
                ),
            )
        ],
        "9_1",
    )
    assert [expected] == parse(tmp_path, rows)


def test_a_combination_is_a_list_of_slots_and_no_event(tmp_path):
    combination = {
        "event_id": "E2",
        "event_type": "Combination",
        "Trigger": slot("with"),
        "Drug": slot("isoniazid", "disulfiram"),
    }
    treatment = slot("disulfiram with isoniazid", Combination=[combination])

    (record,) = parse(tmp_path, row(event(Treatment=treatment)))

    assert [(a.role, record.mentions[a.mention].text) for a in record.events[0].arguments] == [
        ("Treatment", "disulfiram with isoniazid"),
        ("Treatment.Combination.Trigger", "with"),
        ("Treatment.Combination.Drug", "isoniazid"),
        ("Treatment.Combination.Drug", "disulfiram"),
    ]


def test_fragments_are_joined_in_text_order_without_offsets(tmp_path):
    (record,) = parse(tmp_path, row(event(Treatment=slot(("isoniazid", "disulfiram")))))

    assert Mention("disulfiram isoniazid", discontinuous=True) == record.mentions[1]


def test_fragments_are_joined_by_nothing_in_chinese(tmp_path):
    rows = row(event(Treatment=slot(("isoniazid", "disulfiram"))))

    (record,) = parse(tmp_path, rows, language="zh")

    assert Mention("disulfiramisoniazid", discontinuous=True) == record.mentions[1]


def test_fragments_that_touch_are_one_span(tmp_path):
    (record,) = parse(tmp_path, row(event(Effect=slot(("hepatitis", "Fatal")))))

    assert Mention("Fatal hepatitis", 0, 15) == record.mentions[1]


def test_events_share_equal_mentions(tmp_path):
    events = (event(Effect=slot("Fatal")), event("Potential_therapeutic_event", "with"))

    (record,) = parse(tmp_path, row(*events))

    assert [
        Event("Adverse_event", 0, (Argument("Effect", 1),)),
        Event("Potential_therapeutic_event", 2, ()),
    ] == record.events


def test_a_fragment_that_is_not_at_its_place_loses_the_row_with_its_counts(tmp_path):
    wrong = slot("hepatitis", Drug=slot("isoniazid"))
    wrong["start"] = [[5]]

    (reject,) = parse(tmp_path, row(event(Effect=slot("Fatal")), event(Treatment=wrong)))

    expected = Reject(
        "train.json:1",
        "malformed_record",
        reject.detail,
        reject.excerpt,
        events=2,
        arguments=3,
        source_id=reject.source_id,
    )
    assert "neither a string nor a place: {'role': 'Treatment'" in reject.detail
    assert expected == reject


def test_an_event_needs_one_trigger(tmp_path):
    two = {**event(), "Trigger": slot("after", "with")}

    assert [r.reason for r in parse(tmp_path, row(two))] == ["malformed_record"]


def test_broken_json_is_rejected_and_the_next_row_read(tmp_path):
    broken, record = parse(tmp_path, '{"id": "9_0", "context"\n', row(event()))

    assert (broken.reason, record.origin) == ("malformed_json", "train.json:2")
