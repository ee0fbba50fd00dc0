"""CoType pairs: strings without offsets, quotes and accents, and what is rejected."""

from __future__ import annotations

import json

import pytest

from pipeline.readers._text import _without_accents, as_written
from pipeline.records import Mention, Record, Relation
from tests.readers.reading import reader

read = reader("cotype_json")


def parse(tmp_path, *rows):
    file = tmp_path / "test.json"
    file.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return list(read([file], language="en"))


def pair(head, tail, label="/location/location/contains"):
    return {"em1Text": head, "em2Text": tail, "label": label}


def test_equal_strings_are_one_mention_without_offsets(tmp_path):
    row = {
        "sentText": "Ostmark , Varnia , and Veldham , Varnia",
        "relationMentions": [pair("Varnia", "Ostmark"), pair("Varnia", "Veldham")],
    }

    expected = Record(
        row["sentText"],
        "test.json:1",
        [Mention("Varnia"), Mention("Ostmark"), Mention("Veldham")],
        [
            Relation("/location/location/contains", 0, 1),
            Relation("/location/location/contains", 0, 2),
        ],
    )
    assert [expected] == parse(tmp_path, row)


def test_quotes_and_line_ends_around_the_sentence_are_cut_and_types_kept(tmp_path):
    row = {
        "sentId": 1,
        "articleId": "2",
        "relationMentions": [pair("Selen", "Ana Ruz", "None")],
        "entityMentions": [
            {"start": 0, "text": "Ana Ruz", "label": "PERSON"},
            {"start": 3, "text": "Selén", "label": "LOCATION"},
            {"start": 4, "text": "Selén", "label": "LOCATION"},
        ],
        "sentText": "\"Ana Ruz left Selén for `` old Selén '' .\"\r\n",
    }

    expected = Record(
        "Ana Ruz left Selén for `` old Selén '' .",
        "test.json:1",
        [
            Mention("Ana Ruz", label="PERSON"),
            Mention("Selén", label="LOCATION"),
            Mention("Selén", label="LOCATION"),
        ],
        [Relation("None", 1, 0)],
    )
    assert [expected] == parse(tmp_path, row)


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("He left Cancun today", "Cancún", "Cancun"),
        ("He left Cancún today", "Cancun", "Cancún"),
        ("He left Cancu\u0301n today", "Cancun", "Cancu\u0301n"),
        ("on the Cote\u0301 , he", "Cote", "Cote"),
        ("at the Café\u0301", "Cafe\u0302", "Café\u0301"),
        ("He left Cancún and Cancun", "Cancun", "Cancun"),
        ("He left Cancún", "Tulum", "Tulum"),
        ("He left", "\u0301", "\u0301"),
        ("The oﬃce in Sélen", "Selen", "Sélen"),
    ],
)
def test_the_sentence_decides_on_accents(text, name, written):
    assert written == as_written(text, name, _without_accents)


def test_rows_without_their_parts_are_rejected(tmp_path):
    items = parse(
        tmp_path,
        '{"sentText": "cut',
        {"sentText": "No pairs"},
        {"sentText": "A pair of what", "relationMentions": [{"em1Text": "A"}]},
        {"sentText": 5, "relationMentions": []},
        {"sentText": "Kept", "relationMentions": []},
    )

    expected = ["malformed_json", "unlabeled", *["malformed_record"] * 2]
    assert expected == [item.reason for item in items[:-1]]
    assert Record("Kept", "test.json:5", [], []) == items[-1]
