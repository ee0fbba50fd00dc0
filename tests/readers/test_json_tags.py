"""Tokens and tags as two lists: numbers and strings, and what is rejected."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import DeclarationError
from pipeline.records import Mention, Record
from tests.readers.reading import reader

read = reader("json_rows")

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def rows(tmp_path, *values, **options):
    file = tmp_path / "t.jsonl"
    file.write_text("\n".join(json.dumps(v) for v in values))
    return list(read([file], language="en", **{"tokens": "tokens", "tags": "ner_tags", **options}))


def test_tags_are_numbers(tmp_path):
    row = {"tokens": ["Ada", "Vale", "left", "Oslo"], "ner_tags": [1, 2, 0, 3], "lang": "en"}

    assert rows(tmp_path, row, tag_names=NAMES) == [
        Record(
            "Ada Vale left Oslo",
            "t.jsonl:1",
            [Mention("Ada Vale", 0, 8, "PER"), Mention("Oslo", 14, 18, "LOC")],
        )
    ]


def test_tags_are_strings_in_fields_of_other_names(tmp_path):
    row = {"words": ["Ada", "left"], "tags": ["S-PER", "O"], "doc": 12}
    options = {"tokens": "words", "tags": "tags", "scheme": "BIOES", "source_id": "doc"}

    assert rows(tmp_path, row, **options) == [
        Record("Ada left", "t.jsonl:1", [Mention("Ada", 0, 3, "PER")], source_id="12")
    ]


def test_an_inner_tag_that_continues_nothing_opens_an_entity(tmp_path):
    (record,) = rows(tmp_path, {"tokens": ["New", "York"], "ner_tags": [4, 4]}, tag_names=NAMES)

    assert record.mentions == [Mention("New York", 0, 8, "LOC")]


@pytest.mark.parametrize(
    ("row", "reason", "entities"),
    [
        ({"tokens": ["Ada", "left"], "ner_tags": [1]}, "length_mismatch", 1),
        ({"tokens": ["Ada", "left"], "ner_tags": [1, 5]}, "unknown_tag", 1),
        ({"tokens": ["Ada", "left"], "ner_tags": [-1, 1]}, "unknown_tag", 1),
        ({"tokens": ["Ada", "left"], "ner_tags": [True, 1]}, "unknown_tag", 1),
        ({"tokens": ["Ada", "left"], "ner_tags": ["B-PER", "O"]}, "unknown_tag", 0),
        ({"tokens": ["Ada", 4], "ner_tags": [1, 0]}, "malformed_record", 1),
        ({"tokens": {"a": 1}, "ner_tags": [1, 0, 0]}, "malformed_record", 1),
        ({"tokens": "Ada", "ner_tags": [1, 0, 0]}, "length_mismatch", 1),
        ({"tokens": ["Ada"]}, "malformed_record", 0),
    ],
)
def test_rejects(tmp_path, row, reason, entities):
    (found,) = rows(tmp_path, row, tag_names=NAMES)

    assert (found.reason, found.records, found.entities) == (reason, 1, entities)


def test_numbers_without_names_are_rejected(tmp_path):
    (found,) = rows(tmp_path, {"tokens": ["Ada"], "ner_tags": [1]})

    assert found.reason == "malformed_record"


def test_an_unknown_scheme_is_an_error_of_the_declaration(tmp_path):
    with pytest.raises(DeclarationError, match=r"is none of .*IO, IOB1"):
        rows(tmp_path, {"tokens": [], "ner_tags": []}, scheme="IOBES")
