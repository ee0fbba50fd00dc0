"""A row that cannot be read is counted with every annotation that it would have held."""

import copy
import json
from collections import Counter

import pytest

from pipeline.normalize.account import KINDS
from pipeline.records import Reject
from tests.readers.reading import reader

COTYPE = {
    "sentText": "Ana Ruz left Selen for Varnia .",
    "relationMentions": [
        {"em1Text": "Ana Ruz", "em2Text": "Selen", "label": "None"},
        {"em1Text": "Selen", "em2Text": "Varnia", "label": "contains"},
    ],
    "entityMentions": [{"start": n, "text": "Selen", "label": "LOCATION"} for n in range(3)],
}
DOCRED = {
    "title": "Lake Orrin",
    "sents": [["Lake", "Orrin", "is", "in", "Norvia"], ["Orrin", "is", "deep"]],
    "vertexSet": [
        [
            {"name": "Orrin", "pos": [0, 1], "sent_id": 1, "type": "LOC"},
            {"name": "Lake Orrin", "pos": [0, 2], "sent_id": 0, "type": "LOC"},
        ],
        [{"name": "Norvia", "pos": [4, 5], "sent_id": 0, "type": "LOC"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P17"}, {"h": 1, "t": 0, "r": "P36"}],
}
DYGIE = {
    "doc_key": "D",
    "sentences": [["Rain", "fell"], ["Troops", "set", "off", "at", "dawn"], ["They", "won"]],
    "ner": [[[0, 0, "WEA"]], [[2, 2, "PER"], [6, 6, "TIME"]], []],
    "relations": [[], [[2, 2, 6, 6, "AT"], [6, 6, 2, 2, "OF"]], [[7, 7, 8, 8, "BY"]]],
    "events": [
        [],
        [[[3, 4, "Transport"], [2, 2, "Artifact"], [6, 6, "Time"]], [[3, "Move"]]],
        [[[8, "Win"], [7, 7, "Winner"]]],
    ],
}
FEWREL = {
    "P177": [
        {"tokens": ["The", "Harl", "spans", "it"], "h": ["", "", [[0, 1]]], "t": ["", "", [[3]]]}
    ]
}
TOKENS = ["Ida", "Voll", "was", "a", "painter"]
RELATION_PROMPT = {
    "triplets": [
        {"tokens": TOKENS, "head": [0, 1], "tail": [4], "label": "occupation"},
        {"tokens": TOKENS, "head": [4], "tail": [0, 1], "label": "winner"},
    ]
}
TAGGED = {"tokens": ["Ada", "Vale", "left", "Oslo"], "ner_tags": ["B-PER", "I-PER", "O", "B-LOC"]}
NUMBERED = {"tokens": TAGGED["tokens"], "ner_tags": [1, 2, 0, 3]}
TAGS = {"tokens": "tokens", "tags": "ner_tags"}
TAG_NAMES = {**TAGS, "tag_names": ["O", "B-PER", "I-PER", "B-LOC"]}
TRIPLES = {
    "text": "Varnia 's towns Brask and Ulmen",
    "triple_list": [["Varnia", "contains", "Brask"], ["Ulmen", "country", "Varnia"]],
}
ROWS = {
    "cotype_json": (COTYPE, {}),
    "docred": (DOCRED, {}),
    "dygie": (DYGIE, {}),
    "fewrel": (FEWREL, {}),
    "relation_prompt": (RELATION_PROMPT, {}),
    "json_rows": (TAGGED, TAGS),
    "json_rows of numbers": (NUMBERED, TAG_NAMES),
    "triple_list": (TRIPLES, {}),
}


def read(tmp_path, name, row):
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(row))
    return list(reader(name.split()[0])([file], language="en", **ROWS[name][1]))


def held(items):
    """Records, entities, relations, events and arguments, as the account of a split counts them."""
    total = Counter()
    for item in items:
        if isinstance(item, Reject):
            total.update({kind: getattr(item, kind) for kind in ("records", *KINDS)})
        else:
            total["records"] += 1
            total["entities"] += sum(m.label is not None for m in item.mentions)
            total["relations"] += len(item.relations)
            total["events"] += len(item.events)
            total["arguments"] += sum(len(e.arguments) for e in item.events)
    return total


def with_value(row, path, value):
    row = copy.deepcopy(row)
    inner = row
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return row


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("cotype_json", ("relationMentions", 1), {"em1Text": "Selen"}),
        ("cotype_json", ("entityMentions", 1, "label"), None),
        ("cotype_json", ("sentText",), None),
        ("docred", ("labels", 1, "h"), 2),
        ("docred", ("vertexSet", 0, 1, "pos"), [0]),
        ("docred", ("vertexSet", 0, 1, "pos"), [0, 6]),
        ("docred", ("sents",), None),
        ("dygie", ("ner", 1, 0), [2, 2]),
        ("dygie", ("relations", 1, 0), [2, 2, "AT"]),
        ("dygie", ("events", 1, 0, 1), [9, 9, "Artifact"]),
        ("dygie", ("events", 1, 0, 1), "Artifact"),
        ("dygie", ("sentences", 1), None),
        ("dygie", ("sentences", 2, 0), 7),
        ("fewrel", ("P177", 0, "h"), None),
        ("fewrel", ("P177", 0, "t", 2), [[4]]),
        ("relation_prompt", ("triplets", 1), None),
        ("relation_prompt", ("triplets", 1, "head"), []),
        ("relation_prompt", ("triplets", 0, "tokens"), None),
        ("json_rows", ("tokens", 1), 4),
        ("json_rows", ("tokens",), ["Ada"]),
        ("json_rows", ("ner_tags", 2), None),
        ("json_rows of numbers", ("tokens",), None),
        ("json_rows of numbers", ("ner_tags", 2), 9),
        ("triple_list", ("triple_list", 1), ["Ulmen", "country"]),
        ("triple_list", ("text",), None),
    ],
)
def test_one_broken_part_loses_all_of_its_row_in_the_account(tmp_path, name, path, value):
    row, _ = ROWS[name]
    sound = read(tmp_path, name, row)

    items = read(tmp_path, name, with_value(row, path, value))

    assert not any(isinstance(item, Reject) for item in sound)
    assert sum(isinstance(item, Reject) for item in items) == 1
    assert held(items) == held(sound)


def paths(value, path=()):
    """Where anything stands in a row, down to the single values."""
    inner = {list: enumerate, dict: dict.items}.get(type(value), lambda _: ())(value)
    for key, own in inner:
        yield (*path, key)
        yield from paths(own, (*path, key))


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("odd", [None, 7, "", "abc", {}, {"a": 1}, []], ids=repr)
def test_whatever_stands_in_a_row_no_more_is_counted_than_it_held(tmp_path, name, odd):
    row, _ = ROWS[name]
    most = held(read(tmp_path, name, row))

    for path in paths(row):
        if name == "fewrel" and len(path) == 1:
            continue  # A file whose rows are not there is wrong as a whole.
        found = held(read(tmp_path, name, with_value(row, path, odd)))
        assert found <= most, path
