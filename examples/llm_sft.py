"""Instruction tuning: LoRA on a language model with TRL and PEFT, on the export `messages`.

    python examples/llm_sft.py                                  # planted texts, a tiny random model
    iepile export messages --out output/messages
    python examples/llm_sft.py --data output/messages --model Qwen/Qwen2.5-0.5B-Instruct --lr 2e-4

The loss is counted on the answers alone. The test rows are answered greedily and scored twice: for
the labels that have an answer at all, and for the answers. A tiny random model learns the form of
the answers here, and little more: finding and copying names is what pre-training is for.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from datasets import load_dataset
from offline import causal, device, f1, planted
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer


def answers(text: str) -> set:
    """The (label, answer) pairs of an output, blanks aside; none where it is no JSON object."""
    try:
        found = json.loads("".join(text.split()))
        return {(label, json.dumps(a)) for label, own in found.items() for a in own}
    except (ValueError, AttributeError, TypeError):
        return set()


@torch.no_grad()
def evaluate(model, tokenizer, rows, batch=50) -> tuple[float, float]:
    """The micro-F1 of the labels that the model answers, and of its answers."""
    model.eval()
    side, tokenizer.padding_side = tokenizer.padding_side, "left"  # answers begin at one place
    found = []
    for i in range(0, len(rows), batch):
        inputs = tokenizer.apply_chat_template(
            [row["messages"][:-1] for row in rows[i : i + batch]],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        ).to(model.device)
        out = model.generate(**inputs, max_new_tokens=100, do_sample=False)
        new = out[:, inputs["input_ids"].shape[1] :]
        found += map(answers, tokenizer.batch_decode(new, skip_special_tokens=True))
    tokenizer.padding_side = side
    gold = [answers(row["messages"][-1]["content"]) for row in rows]
    return f1([*map(labels, found)], [*map(labels, gold)]), f1(found, gold)


def labels(pairs: set) -> set:
    """The labels that have an answer."""
    return {label for label, _ in pairs}


def chance(rows) -> float:
    """The micro-F1 of the labels if every label asked were answered."""
    outputs = [row["messages"][-1]["content"] for row in rows]
    asked = [{*json.loads("".join(output.split()))} for output in outputs]
    return f1(asked, [labels(answers(output)) for output in outputs])


def main(argv=None):
    """Train and evaluate; returns the losses and the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder of the export messages")
    parser.add_argument("--config", default="RE-en", help="which rows, e.g. RE-zh, or * for all")
    parser.add_argument("--model", help="a pre-trained model (default: tiny and random)")
    parser.add_argument("--work", type=Path, default=Path("output/examples"))
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--steps", type=int, default=-1, help="stop after so many steps")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--test-rows", type=int, default=100)
    arguments = parser.parse_args(argv)
    random.seed(0)
    torch.manual_seed(0)

    folder = arguments.data or planted("messages", arguments.work)
    files = {
        s: sorted(map(str, folder.glob(f"{s}/{arguments.config}-*.jsonl")))
        for s in ("train", "test")
    }
    data = load_dataset("json", data_files=files)
    train, test = data["train"], data["test"].to_list()[: arguments.test_rows]
    texts = [turn["content"] for row in train for turn in row["messages"]]
    tokenizer, model = causal(arguments.model, texts)
    model = model.to(device())
    before = evaluate(model, tokenizer, test)
    # A prompt and a completion of messages: TRL applies the chat template, and masks the prompt.
    turns = train.map(
        lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]},
        remove_columns=["messages"],
    )
    # A random model has nothing to keep: its embeddings are trained as well.
    whole = None if arguments.model else ["embed_tokens"]
    lora = LoraConfig(
        r=arguments.rank, lora_alpha=2 * arguments.rank, target_modules="all-linear",
        modules_to_save=whole,
        ensure_weight_tying=bool(whole), task_type="CAUSAL_LM",
    )  # fmt: skip
    settings = SFTConfig(
        output_dir=str(arguments.work / "llm_sft"),
        num_train_epochs=arguments.epochs,
        max_steps=arguments.steps,
        per_device_train_batch_size=arguments.batch,
        learning_rate=arguments.lr,
        lr_scheduler_type="cosine",
        warmup_steps=20,
        max_length=2048,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        use_cpu=device() == "cpu",
        bf16=device() != "cpu",
        seed=0,
    )
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=turns,
        processing_class=tokenizer,
        peft_config=lora,
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    after = evaluate(trainer.model, tokenizer, test)
    guessed = chance(test)
    print(
        f"llm_sft: label F1 {after[0]:.1f}, answer F1 {after[1]:.1f} on {len(test)} rows (before"
        f" training {before[0]:.1f} and {before[1]:.1f}; every label answered {guessed:.1f})"
    )
    return {"losses": losses, "before": before, "after": after, "chance": guessed}


if __name__ == "__main__":
    main()
