"""DyGIE documents: document-wide positions, overlaps, events, and what is rejected."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Argument, Event, Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("dygie")


def parse(tmp_path, *rows):
    file = tmp_path / "train.json"
    file.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return list(read([file], language="en"))


def test_positions_run_through_the_document_and_ends_are_inclusive(tmp_path):
    document = {
        "clusters": [[[1, 2], [4, 4]]],
        "sentences": [["Use", "edge", "cues", "."], ["They", "help", "parsing", "."]],
        "ner": [[[1, 2, "Method"]], [[4, 4, "Generic"], [6, 6, "Task"]]],
        "relations": [[], [[4, 4, 6, 6, "USED-FOR"]]],
        "doc_key": "W1",
    }

    actual = parse(tmp_path, document)

    expected = [
        Record(
            "Use edge cues .",
            "train.json:1#1",
            [Mention("edge cues", 4, 13, "Method")],
            [],
            [],
            "W1",
        ),
        Record(
            "They help parsing .",
            "train.json:1#2",
            [Mention("They", 0, 4, "Generic"), Mention("parsing", 10, 17, "Task")],
            [Relation("USED-FOR", 0, 1)],
            [],
            "W1",
        ),
    ]
    assert expected == actual


def test_overlapping_mentions_and_repeated_relations_stay(tmp_path):
    document = {
        "sentences": [["Name", "recognition", "of", "Name"]],
        "ner": [[[0, 1, "Task"], [0, 0, "Term"], [0, 0, "Generic"]]],
        "relations": [[[0, 0, 0, 1, "PART-OF"], [0, 0, 0, 1, "PART-OF"]]],
    }

    [record] = parse(tmp_path, document)

    spans = [(0, 16, "Task"), (0, 4, "Term"), (0, 4, "Generic")]
    assert spans == [m[1:4] for m in record.mentions]
    assert [Relation("PART-OF", 1, 0)] * 2 == record.relations


def test_events_take_triggers_of_one_or_more_tokens(tmp_path):
    document = {
        "sentences": [["Rain", "."], ["Troops", "set", "off", "at", "dawn"]],
        "ner": [[], [[2, 2, "PER"]]],
        "events": [[], [[[3, 4, "Transport"], [2, 2, "Artifact"], [6, 6, "Time"]], [[3, "Move"]]]],
        "doc_key": "D",
    }

    _, record = parse(tmp_path, document)

    assert record.mentions == [
        Mention("Troops", 0, 6, "PER"),
        Mention("set off", 7, 14),
        Mention("dawn", 18, 22),
        Mention("set", 7, 10),
    ]
    assert record.events == [
        Event("Transport", 1, (Argument("Artifact", 0), Argument("Time", 2))),
        Event("Move", 3),
    ]


def test_a_position_outside_its_sentence_rejects_the_sentence_with_its_annotations(tmp_path):
    document = {
        "sentences": [["One", "two"], ["Three", "four"], ["Five"]],
        "ner": [[], [[1, 2, "Task"], [3, 3, "Task"]], [[4, 4, "Task"]]],
        "relations": [[], [[3, 3, 1, 2, "PART-OF"]], []],
    }

    first, second, third = parse(tmp_path, document)

    assert first.text == "One two"
    assert second == Reject(
        "train.json:1#2",
        "offset_out_of_text",
        "-1:1 of 2 tokens",
        second.excerpt,
        entities=2,
        relations=1,
    )
    assert third.mentions == [Mention("Five", 0, 4, "Task")]


def test_broken_rows_are_rejected_and_the_rest_is_read(tmp_path):
    sound = {"sentences": [["Fine"]], "ner": [[]], "relations": [[]]}
    short = {"sentences": [["a"], ["b"]], "ner": [[]]}

    items = parse(tmp_path, '{"sentences": [[', short, {"ner": []}, 7, sound)

    reasons = [getattr(item, "reason", "") for item in items]
    expected = ["malformed_json", *["malformed_record"] * 3, ""]
    assert expected == reasons


WORDS = st.text("abcé漢", min_size=1, max_size=4)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_every_mention_is_its_tokens_joined(tmp_path_factory, sentences, data):
    first, ner, expected = 0, [], []
    for tokens in sentences:
        begin = data.draw(st.integers(0, len(tokens) - 1))
        last = data.draw(st.integers(begin, len(tokens) - 1))
        ner.append([[first + begin, first + last, "X"]])
        expected.append(" ".join(tokens[begin : last + 1]))
        first += len(tokens)

    records = parse(tmp_path_factory.mktemp("dygie"), {"sentences": sentences, "ner": ner})

    assert expected == [r.mentions[0].text for r in records]
    assert expected == [r.text[r.mentions[0].start : r.mentions[0].end] for r in records]
