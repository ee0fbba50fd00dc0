"""CasRel triples: arrays and lines, spelled-out line ends, and what is rejected."""

from __future__ import annotations

import json

import pytest

from pipeline.records import Mention, Record, Relation
from tests.readers.reading import reader

read = reader("triple_list")

ROWS = [
    {
        "text": " Varnia 's towns Brask and Ulmen .\\r\\n ",
        "triple_list": [["Varnia", "contains", "Brask"], ["Ulmen", "country", "Varnia"]],
    },
    {"text": " A path like C:\\r\\n stays inside . ", "triple_list": []},
]
EXPECTED = [
    Record(
        "Varnia 's towns Brask and Ulmen .",
        "test_triples.json:1",
        [Mention("Varnia"), Mention("Brask"), Mention("Ulmen")],
        [Relation("contains", 0, 1), Relation("country", 2, 0)],
    ),
    Record("A path like C:\\r\\n stays inside .", "test_triples.json:2", [], []),
]


def parse(tmp_path, content):
    file = tmp_path / "test_triples.json"
    file.write_text(content)
    return list(read([file], language="en"))


@pytest.mark.parametrize(
    "content",
    [json.dumps(ROWS, indent=4), "\n".join(map(json.dumps, ROWS))],
    ids=["array", "lines"],
)
def test_triples_become_relations_between_distinct_strings(tmp_path, content):
    assert parse(tmp_path, content) == EXPECTED


def test_a_pair_or_a_row_without_text_is_rejected(tmp_path):
    rows = [{"text": "Two of them", "triple_list": [["Two", "of"]]}, {"triple_list": []}, None]

    items = parse(tmp_path, json.dumps(rows))

    assert [item.reason for item in items] == ["malformed_record"] * 3
