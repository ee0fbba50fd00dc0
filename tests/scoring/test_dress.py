"""Gold answers in another dress score 100, or count as unreadable with the reason."""

import json

import pytest

from pipeline.execution import shards
from pipeline.scoring import counting
from pipeline.scoring.counting import Group, Options, Row, add_record
from pipeline.scoring.parsing import parse, reason


@pytest.fixture(scope="module")
def some_rows(sample_corpus):
    """(task, gold) of one label batch of every ninth row, and of all rows of rare tasks."""
    _, corpus = sample_corpus
    found = []
    for path in sorted(corpus.glob("*/*.parquet")):
        table = shards.read(path, ["task", "output"])
        rows = table.to_pylist()[:: 9 if table.num_rows > 300 else 1]
        found += [(row["task"], row["output"]) for row in rows]
    return found


def replaced(value, old, new):
    """A value in which every string `old` is `new`."""
    if isinstance(value, dict):
        return {key: replaced(own, old, new) for key, own in value.items()}
    if isinstance(value, list):
        return [replaced(own, old, new) for own in value]
    return new if value == old else value


def listed_arguments(value):
    """An answer with arguments as a list of {role, argument}."""
    if isinstance(value, list):
        return [listed_arguments(own) for own in value]
    if isinstance(value, dict) and isinstance(value.get("arguments"), dict):
        pairs = [
            {"role": role, "argument": filler}
            for role, own in value["arguments"].items()
            for filler in (own if isinstance(own, list) else [own])
        ]
        return {**value, "arguments": pairs}
    return {k: listed_arguments(v) for k, v in value.items()} if isinstance(value, dict) else value


def dumped(value):
    return json.dumps(value, ensure_ascii=False)


def wide(value):
    """JSON with full-width commas and colons between its parts."""
    if isinstance(value, dict):
        return "{" + "，".join(f"{dumped(k)}：{wide(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + "，".join(map(wide, value)) + "]"
    return dumped(value)


DRESSES = {
    "a list of one object per label": lambda gold: dumped([{k: v} for k, v in gold.items()]),
    "the same in words": lambda gold: f"I found: {dumped([{k: v} for k, v in gold.items()])}.",
    "an object a line": lambda gold: "\n".join(dumped({k: v}) for k, v in gold.items()),
    "after thoughts": lambda gold: f"<think>{{}} or not?</think>\n\n{dumped(gold)}",
    "before thoughts without an end": lambda gold: f"{dumped(gold)}\n<think>Wait, {{",
    "NaN": lambda gold: json.dumps(replaced(gold, "NAN", float("nan"))),
    "nothing is false": lambda gold: dumped({k: v or False for k, v in gold.items()}),
    "nothing is False": lambda gold: repr({k: v or False for k, v in gold.items()}),
    "nothing is None": lambda gold: repr(
        replaced({k: v or None for k, v in gold.items()}, "NAN", None)
    ),
    "nothing in a list": lambda gold: dumped({k: v or ["None"] for k, v in gold.items()}),
    "arguments in a list": lambda gold: dumped(listed_arguments(gold)),
    "full-width punctuation": wide,
    "comments": lambda gold: "{ // the answer\n" + ", // and\n".join(
        f"{dumped(k)} /* this */ : {dumped(v)}" for k, v in gold.items()) + "\n} // end",
    "doubled braces": lambda gold: dumped(gold).replace("{", "{{").replace("}", "}}"),
    "encoded twice": lambda gold: dumped(dumped(gold)),
    "values encoded twice": lambda gold: dumped({k: dumped(v) for k, v in gold.items()}),
    "escaped quotes": lambda gold: dumped(dumped(gold))[1:-1],
    "after a draft": lambda gold: f'{{"schema": {dumped([*gold])}}} {{}} {dumped(gold)}',
    "in a fence": lambda gold: f"```json\n{json.dumps(gold, indent=2)}\n```\nDone {{really}}.",
}  # fmt: skip
for word in ("NaN", "None", "null", "无", "N/A"):
    DRESSES[f"{word} for nothing"] = lambda gold, word=word: dumped(
        replaced({k: v or word for k, v in gold.items()}, "NAN", word)
    )


@pytest.mark.parametrize("name", DRESSES)
def test_gold_in_another_dress_is_read_or_reported(name, some_rows):
    seen = set()
    for task, gold in some_rows:
        answer = DRESSES[name](json.loads(gold))
        group = Group(task)
        counts = add_record(group, [Row(gold, answer)], Options(samples=0))
        # A gold string may hold what the dress is made of; such a row is reported, not worse.
        if group.unreadable:
            seen.add("unreadable")
            continue
        seen.add(task)
        assert all(c == p == g for c, p, g in counts), (task, gold, answer)
        assert not group.rows["malformed_items"], (task, gold, answer)
    assert {"NER", "RE", "SPO", "EE", "EET", "EEA", "KG"} <= seen
    if name not in {"doubled braces", "escaped quotes"}:
        assert "unreadable" not in seen


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ('<think>Perhaps {"person": ["Ada"]}', "thoughts_without_end"),
        ("I cannot help with that.", "no_object"),
        ('{"person": ["Ada", "Bo', "cut_off_or_broken"),
    ],
)
def test_the_reason_is_told(text, why):
    group = Group("NER")
    add_record(group, [Row('{"person": ["Ada"]}', text)], Options(samples=0))

    assert parse(text, ["person"]) is None
    assert reason(text) == why
    assert group.unreadable == {why: 1}
    assert group.rows["parse_failures"] == 1


def test_a_word_for_nothing_that_the_gold_holds_is_an_answer():
    gold = '{"band": ["None", "无"], "place": []}'
    group = Group("NER")
    counts = add_record(group, [Row(gold, '{"band": ["None"], "place": "None"}')], Options())

    assert counts == [(1, 1, 2)]


def test_two_full_answers_are_not_put_together():
    text = '{"a": ["x"], "b": []} or rather {"a": ["y"], "b": ["z"]}'

    assert parse(text, ["a", "b"]).value == {"a": ["x"], "b": []}
    assert parse('{"a": ["x"]} {"a": ["y"], "b": []}', ["a", "b"]).value == {"a": ["y"], "b": []}


def test_a_role_that_is_called_role_is_a_role():
    gold = '{"hire": [{"trigger": "named", "arguments": {"role": "chief", "value": "NAN"}}]}'
    group = Group("EE")

    assert add_record(group, [Row(gold, gold + " ")], Options()) == [(1, 1, 1), (1, 1, 1)]


def test_what_overlaps_is_right_if_asked():
    row = Row('{"person": ["Ada Vale", "Bo"]}', '{"person": ["Ada", "Vale", "Cy"]}')
    found = {
        match: add_record(Group("NER"), [row], Options(match)) for match in counting.MATCHES[:3]
    }

    assert found == {"multiset": [(0, 3, 2)], "set": [(0, 3, 2)], "overlap": [(1, 3, 2)]}
