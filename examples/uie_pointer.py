"""Any span asked for by a prompt: an encoder with two sigmoid heads, on the export `uie`.

    python examples/uie_pointer.py                              # planted texts, a tiny random model
    iepile export uie --out output/uie
    python examples/uie_pointer.py --data output/uie/duie2 --model hfl/chinese-roberta-wwm-ext \
        --lr 2e-5 --epochs 3 --folds 5

A row is a prompt and a text; one head scores every piece as the start of an answer, the other as
its end. Training has the usual helpers: FGM, a second pass with the word embeddings shifted towards
a higher loss (Miyato et al., ICLR 2017); a moving average (EMA) of the weights, which is
what is evaluated; early stopping on dev; and k folds, whose rows never share a text.
"""

import argparse
import random
import zlib
from pathlib import Path

import torch
from datasets import load_dataset
from offline import device, encoder, f1, planted
from torch import nn


class Pointer(nn.Module):
    """An encoder with a score for "an answer starts here" and one for "it ends here"."""

    def __init__(self, bert) -> None:
        super().__init__()
        self.bert, self.heads = bert, nn.Linear(bert.config.hidden_size, 2)

    def forward(self, inputs):
        """The scores, texts x pieces x 2."""
        return self.heads(self.bert(**inputs).last_hidden_state)


def collate(rows, tokenizer, where):
    """Prompts and texts as tensors, with the places of starts and ends."""
    inputs = tokenizer([r["prompt"] for r in rows], [r["content"] for r in rows], max_length=512,
                       truncation="only_second", padding=True, return_offsets_mapping=True,
                       return_tensors="pt")  # fmt: skip
    offsets = inputs.pop("offset_mapping").tolist()
    inside = [[s == 1 for s in inputs.sequence_ids(i)] for i in range(len(rows))]
    target = torch.zeros(*inputs["input_ids"].shape, 2)
    for i, row in enumerate(rows):
        starts = {a: j for j, (a, b) in enumerate(offsets[i]) if inside[i][j] and a < b}
        ends = {b: j for j, (a, b) in enumerate(offsets[i]) if inside[i][j] and a < b}
        for span in row["result_list"]:
            if span["start"] in starts and span["end"] in ends:
                target[i, starts[span["start"]], 0] = target[i, ends[span["end"]], 1] = 1
    return inputs.to(where), target.to(where), torch.tensor(inside).to(where), offsets


def loss_of(model, batch):
    """The binary cross-entropy over the pieces of the texts, summed over a row's pieces."""
    inputs, target, inside, _ = batch
    loss = nn.functional.binary_cross_entropy_with_logits(model(inputs), target, reduction="none")
    return (loss * inside[..., None]).sum() / len(target)


def fgm(model, batch, size=0.5):
    """Add the gradients of a pass with shifted word embeddings to those that are there.

    The shift is as long as `size` times a word's embedding, over the whole batch.
    """
    words = model.bert.get_input_embeddings().weight
    if words.grad is None or not (norm := words.grad.norm()):
        return
    shift = size * words.detach().norm(dim=1).mean() * words.grad / norm
    words.data.add_(shift)
    loss_of(model, batch).backward()
    words.data.sub_(shift)


@torch.no_grad()
def predict(model, rows, tokenizer):
    """The answers of every row: each start with the nearest end behind it."""
    model.eval()
    found = []
    for i in range(0, len(rows), 64):
        inputs, _, inside, offsets = collate(rows[i : i + 64], tokenizer, device())
        sure = ((model(inputs) > 0) & inside[..., None]).tolist()
        for pieces, places in zip(sure, offsets, strict=True):
            ends = [j for j, (_, end) in enumerate(pieces) if end]
            spans = set()
            for j in (j for j, (start, _) in enumerate(pieces) if start):
                if end := [e for e in ends if e >= j][:1]:
                    spans.add((places[j][0], places[end[0]][1]))
            found.append(spans)
    return found


def evaluate(model, rows, tokenizer):
    """The micro-F1 over answers."""
    gold = [{(s["start"], s["end"]) for s in row["result_list"]} for row in rows]
    return f1(predict(model, rows, tokenizer), gold)


