"""FewRel instances: token numbers, several mentions, gaps, and what is rejected."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import RawFileError
from pipeline.records import Mention, Record, Reject, Relation
from tests.readers.reading import reader

read = reader("fewrel")


def parse(tmp_path, value, language="en"):
    file = tmp_path / "val_wiki.json"
    file.write_text(json.dumps(value))
    return list(read([file], language=language))


def instance(head, tail):
    tokens = ["Harl", "Bridge", "\n", "spans", "the", "Sava", "at", "Harl"]
    return {"tokens": tokens, "h": ["harl bridge", "Q1", head], "t": ["sava", "Q2", tail]}


def test_the_first_mention_is_taken_as_its_tokens_are_written(tmp_path):
    value = {"P177": [instance([[5]], [[0, 1], [7]])], "P26": []}

    expected = Record(
        "Harl Bridge \n spans the Sava at Harl",
        "val_wiki.json:P177#1",
        [Mention("Sava", 24, 28), Mention("Harl Bridge", 0, 11)],
        [Relation("P177", 0, 1)],
    )
    assert [expected] == parse(tmp_path, value)


def test_unreadable_instances_are_rejected_each(tmp_path):
    wrong = [instance([[]], [[0]]), instance([[0]], [[8]]), instance([[-1]], [[0]])]

    items = parse(tmp_path, {"P1": [*wrong, instance([], [[0]]), {}]})

    assert items[0] == Reject(
        "val_wiki.json:P1#1",
        "offset_out_of_text",
        "a mention without a piece",
        items[0].excerpt,
        relations=1,
    )
    expected = [*["offset_out_of_text"] * 3, *["malformed_record"] * 2]
    assert expected == [item.reason for item in items]


@pytest.mark.parametrize("value", [[instance([[0]], [[5]])], {"P2": "x"}, 7])
def test_a_file_that_is_no_object_of_lists_is_wrong_as_a_whole(tmp_path, value):
    with pytest.raises(RawFileError, match="the rows do not stand at"):
        parse(tmp_path, value)


@pytest.mark.parametrize(
    ("language", "numbers", "expected"),
    [
        ("en", [1, 2], Mention("b c", 2, 5)),
        ("en", [2, 1, 2], Mention("b c", 2, 5)),
        ("en", [0, 2], Mention("a c", discontinuous=True)),
        ("zh", [0, 2], Mention("ac", discontinuous=True)),
        ("zh", [1, 2], Mention("bc", 1, 3)),
    ],
)
def test_token_numbers_with_a_gap_are_a_discontinuous_mention(
    tmp_path, language, numbers, expected
):
    row = {"tokens": ["a", "b", "c"], "h": ["", "", [numbers]], "t": ["", "", [[0]]]}

    (record,) = parse(tmp_path, {"P1": [row]}, language)

    assert expected == record.mentions[0]
