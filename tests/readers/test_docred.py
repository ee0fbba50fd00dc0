"""DocRED documents: first mentions, sentence-wise positions, and what is rejected."""

from __future__ import annotations

import json

from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("docred")


def parse(tmp_path, *documents):
    file = tmp_path / "dev_revised.json"
    file.write_text(json.dumps(documents))
    return list(read([file], language="en"))


def mention(sentence, begin, stop, kind="LOC", name="not read"):
    return {"name": name, "pos": [begin, stop], "sent_id": sentence, "type": kind}


def document(vertices, labels, title="Lake Orrin"):
    sents = [["Lake", "Orrin", "is", "in", "\u00a0", "Norvia"], ["Orrin", "is", "deep"]]
    return {"title": title, "sents": sents, "vertexSet": vertices, "labels": labels}


def test_a_relation_holds_between_the_first_mentions_in_the_text(tmp_path):
    orrin = [mention(1, 0, 1, "MISC"), mention(0, 0, 2), mention(0, 0, 2)]
    row = document([orrin, [mention(0, 5, 6)]], [{"h": 0, "t": 1, "r": "P17", "evidence": []}])

    expected = Record(
        "Lake Orrin is in \u00a0 Norvia Orrin is deep",
        "dev_revised.json:1",
        [
            Mention("Orrin", 26, 31, "MISC"),
            Mention("Lake Orrin", 0, 10, "LOC"),
            Mention("Lake Orrin", 0, 10, "LOC"),
            Mention("Norvia", 19, 25, "LOC"),
        ],
        [Relation("P17", 1, 3)],
        source_id="Lake Orrin",
    )
    assert [expected] == parse(tmp_path, row)


def test_a_position_outside_its_sentence_rejects_the_document_with_its_annotations(tmp_path):
    label = {"h": 0, "t": 0, "r": "P17", "evidence": []}
    spans = [(0, 5, 7), (1, 2, 2), (2, 0, 1), (-1, 0, 1), (0, -1, 1)]
    rows = [document([[mention(0, 0, 2), mention(*span)]], [label]) for span in spans]

    first, *others = parse(tmp_path, *rows)

    assert first == Reject(
        "dev_revised.json:1",
        "offset_out_of_text",
        "5:7 of 6 tokens",
        first.excerpt,
        entities=2,
        relations=1,
        source_id="Lake Orrin",
    )
    assert [item.reason for item in others] == ["offset_out_of_text"] * 4


def test_entities_that_are_not_there_reject_the_document(tmp_path):
    one = [[mention(0, 0, 2)]]
    wrong = [
        document(one, [{"h": 0, "t": 1, "r": "P17"}]),
        document(one, [{"h": -1, "t": 0, "r": "P17"}]),
        {"title": "Unlabeled", "sents": [["A"]], "vertexSet": []},
    ]

    items = parse(tmp_path, *wrong, document([], []))

    assert [item.reason for item in items[:-1]] == [
        "unknown_entity",
        "unknown_entity",
        "unlabeled",
    ]
    assert items[-1].text == "Lake Orrin is in \u00a0 Norvia Orrin is deep"
