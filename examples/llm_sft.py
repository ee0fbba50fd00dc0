"""Instruction tuning: LoRA on a language model with TRL and PEFT, on the export `messages`.

    python examples/llm_sft.py                                  # planted texts, a tiny model
    iepile export messages --out output/messages
    python examples/llm_sft.py --data output/messages --model Qwen/Qwen2.5-0.5B-Instruct --lr 2e-4

The loss is counted on the answers alone. Then the model answers test rows of the corpus, which are
not in train, and `iepile score` counts what is right. Chance is the score of the same answers, each
given to the text of another.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from datasets import load_dataset
from offline import causal, device, planted
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

from pipeline.scoring import evaluation, predictions
from pipeline.scoring.counting import Options


@torch.no_grad()
def answers(model, tokenizer, rows, limit: int, batch=50) -> list[str]:
    """The model's text for the instruction of every row, decoded greedily."""
    model.eval()
    side, tokenizer.padding_side = tokenizer.padding_side, "left"  # answers begin at one place
    texts = []
    for i in range(0, len(rows), batch):
        inputs = tokenizer.apply_chat_template(
            [[{"role": "user", "content": r["instruction"]}] for r in rows[i : i + batch]],
            add_generation_prompt=True,
            padding=True,
            return_tensors="pt",
            return_dict=True,
        ).to(model.device)
        out = model.generate(**inputs, max_new_tokens=limit, do_sample=False)
        new = out[:, inputs["input_ids"].shape[1] :]
        texts += tokenizer.batch_decode(new, skip_special_tokens=True)
    tokenizer.padding_side = side
    return texts


def score(rows, texts: list[str], gold: Path, file: Path) -> float:
    """The micro-F1 of answers to rows, as `iepile score FILE --corpus GOLD --partial` gives it."""
    lines = [{"id": r["id"], "prediction": t} for r, t in zip(rows, texts, strict=True)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    scores = evaluation.score(predictions.read(file), gold, Options(samples=0), partial=True)
    return scores["totals"][0]["f1"]


def main(argv=None):
    """Train and evaluate; returns the losses and the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder of the export messages")
    parser.add_argument(
        "--corpus", dest="gold", type=Path, default=Path("output/corpus"), help="its corpus"
    )
    parser.add_argument("--config", default="NER-en", help="which rows, e.g. RE-zh")
    parser.add_argument("--model", help="a pre-trained model (default: a tiny one)")
    parser.add_argument("--work", type=Path, default=Path("output/examples"))
    parser.add_argument("--epochs", type=float, default=12)
    parser.add_argument("--steps", type=int, default=-1, help="stop after so many steps")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--test-rows", type=int, default=200)
    parser.add_argument("--max-new-tokens", type=int, default=300, help="the length of an answer")
    parser.add_argument("--base-steps", type=int, default=400, help="pre-training of the tiny one")
    arguments = parser.parse_args(argv)
    random.seed(0)
    torch.manual_seed(0)

    folder, gold = arguments.data, arguments.gold
    if folder is None:
        folder, gold = planted("messages", arguments.work), arguments.work / "run" / "corpus"
    files = sorted(map(str, folder.glob(f"train/{arguments.config}-*.jsonl")))
    train = load_dataset("json", data_files=files, split="train")
    files = sorted(map(str, gold.glob(f"{arguments.config}/test-*.parquet")))
    test = load_dataset("parquet", data_files=files, split="train").shuffle(seed=0).to_list()
    test = test[: arguments.test_rows]

    texts = [turn["content"] for row in train for turn in row["messages"]]
    tokenizer, model = causal(arguments.model, texts, arguments.base_steps)
    # A prompt and a completion of messages: TRL applies the chat template, and masks the prompt.
    turns = train.map(
        lambda row: {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]},
        remove_columns=["messages"],
    )
    # The tiny model has yet to learn what words mean: its embeddings are trained as well.
    whole = None if arguments.model else ["embed_tokens", "lm_head"]
    lora = LoraConfig(
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        target_modules="all-linear",
        modules_to_save=whole,
        task_type="CAUSAL_LM",
    )
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

    found = answers(trainer.model, tokenizer, test, arguments.max_new_tokens)
    after = score(test, found, gold, arguments.work / "llm_sft.jsonl")
    chance = score(test, found[1:] + found[:1], gold, arguments.work / "llm_sft_chance.jsonl")
    print(f"llm_sft: test F1 {after:.1f} on {len(test)} rows (chance {chance:.1f})")
    return {"losses": losses, "after": after, "chance": chance}


if __name__ == "__main__":
    main()
