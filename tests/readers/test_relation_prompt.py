"""RelationPrompt triplets: lines of one sentence, gaps, and what is rejected."""

from __future__ import annotations

import json

from pipeline.records import Mention, Record, Relation
from tests.readers.reading import reader

read = reader("relation_prompt")

TOKENS = ["Ida", "S\u00f8rli", "&ndash;", "a", "painter"]


def parse(tmp_path, *rows):
    file = tmp_path / "dev.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(read([file], language="en"))


def triplet(head, tail, label="occupation", tokens=TOKENS):
    return {"tokens": tokens, "head": head, "tail": tail, "label": label, "label_id": "P106"}


def test_the_triplets_of_a_line_share_text_and_mentions(tmp_path):
    row = {"triplets": [triplet([0, 1], [4]), triplet([4], [0, 1], "winner")]}

    expected = Record(
        "Ida S\u00f8rli &ndash; a painter",
        "dev.jsonl:1",
        [Mention("Ida S\u00f8rli", 0, 9), Mention("painter", 20, 27)],
        [Relation("occupation", 0, 1), Relation("winner", 1, 0)],
    )
    assert [expected] == parse(tmp_path, row)


def test_token_numbers_with_a_gap_are_a_discontinuous_mention(tmp_path):
    [record] = parse(tmp_path, {"triplets": [triplet([0, 4], [1])]})

    assert record.mentions == [
        Mention("Ida painter", discontinuous=True),
        Mention("S\u00f8rli", 4, 9),
    ]


def test_a_line_with_a_broken_triplet_is_rejected_with_all_of_them(tmp_path):
    empty = {"triplets": [triplet([0], [4]), triplet([], [4])]}
    other = {"triplets": [triplet([0], [4]), triplet([0], [4], tokens=[*TOKENS, "."])]}

    items = parse(tmp_path, empty, other, {"triplets": []}, {"triplets": [{"tokens": ["a"]}]})

    assert [(item.reason, item.relations) for item in items[:2]] == [
        ("offset_out_of_text", 2),
        ("tokens_differ", 2),
    ]
    assert [item.reason for item in items[2:]] == ["malformed_record"] * 2
