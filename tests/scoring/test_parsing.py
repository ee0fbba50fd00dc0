"""What a model wrote, read as the object that it was asked for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scoring.parsing import parse

ADA = {"person": ["Ada"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"person": ["Ada"]}\n```', ADA),
        ('```\n{"person": ["Ada"]}```', ADA),
        ('Sure! Here it is:\n{"person": ["Ada"]}\nI hope {this} helps.', ADA),
        ('In {curly} words: {"person": ["Ada"]}', ADA),
        ('<think>maybe {"person": ["Bo"]}?</think>\n{"person": ["Ada"]}', ADA),
        ("{'person': ['Ada']}", ADA),
        ("{'person': ['O'Neil', \"D'Arcy\", 'it\\'s']}", {"person": ["O'Neil", "D'Arcy", "it's"]}),
        ('{"person": ["Ada",],}', ADA),
        ('[{"person": ["Ada"]}]', ADA),
        ("{“person”: [“Ada”]}", ADA),
        ('{"a": None, "n": 3, "x": -1.5, "t": True}', {"a": None, "n": 3, "x": -1.5, "t": True}),
        ("{'a': 'line\\nbreak \\u4e2d \\ud83d\\ude00'}", {"a": "line\nbreak 中 😀"}),
        ("{}", {}),
        ("nothing: {} at all", {}),
    ],
)  # fmt: skip
def test_loose_answers_are_read(text, value):
    assert parse(text, ["person"]).value == value


def test_the_answer_is_what_holds_the_labels_not_what_repeats_the_question():
    question = '{"instruction": "Find.", "schema": ["person"], "input": "Ada {x} came."}'
    for text in (
        f'{question}\n{{"person": ["Ada"]}}',
        f'Question: {question} Answer: {{"person": ["Ada"]}}',
        '{"thoughts": "Ada?"} {"person": ["Ada"]}',
    ):
        assert parse(text, ["person"]).value == {"person": ["Ada"]}

    assert parse('{} and then {"person": ["Ada"]}', ["person"]).value == ADA
    assert parse(
        '{"person": []} No: {"person": ["Ada"], "city": []}', ["person", "city"]
    ).value == {
        "person": ["Ada"],
        "city": [],
    }
    assert parse('{"output": {"person": ["Ada"]}}', ["person"]).value.keys() == {"output"}
    assert parse(f'{question} {{"person": ["Ada"', ["person"]).value.keys() >= {"schema"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"p": ["A"], "q": [], "p": ["B"]}', {"p": ["A", "B"], "q": []}),
        ('{"p": "A", "p": ["B"]}', {"p": ["A", "B"]}),
        ('{"p": ["A"], "p": []}', {"p": ["A"]}),
        ('{"p": {"x": "1"}, "p": {"y": "2", "x": "3"}}', {"p": {"x": ["1", "3"], "y": "2"}}),
        ("{'p': ['A'], 'p': ['B']}", {"p": ["A", "B"]}),
    ],
)
def test_repeated_keys_are_put_together(text, value):
    assert parse(text).value == value


def test_a_model_that_loops_is_read_in_linear_time():
    """It takes a tenth of a second; in quadratic time it would be hours."""
    times = 100_000
    text = "{" + ", ".join(['"p": {"x": ["A"]}, "q": ["B"], "r": "C"'] * times) + "}"

    assert parse(text).value == {"p": {"x": ["A"] * times}, "q": ["B"] * times, "r": ["C"] * times}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "   ",
        "There are no entities.",
        '["Ada"]',
        '{"person": ["Ada"',
        '{"rel": [{"subject": "a", "object": "b"}, {"subject": "c", "obj',
        '{"person" ["Ada"]}',
        '{"person": [' + "1" * 9000 + "]}",
        "{" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "{",
    ],
)
def test_what_holds_no_object_is_none(text):
    assert parse(text, ["person"]) is None


def test_a_part_of_a_broken_answer_is_not_the_answer():
    broken = '{"founder": [{"subject": "a" "object": "b"}, {"subject": "c", "object": "d"}]}'

    assert parse(broken, ["founder"]) is None


def test_whether_the_text_was_strict_is_told():
    assert parse('{"person": ["Ada"]}').strict
    assert not parse('{"person": ["Ada"]} .').strict


_JSON = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), _JSON, max_size=3))
def test_every_object_is_read_as_it_is(value):
    assert parse(json.dumps(value)).value == value
    assert parse(json.dumps(value, ensure_ascii=False)).value == value
    assert parse(f"```json\n{json.dumps(value)}\n```\nThat is all").value == value


@settings(deadline=None)
@given(st.text(alphabet="{}[]'\":, ab\\\n“”1", max_size=40))
def test_no_text_breaks_it(text):
    found = parse(text, ["a"])

    assert found is None or isinstance(found.value, dict)


def test_an_answer_of_openings_alone_is_given_up():
    assert parse("{ " * 500, ["person"]) is None
