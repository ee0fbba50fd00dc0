"""Entities and relations together: spans classified and paired, on the export `spert`.

    python examples/spert.py                                    # planted texts, a tiny random model
    iepile export spert --out output/spert
    python examples/spert.py --data output/spert/conll04 --model bert-base-cased --lr 5e-5

After SpERT (Eberts and Ulges, ECAI 2020): every span up to a width is an entity of a type or none;
spans found are paired, and each pair is classified with the text between them. Training takes a
sample of the other spans, and of the unrelated pairs of gold entities, as negatives.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from offline import device, encoder, f1, planted
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

WIDEST = 10
NONE = 0


class SpERT(nn.Module):
    """An encoder, a classifier of spans and a classifier of pairs of spans."""

    def __init__(self, bert, kinds: int, relations: int, width: int = 25) -> None:
        super().__init__()
        size = bert.config.hidden_size
        self.bert, self.width = bert, nn.Embedding(WIDEST + 1, width)
        self.kind = nn.Linear(2 * size + width, kinds + 1)
        self.relation = nn.Linear(3 * size + 2 * width, relations)

    def spans(self, words, spans):
        """A vector per span: its words max-pooled, and its width."""
        pooled = torch.stack([words[a:b].max(0).values for a, b in spans])
        widths = torch.tensor([min(b - a, WIDEST) for a, b in spans], device=words.device)
        return torch.cat([pooled, self.width(widths)], 1)

    def kinds(self, words, whole, spans):
        """The scores of every type for every span; type 0 is none."""
        return self.kind(torch.cat([self.spans(words, spans), whole.expand(len(spans), -1)], 1))

    def relations(self, words, pairs):
        """The scores of every relation for every pair (head span, tail span)."""
        heads, tails = (self.spans(words, [p[i] for p in pairs]) for i in (0, 1))
        between = torch.stack([_between(words, *pair) for pair in pairs])
        return self.relation(torch.cat([heads, between, tails], 1))


def _between(words, head, tail):
    (_, a), (b, _) = sorted([head, tail])
    return words[a:b].max(0).values if a < b else words.new_zeros(words.shape[1])


def encode(model, tokenizer, rows):
    """Per text the vectors of its words (each its pieces max-pooled), and that of the whole."""
    inputs = tokenizer([r["tokens"] for r in rows], is_split_into_words=True, truncation=True,
                       max_length=512, padding=True, return_tensors="pt")  # fmt: skip
    hidden = model.bert(**inputs.to(device())).last_hidden_state
    for i in range(len(rows)):
        pieces: dict[int, list[int]] = {}
        for j, word in enumerate(inputs.word_ids(i)):
            if word is not None:
                pieces.setdefault(word, []).append(j)
        lost = hidden.new_zeros(hidden.shape[2])  # a word without pieces, or cut off
        words = [
            hidden[i, pieces[w]].max(0).values if w in pieces else lost
            for w in range(len(rows[i]["tokens"]))
        ]
        yield torch.stack(words), hidden[i, 0]


def every_span(words: int):
    """All spans of a text, up to the widest."""
    return [(a, b) for a in range(words) for b in range(a + 1, min(a + WIDEST, words) + 1)]


def gold(row, kinds, relations):
    """The entities of a row, span -> type number, and its relations, pair -> relation numbers."""
    spans = [(e["start"], e["end"]) for e in row["entities"]]
    types = {s: kinds.index(e["type"]) + 1 for s, e in zip(spans, row["entities"], strict=True)}
    pairs: dict[tuple, set[int]] = {}
    for r in row["relations"]:
        pair = spans[r["head"]], spans[r["tail"]]
        pairs.setdefault(pair, set()).add(relations.index(r["type"]))
    return types, pairs


def loss_of(model, tokenizer, rows, kinds, relations, negatives):
    """The loss over gold spans and pairs with so many sampled negatives of each per text."""
    total = 0.0
    for row, (words, whole) in zip(rows, encode(model, tokenizer, rows), strict=True):
        types, pairs = gold(row, kinds, relations)
        others = [s for s in every_span(len(words)) if s not in types]
        spans = [*types, *random.sample(others, min(negatives, len(others)))]
        target = torch.tensor([types.get(s, NONE) for s in spans], device=words.device)
        total += cross_entropy(model.kinds(words, whole, spans), target)
        others = [(h, t) for h in types for t in types if h != t and (h, t) not in pairs]
        asked = [*pairs, *random.sample(others, min(negatives, len(others)))]
        if asked and relations:
            found = torch.zeros(len(asked), len(relations), device=words.device)
            for i, pair in enumerate(asked):
                found[i, [*pairs.get(pair, ())]] = 1
            total += binary_cross_entropy_with_logits(model.relations(words, asked), found)
    return total / len(rows)


@torch.no_grad()
def evaluate(model, tokenizer, rows, kinds, relations):
    """The micro-F1 of entities (span and type), and of relations between such entities."""
    model.eval()
    found: list[tuple[set, set]] = []
    for i in range(0, len(rows), 32):
        for words, whole in encode(model, tokenizer, rows[i : i + 32]):
            spans = every_span(len(words))
            best = model.kinds(words, whole, spans).argmax(1).tolist()
            types = {s: k for s, k in zip(spans, best, strict=True) if k != NONE}
            pairs = [(h, t) for h in types for t in types if h != t] if relations else []
            pairs = pairs[:2000]  # an untrained model takes any span for an entity
            sure = (model.relations(words, pairs) > 0).nonzero().tolist() if pairs else []
            related = {(pairs[p], types[pairs[p][0]], types[pairs[p][1]], r) for p, r in sure}
            found.append(({*types.items()}, related))
    right = []
    for row in rows:
        types, pairs = gold(row, kinds, relations)
        related = {((h, t), types[h], types[t], r) for (h, t), own in pairs.items() for r in own}
        right.append(({*types.items()}, related))
    return tuple(f1([f[i] for f in found], [g[i] for g in right]) for i in (0, 1))


def read(folder, split):
    """The rows of a split."""
    paths = sorted(folder.glob(f"{split}-*.json"))
    return [row for path in paths for row in json.loads(path.read_text(encoding="utf-8"))]


def main(argv=None):
    """Train and evaluate; returns the losses and the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a dataset's folder of the export spert")
    parser.add_argument("--model", help="a pre-trained encoder (default: tiny and random)")
    parser.add_argument("--work", type=Path, default=Path("output/examples"))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--negatives", type=int, default=40, help="sampled spans and pairs a text")
    arguments = parser.parse_args(argv)
    random.seed(0)
    torch.manual_seed(0)

    folder = arguments.data or planted("spert", arguments.work)
    types = json.loads((folder / "types.json").read_text(encoding="utf-8"))
    kinds, relations = [*types["entities"]], [*types["relations"]]
    train, test = read(folder, "train"), read(folder, "test") or read(folder, "dev")
    tokenizer, bert = encoder(arguments.model, [" ".join(row["tokens"]) for row in train])
    model = SpERT(bert, len(kinds), len(relations)).to(device())
    before = evaluate(model, tokenizer, test, kinds, relations)
    top = [p for name, p in model.named_parameters() if not name.startswith("bert.")]
    rates = [{"params": bert.parameters()}, {"params": top, "lr": max(arguments.lr, 1e-3)}]
    optimizer = torch.optim.AdamW(rates, lr=arguments.lr)
    losses = []
    for epoch in range(arguments.epochs):
        model.train()
        random.shuffle(train)
        for i in range(0, len(train), arguments.batch):
            if arguments.steps and len(losses) >= arguments.steps:
                break
            batch = train[i : i + arguments.batch]
            loss = loss_of(model, tokenizer, batch, kinds, relations, arguments.negatives)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}", flush=True)
    after = evaluate(model, tokenizer, test, kinds, relations)
    print(
        f"spert: entity F1 {after[0]:.1f}, relation F1 {after[1]:.1f} on {len(test)} texts"
        f" (before training {before[0]:.1f} and {before[1]:.1f})"
    )
    return {"losses": losses, "before": before, "after": after}


if __name__ == "__main__":
    main()
