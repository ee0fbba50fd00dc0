"""FewRel instances: token numbers, several mentions, gaps, and what is rejected."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import RawFileError
from pipeline.readers._source import join_tokens
from pipeline.readers.fewrel import mention_at, read
from pipeline.records import Mention, Record, Reject, Relation


def parse(tmp_path, value):
    file = tmp_path / "val_wiki.json"
    file.write_text(json.dumps(value))
    return list(read([file], language="en"))


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

    items = parse(tmp_path, {"P1": [*wrong, instance([], [[0]]), {}], "P2": "x"})

    assert items[0] == Reject(
        "val_wiki.json:P1#1",
        "no_such_token",
        "h is [] of 8 tokens",
        "Harl Bridge \n spans the Sava at Harl",
        relations=1,
    )
    expected = [*["no_such_token"] * 3, *["malformed_record"] * 3]
    assert expected == [item.reason for item in items]


def test_a_file_that_is_no_object_is_wrong_as_a_whole(tmp_path):
    with pytest.raises(RawFileError, match="not a JSON object of relations"):
        parse(tmp_path, [instance([[0]], [[5]])])


@pytest.mark.parametrize(
    ("language", "numbers", "expected"),
    [
        ("en", [1, 2], Mention("b c", 2, 5)),
        ("en", [2, 1, 2], Mention("b c", 2, 5)),
        ("en", [0, 2], Mention("a c", discontinuous=True)),
        ("zh", [0, 2], Mention("ac", discontinuous=True)),
        ("zh", [1, 2], Mention("bc", 1, 3)),
        ("en", [], None),
        ("en", [3], None),
        ("en", [-1, 0], None),
    ],
)
def test_token_numbers_with_a_gap_are_a_discontinuous_mention(language, numbers, expected):
    tokens = ["a", "b", "c"]
    text, starts = join_tokens(tokens, language)

    assert expected == mention_at(numbers, tokens, starts, text, language)
