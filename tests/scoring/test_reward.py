"""The reward equals `iepile score` on the same answer, for any answer to any task."""

import json
import random
import time

import pyarrow as pa

from pipeline.execution import shards
from pipeline.scoring import evaluation
from pipeline.scoring.counting import Options
from pipeline.scoring.predictions import Answers
from pipeline.scoring.reward import compute_score, f1_reward, swift_reward, trl_reward
from pipeline.tables import INSTRUCTIONS

MANY = 10_000


def golds(corpus):
    paths = sorted(corpus.glob("*/*.parquet"))
    return [row for path in paths for row in shards.read(path).to_pylist()]


def spoilt(chance, output):
    """A gold answer with mistakes, in some dress or other."""
    gold = json.loads(output)
    for label in [*gold]:
        value = gold[label]
        match chance.randrange(9):
            case 0:
                gold[label] = []
            case 1 if isinstance(value, list):
                gold[label] = value + value
            case 2 if isinstance(value, list):
                gold[label] = [*value[1:], "new"]
            case 3:
                gold[f"{label}s"] = gold.pop(label)
            case 4:
                gold[label] = "None"
            case 5:
                gold[label] = chance.choice([None, False, {"a": {"b": "c"}}, [["x", "y"]], 3])
    text = json.dumps(gold, ensure_ascii=chance.random() < 0.5)
    match chance.randrange(8):
        case 0:
            return text[: chance.randrange(len(text) + 1)]
        case 1:
            return f"<think>{text}"
        case 2:
            return f"Here:\n```json\n{text}\n```"
        case 3:
            return repr(gold)
        case 4:
            return output
    return text


def test_it_equals_the_score_of_the_row(sample_corpus, tmp_path):
    """Every row is a dataset of its own, so that the score has an entry for each."""
    _, corpus = sample_corpus
    chance, rows = random.Random(5), golds(corpus)
    by_task, answers = {}, {}
    for number in range(MANY):
        row = {**rows[number % len(rows)], "split": "test"}
        row["record_id"] = f"d{number}/test/0"
        row["id"] = f"d{number}/test/0/{row['task']}/0"
        by_task.setdefault(row["task"], []).append(row)
        answers[row["id"]] = spoilt(chance, row["output"])
    for task, own in by_task.items():
        table = pa.Table.from_pylist(own, schema=INSTRUCTIONS)
        shards.write(table, tmp_path / f"{task}-en" / "test-00000-of-00001.parquet")
    ids = pa.chunked_array([[*answers]], pa.string())
    texts = pa.chunked_array([[*answers.values()]], pa.large_string())

    scores = evaluation.score(Answers(ids, texts), tmp_path, Options(samples=0))["scores"]

    sums = {}
    for entry in scores:
        own = sums.setdefault(entry["dataset"], [0, 0, 0])
        for place, key in enumerate(("correct", "predicted", "gold")):
            own[place] += entry[key]
    different = 0
    for task, own in by_task.items():
        for row in own:
            correct, predicted, gold = sums[row["record_id"].partition("/")[0]]
            expected = 2 * correct / (predicted + gold) if predicted + gold else 1.0
            reward = f1_reward(task, row["output"], answers[row["id"]])
            assert abs(reward - expected) < 1e-12
            different += 0 < reward < 1
    assert len(sums) == MANY
    assert different > MANY / 20


def test_the_signatures_of_trainers():
    gold, half, none = '{"a": ["x", "y"]}', '{"a": ["x", "z"]}', "I do not know."
    chats = [[{"role": "assistant", "content": text}] for text in (gold, half, none)]
    more = {"prompts": [0] * 3, "completion_ids": [0] * 3, "trainer_state": None, "id": [0] * 3}

    for completions in ([gold, half, none], chats):
        assert trl_reward(completions, task=["NER"] * 3, gold=[gold] * 3, **more) == [1, 0.5, 0]
    assert swift_reward([gold, half], solution=[gold] * 2, task=["NER"] * 2, id=[1, 2]) == [1, 0.5]
    about = {"task": "NER", "id": "x", "index": 3}
    assert compute_score("iepile/Toy", half, gold, about) == 0.5


def test_form_is_worth_what_is_asked_for():
    gold, empty = '{"a": ["x"]}', '{"a": []}'

    assert f1_reward("NER", gold, gold, 0.2) == 1.0
    assert f1_reward("NER", gold, f"So: {gold}", 0.2) == 0.8
    assert f1_reward("NER", gold, empty, 0.2) == 0.2
    assert f1_reward("NER", empty, "babble") == 1.0  # nothing to find, and nothing found
    assert f1_reward("NER", empty, "babble", 0.2) == 0.8
    assert f1_reward("NER", empty, '{"b": []}', 0.2) == 0.8


def test_it_is_fast(sample_corpus):
    """20,000 a second on one core of a machine of its own; here with room for a busy one."""
    _, corpus = sample_corpus
    rows = golds(corpus)[:2000]
    calls = [(row["task"], row["output"], f"{row['output']} ") for row in rows]
    begun = time.process_time()
    assert all(f1_reward(*call) == 1.0 for call in calls)

    assert len(calls) / (time.process_time() - begun) > 4000