def train(arguments, rows, dev):
    """One model, trained until dev gets no better; returns it, its tokenizer and its losses."""
    tokenizer, bert = encoder(arguments.model, [f"{r['prompt']} {r['content']}" for r in rows])
    model = Pointer(bert).to(device())
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(arguments.ema)
    )
    top = {"params": model.heads.parameters(), "lr": max(arguments.lr, 1e-3)}
    optimizer = torch.optim.AdamW([{"params": bert.parameters()}, top], lr=arguments.lr)
    losses, best, patience, kept = [], 0.0, 0, None
    for epoch in range(arguments.epochs):
        model.train()
        random.shuffle(rows)
        for i in range(0, len(rows), arguments.batch):
            if arguments.steps and len(losses) >= arguments.steps:
                break
            batch = collate(rows[i : i + arguments.batch], tokenizer, device())
            loss = loss_of(model, batch)
            optimizer.zero_grad()
            loss.backward()
            fgm(model, batch)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(model)
            losses.append(loss.item())
        score = evaluate(average.module, dev, tokenizer)
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}, dev F1 {score:.1f}", flush=True)
        patience = 0 if score > best or not best else patience + 1  # it may begin slowly
        if score >= best:
            best = score
            kept = {key: value.clone() for key, value in average.module.state_dict().items()}
        if patience >= arguments.patience or (arguments.steps and len(losses) >= arguments.steps):
            break
    average.module.load_state_dict(kept)
    return average.module, tokenizer, losses


def main(argv=None):
    """Train and evaluate; returns the losses and the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a dataset's folder of the export uie")
    parser.add_argument("--model", help="a pre-trained encoder (default: tiny and random)")
    parser.add_argument("--work", type=Path, default=Path("output/examples"))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--ema", type=float, default=0.98)
    parser.add_argument("--patience", type=int, default=2, help="epochs without a better dev")
    parser.add_argument("--folds", type=int, default=1, help="train on k - 1 of k parts, k times")
    parser.add_argument("--rows", type=int, help="train on so many rows only, chosen at random")
    arguments = parser.parse_args(argv)
    random.seed(0)
    torch.manual_seed(0)

    folder = arguments.data or planted("uie", arguments.work)
    files = {s: sorted(map(str, folder.glob(f"{s}-*.jsonl"))) for s in ("train", "dev", "test")}
    data = load_dataset("json", data_files={s: f for s, f in files.items() if f})
    rows = data["train"].to_list()
    if arguments.rows:
        rows = random.sample(rows, min(arguments.rows, len(rows)))
    test = data["test" if files["test"] else "dev"].to_list()
    if arguments.folds > 1:
        fold = [zlib.crc32(row["content"].encode()) % arguments.folds for row in rows]
        parts = [
            ([r for r, f in zip(rows, fold, strict=True) if f != k],
             [r for r, f in zip(rows, fold, strict=True) if f == k])
            for k in range(arguments.folds)
        ]  # fmt: skip
    else:
        parts = [(rows, data["dev" if files["dev"] else "test"].to_list())]
    losses, scores, votes = [], [], []
    for own, dev in parts:
        model, tokenizer, made = train(arguments, own, dev)
        losses.append(made)
        votes.append(predict(model, test, tokenizer))
        gold = [{(s["start"], s["end"]) for s in row["result_list"]} for row in test]
        scores.append(f1(votes[-1], gold))
    majority = [
        {s for s in set().union(*found) if 2 * sum(s in f for f in found) > len(parts)}
        for found in zip(*votes, strict=True)
    ]
    after = f1(majority, gold)
    torch.manual_seed(0)
    tokenizer, bert = encoder(arguments.model, [f"{r['prompt']} {r['content']}" for r in rows])
    before = evaluate(Pointer(bert).to(device()), test, tokenizer)
    print(
        f"uie_pointer: answer F1 {after:.1f} on {len(test)} prompts (before training {before:.1f})"
    )
    return {"losses": losses, "before": before, "after": after, "folds": scores}


if __name__ == "__main__":
    main()
