"""The schema of an answer: every gold fits it, and whatever fits it can be read."""

import json
import random

import jsonschema
import pytest

from pipeline.execution import shards
from pipeline.scoring.counting import Group, Options, Row, add_record
from pipeline.tasks import json_schema
from pipeline.tasks.json_schema import answer_schema
from tests.helpers import corpus_of_sample


@pytest.fixture(scope="module")
def sample_corpus(tmp_path_factory):
    return corpus_of_sample(tmp_path_factory)


def rows_of(corpus):
    columns = ["id", "task", "instruction", "output"]
    paths = sorted(corpus.glob("*/*.parquet"))
    return [row for path in paths for row in shards.read(path, columns).to_pylist()]


def test_every_gold_fits_its_schema_in_its_order(sample_corpus):
    _, corpus = sample_corpus
    rows = rows_of(corpus)
    for number, row in enumerate(rows):
        schema = json_schema.of_row(row)
        if number % 100 == 0:
            jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema).validate(json.loads(row["output"]))
        if row["task"] != "EEA":
            assert [*json.loads(row["output"])] == schema["required"]
    assert {row["task"] for row in rows} == {"NER", "RE", "SPO", "EE", "EET", "EEA", "KG"}


@pytest.mark.parametrize(
    ("task", "asked", "wrong"),
    [
        ("NER", ["a"], '{"a": [1]}'),
        ("NER", ["a"], '{"a": [], "b": []}'),
        ("NER", ["a", "b"], '{"a": []}'),
        ("RE", ["a"], '{"a": [{"subject": "x"}]}'),
        ("EE", [{"event_type": "a", "trigger": True, "arguments": ["r"]}], '{"a": ["x"]}'),
        (
            "EEA",
            [{"event_type": "a", "trigger": ["t"], "arguments": []}],
            '{"a": [{"trigger": "u", "arguments": {}}]}',
        ),
        ("KG", [{"entity_type": "a", "attributes": ["r"]}], '{"a": {"x": {"s": "y"}}}'),
    ],
)
def test_what_is_wrong_does_not_fit(task, asked, wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(wrong), answer_schema(task, asked))


WORDS = [
    "Ada",
    "O'Neil",
    'a "b"',
    "中文，：",
    "{x}",
    "[1]",
    "<think>",
    "// no",
    "\\",
    "\n",
    "NAN",
    "None",
]


def generated(chance, schema):
    """What a model might write that is held to a schema, token by token."""
    if "anyOf" in schema:
        return generated(chance, chance.choice(schema["anyOf"]))
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if schema["type"] == "string":
        return "".join(chance.choices(WORDS, k=chance.randrange(1, 4)))
    if schema["type"] == "array":
        return [generated(chance, schema["items"]) for _ in range(chance.randrange(4))]
    made = {
        key: generated(chance, own)
        for key, own in schema.get("properties", {}).items()
        if key in schema.get("required", ()) or chance.random() < 0.5
    }
    if isinstance(free := schema.get("additionalProperties"), dict):
        made |= {chance.choice(WORDS): generated(chance, free) for _ in range(2)}
    return made


def test_what_is_generated_under_the_schema_is_read(sample_corpus):
    _, corpus = sample_corpus
    chance = random.Random(2)
    for row in rows_of(corpus)[::3]:
        schema = json_schema.of_row(row)
        answer = generated(chance, schema)
        jsonschema.Draft202012Validator(schema).validate(answer)
        group = Group(row["task"])
        text = json.dumps(answer, ensure_ascii=chance.random() < 0.5)
        add_record(group, [Row(row["output"], text)], Options(samples=0))
        told = ("parse_failures", "repaired", "answers_not_asked", "nothing_asked")
        assert not any(group.rows[key] for key in told), text
        assert [*answer] == schema["required"]


def test_descriptions_beside_labels_change_nothing():
    assert answer_schema("NER", {"a": "what a is", "b": ""}) == answer_schema("NER", ["a", "b"])
