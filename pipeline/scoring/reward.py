"""Rewards for reinforcement learning: F1 of an answer, as `iepile score` counts it.

    f1_reward(task, gold, answer)       the reward itself, from 0 to 1
    trl_reward                          TRL's GRPOTrainer(reward_funcs=[trl_reward]), Axolotl
    compute_score                       verl: reward.custom_reward_function.path and .name
    swift_reward                        ms-swift, by the plugin beside `iepile export swift-grpo`

The annotations of all measures of a row are counted together. An answer that cannot be read counts
as empty, so it has F1 1 where the gold is empty, as in `iepile score`. `form` is the part of the
reward, from 0 to 1, that is given for form alone: strict JSON with exactly the labels that were
asked. With it, text that is not an answer never earns as much as an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from pipeline.scoring.counting import Group, Options, Row, add_record
from pipeline.scoring.parsing import parse

_OPTIONS: Final = Options(samples=0)


def f1_reward(task: str, gold: str, answer: str, form: float = 0.0) -> float:
    """F1 of an answer to one row; 1 where both gold and answer are empty.

    `gold` is the row's output, `answer` the model's text.
    """
    counts = add_record(Group(task), [Row(gold, answer)], _OPTIONS)
    correct, predicted, true = map(sum, zip(*counts, strict=True))
    f1 = 2 * correct / (predicted + true) if predicted + true else 1.0
    return f1 if not form else (1 - form) * f1 + form * _well_formed(gold, answer)


def _well_formed(gold: str, answer: str) -> bool:
    parsed = parse(answer)
    return parsed is not None and parsed.strict and parsed.value.keys() == orjson.loads(gold).keys()


def _text(completion: Any) -> str:
    """The text of a completion: a string, or the messages of a chat."""
    if isinstance(completion, str):
        return completion
    return "".join(str(message["content"]) for message in completion)


def trl_reward(
    completions: Sequence[Any],
    task: Sequence[str],
    gold: Sequence[str],
    form: float = 0.0,
    **_: Any,
) -> list[float]:
    """Rewards of a batch, with the columns of `iepile export trl-grpo`."""
    rows = zip(task, gold, completions, strict=True)
    return [f1_reward(name, true, _text(answer), form) for name, true, answer in rows]


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    form: float = 0.0,
    **_: Any,
) -> float:
    """The reward of one answer, with the columns of `iepile export verl`."""
    del data_source
    if not extra_info or "task" not in extra_info:
        raise ValueError("extra_info lacks the task: train on rows of `iepile export verl`")
    return f1_reward(extra_info["task"], ground_truth, solution_str, form)


def swift_reward(
    completions: Sequence[str],
    solution: Sequence[str],
    task: Sequence[str],
    form: float = 0.0,
    **_: Any,
) -> list[float]:
    """Rewards of a batch, with the columns of `iepile export swift-grpo`."""
    return trl_reward(completions, task, solution, form)
