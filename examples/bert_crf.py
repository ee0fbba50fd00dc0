"""Named entities: a BERT encoder with a CRF layer, on the export `bio`.

    python examples/bert_crf.py                                 # planted texts, a tiny random model
    iepile export bio --out output/bio
    python examples/bert_crf.py --data output/bio/msra --model hfl/chinese-roberta-wwm-ext --lr 3e-5

The CRF (Lafferty et al., ICML 2001) scores whole tag sequences: the model learns which tag may
follow which, and Viterbi finds the best sequence.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from datasets import load_dataset
from offline import device, encoder, f1, planted
from torch import nn


class CRF(nn.Module):
    """A linear-chain conditional random field over batches of (texts, words, tags)."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.start, self.end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))
        self.next = nn.Parameter(torch.zeros(tags, tags))  # from a tag (row) to the next (column)

    def loss(self, scores, tags, mask):
        """The negative log-likelihood per word of the gold sequences."""
        own = scores.gather(2, tags[..., None])[..., 0] * mask
        steps = self.next[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]
        last = tags.gather(1, mask.sum(1, keepdim=True) - 1)[:, 0]
        gold = self.start[tags[:, 0]] + own.sum(1) + steps.sum(1) + self.end[last]
        total = self.start + scores[:, 0]
        for i in range(1, scores.shape[1]):
            longer = torch.logsumexp(total[:, :, None] + self.next, 1) + scores[:, i]
            total = torch.where(mask[:, i, None], longer, total)
        return (torch.logsumexp(total + self.end, 1) - gold).sum() / mask.sum()

    @torch.no_grad()
    def best(self, scores, mask):
        """The best sequence of every text."""
        total, back = self.start + scores[:, 0], []
        stay = torch.arange(scores.shape[2], device=scores.device)
        for i in range(1, scores.shape[1]):
            value, before = (total[:, :, None] + self.next).max(1)
            total = torch.where(mask[:, i, None], value + scores[:, i], total)
            back.append(torch.where(mask[:, i, None], before, stay))
        tag = (total + self.end).argmax(1)
        found = [tag]
        for before in reversed(back):
            tag = before.gather(1, tag[:, None])[:, 0]
            found.append(tag)
        sequences = torch.stack(found[::-1], 1).tolist()
        return [s[:n] for s, n in zip(sequences, mask.sum(1).tolist(), strict=True)]


class Tagger(nn.Module):
    """An encoder, a score per word and tag, and the CRF over them."""

    def __init__(self, bert, tags: int) -> None:
        super().__init__()
        self.bert, self.crf = bert, CRF(tags)
        self.score = nn.Linear(bert.config.hidden_size, tags)

    def forward(self, batch):
        """The scores of every word, taken from its first piece."""
        hidden = self.bert(**batch["inputs"]).last_hidden_state
        rows = torch.arange(len(hidden), device=hidden.device)[:, None]
        return self.score(hidden[rows, batch["first"]])


def collate(rows, tokenizer, where):
    """Texts as tensors; words without a piece, or beyond the encoder's length, are left out."""
    inputs = tokenizer([r["tokens"] for r in rows], is_split_into_words=True, truncation=True,
                       max_length=512, padding=True, return_tensors="pt")  # fmt: skip
    first, words = [], []
    for i in range(len(rows)):
        pieces = dict(reversed([(w, j) for j, w in enumerate(inputs.word_ids(i)) if w is not None]))
        words.append(sorted(pieces))
        first.append([pieces[w] for w in words[i]])
    tags = [[r["ner_tags"][w] for w in own] for r, own in zip(rows, words, strict=True)]
    width = max(map(len, words))
    return {
        "inputs": inputs.to(where),
        "first": torch.tensor([f + [0] * (width - len(f)) for f in first]).to(where),
        "tags": torch.tensor([t + [0] * (width - len(t)) for t in tags]).to(where),
        "mask": torch.tensor([[j < len(f) for j in range(width)] for f in first]).to(where),
        "words": words,
    }


def spans(tags, names):
    """The entities of a tag sequence: (first word, after the last, label)."""
    found, start = set(), None
    for i, tag in enumerate([*tags, 0]):
        name = names[tag]
        if start is not None and name != f"I-{names[tags[start]][2:]}":
            found.add((start, i, names[tags[start]][2:]))
            start = None
        if name.startswith("B-"):
            start = i
    return found


def evaluate(model, data, names, make):
    """The micro-F1 over entities."""
    model.eval()
    found, gold = [], []
    for i in range(0, len(data), 32):
        rows = data[i : i + 32]
        batch = make(rows)
        best = model.crf.best(model(batch), batch["mask"])
        for row, words, tags in zip(rows, batch["words"], best, strict=True):
            at = dict(zip(words, tags, strict=True))
            found.append(spans([at.get(w, 0) for w in range(len(row["tokens"]))], names))
        gold += [spans(row["ner_tags"], names) for row in rows]
    return f1(found, gold)


def main(argv=None):
    """Train and evaluate; returns the loss of every step and the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a dataset's folder of the export bio")
    parser.add_argument("--model", help="a pre-trained encoder (default: tiny and random)")
    parser.add_argument("--work", type=Path, default=Path("output/examples"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    arguments = parser.parse_args(argv)
    random.seed(0)
    torch.manual_seed(0)

    folder = arguments.data or planted("bio", arguments.work)
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    files = {s: sorted(map(str, folder.glob(f"{s}-*.parquet"))) for s in ("train", "dev", "test")}
    data = load_dataset("parquet", data_files={s: f for s, f in files.items() if f})
    train, test = data["train"].to_list(), data["test" if files["test"] else "dev"].to_list()
    tokenizer, bert = encoder(arguments.model, [" ".join(row["tokens"]) for row in train])
    model = Tagger(bert, len(names)).to(device())

    def make(rows):
        return collate(rows, tokenizer, device())

    before = evaluate(model, test, names, make)
    # The CRF and the scores start at random, above an encoder that may know much already.
    rates = [{"params": model.bert.parameters(), "lr": arguments.lr}]
    top = [*model.score.parameters(), *model.crf.parameters()]
    optimizer = torch.optim.AdamW([*rates, {"params": top, "lr": max(arguments.lr, 1e-3)}])
    losses = []
    for epoch in range(arguments.epochs):
        model.train()
        random.shuffle(train)
        for i in range(0, len(train), arguments.batch):
            if arguments.steps and len(losses) >= arguments.steps:
                break
            batch = make(train[i : i + arguments.batch])
            loss = model.crf.loss(model(batch), batch["tags"], batch["mask"])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}")
    after = evaluate(model, test, names, make)
    print(f"bert_crf: entity F1 {after:.1f} on {len(test)} texts (before training {before:.1f})")
    return {"losses": losses, "before": before, "after": after}


if __name__ == "__main__":
    main()
