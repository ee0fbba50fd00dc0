"""A few steps of GRPO with TRL, on a tiny model that was first taught half of the answers."""

import json

import pytest

from pipeline import cli
from pipeline.scoring.reward import trl_reward
from tests.conftest import ROOT

pytestmark = pytest.mark.soak


def test_grpo_steps_with_the_reward(tmp_path, monkeypatch):
    trl = pytest.importorskip("trl", reason="TRL is not installed: pip install -e '.[consumers]'")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    offline = pytest.importorskip("offline")
    import torch
    from datasets import Dataset, load_dataset

    torch.manual_seed(0)
    run = tmp_path / "run"
    raw = ["--raw", str(ROOT / "raw" / "sample"), "--out", str(run), "--workers", "1"]
    params = ["--params", str(ROOT / "params.yaml")]
    assert cli.main(["run", "wnut2017", *raw, *params]) == 0
    export = ["export", "trl-grpo", "--run", str(run), "--out", str(tmp_path / "grpo"), *params]
    assert cli.main(export) == 0
    files = [str(path) for path in sorted((tmp_path / "grpo" / "train").glob("*.jsonl"))]
    rows = load_dataset("json", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    # Short answers and one question, which a tiny model can learn in a minute.
    golds = [json.dumps({"person": ["Ada"]}), json.dumps({"person": []})]
    rows = Dataset.from_list(
        [
            {**rows[n % len(rows)], "prompt": [{"role": "user", "content": word}], "gold": gold}
            for n, (word, gold) in enumerate(zip(["Ada", "nobody"] * 8, golds * 8, strict=True))
        ]
    )
    texts = [*golds, "Ada", "nobody"]
    tokenizer, model = offline.causal(None, texts)
    taught = [
        {"messages": [*row["prompt"], {"role": "assistant", "content": row["gold"]}]}
        for row in rows
        if row["prompt"][0]["content"] == "Ada"
    ]
    common = {"report_to": [], "use_cpu": True, "bf16": False, "save_strategy": "no"}
    trl.SFTTrainer(
        model=model,
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "sft"), max_steps=60, learning_rate=3e-3, **common
        ),
        train_dataset=Dataset.from_list(taught),
        processing_class=tokenizer,
    ).train()
    trainer = trl.GRPOTrainer(
        model=model,
        reward_funcs=[trl_reward],
        args=trl.GRPOConfig(
            output_dir=str(tmp_path / "grpo-out"), max_steps=3, num_generations=4,
            per_device_train_batch_size=4, max_completion_length=24, logging_steps=1, **common,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()

    rewards = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
    assert len(rewards) == 3
    assert all(0 <= reward <= 1 for reward in rewards)
    # What was taught is right, or nothing where there is nothing to find.
    assert max(rewards) > 0.2
