"""The same question with the encoder fine-tuned on instructions as text: prepared for one GPU.

    python -m bench.worth.gpu pack RUN --cache DIR --into BUNDLE
    python -m bench.worth.gpu train BUNDLE --into results.json [--minutes 8]

`pack` writes weights, texts and instructions into one folder of less than 64 MiB; `train` needs
that folder, torch and transformers, and no dataset. An instruction reads as its labels and then the
text, with the pair or trigger between marks; a label holds or not by the mean vector of its words,
so the model sees all labels asked and the text at once. Arms take turns seed by seed, and no turn
begins that would not end in time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.worth import metrics
from bench.worth.pack import ARMS, MOST_BYTES, SEEDS, pack

_TOKENS, _RATE = 256, 5e-5


class Tuned:
    """The encoder and one linear head over the mean vector of each label's words."""

    def __init__(self, bundle: Path, labels: list[str], seed: int) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.manual_seed(seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.labels = labels
        self.tokenizer = AutoTokenizer.from_pretrained(bundle / "model")
        self.encoder = AutoModel.from_pretrained(bundle / "model", dtype=torch.float32)
        self.encoder.to(self.device)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, 1).to(self.device)

    def logits(self, texts: list[str], asked: list[list[int]]):
        """Rows x labels asked; all rows ask equally many."""
        import torch

        lists, bounds = [], []
        for labels in asked:
            names = [self.labels[n] for n in labels]
            ends = np.cumsum([len(name) + 2 for name in names])
            lists.append("; ".join(names))
            bounds.append([(e - 2 - len(x), e - 2) for x, e in zip(names, ends, strict=True)])
        batch = self.tokenizer(
            lists,
            texts,
            truncation="only_second",
            max_length=_TOKENS,
            padding=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        begins, ends = batch.pop("offset_mapping").unbind(-1)
        first = torch.tensor([[n == 0 for n in batch.sequence_ids(i)] for i in range(len(texts))])
        of = torch.tensor(bounds)[..., None]
        words = first[:, None] & (begins[:, None] < of[:, :, 1]) & (ends[:, None] > of[:, :, 0])
        weights = (words / words.sum(-1, keepdim=True).clamp(min=1)).to(self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            hidden = self.encoder(**batch.to(self.device)).last_hidden_state
        return self.head(weights @ hidden.float()).squeeze(-1)

    def train(self, part: dict[str, Any], rows: list, epochs: int, most: int, seed: int) -> None:
        import torch

        truth = [set(gold) for gold in part["gold"]]
        parameters = [*self.encoder.parameters(), *self.head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=_RATE)
        rng, self.encoder = np.random.default_rng(seed), self.encoder.train()
        for _ in range(epochs):
            order = rng.permutation(len(rows))[:most]
            for start in range(0, len(order), 32):
                chosen = [rows[n] for n in order[start : start + 32]]
                gold = [[float(label in truth[n]) for label in own] for n, own in chosen]
                logits = self.logits([part["texts"][n] for n, _ in chosen], [o for _, o in chosen])
                target = torch.tensor(gold, device=self.device)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.encoder.eval()

    def scores(self, part: dict[str, Any], polled: np.ndarray, most: int) -> np.ndarray:
        """The logit of every label at its first asking: items x labels."""
        import torch

        texts = part["texts"][:most]
        found = np.zeros((len(texts), polled.shape[1]), np.float32)
        for own in polled[::-1]:
            labels = np.flatnonzero(own).tolist()
            for start in range(0, len(texts), 128):
                some = texts[start : start + 128]
                with torch.inference_mode():
                    logits = self.logits(some, [labels] * len(some)).cpu().numpy()
                found[start : start + len(some), labels] = logits
        return found


def trained(bundle: Path, given: dict[str, Any], arm: str, seed: int, epochs: int, most: int):
    """One arm of one set, fine-tuned and judged; at most `most` rows and items, for a try."""
    start = time.perf_counter()
    polled = np.array(given["polled"], bool)
    model = Tuned(bundle, given["labels"], seed)
    model.train(given["parts"]["fit"], given["asked"][arm][seed], epochs, most, seed)
    scores, gold = {}, {}
    for split in ("held", "test"):
        part = given["parts"][split]
        scores[split] = model.scores(part, polled, most)
        rows = part["gold"][:most]
        gold[split] = np.array([np.isin(np.arange(polled.shape[1]), own) for own in rows])
    owner = np.array(given["parts"]["test"]["owner"][:most])
    cut = metrics.threshold(scores["held"], gold["held"])
    counts = metrics.counted(
        scores["test"], gold["test"], owner, owner.max() + 1, cut, np.array(given["hard"])
    )
    measures = metrics.measured(counts.sum(axis=0)).round(2).tolist()
    return {
        **dict(zip(metrics.MEASURES, measures, strict=True)),
        "seconds": round(time.perf_counter() - start, 1),
        "device": model.device,
    }


def train(bundle: Path, into: Path, minutes: float, epochs: int, most: int) -> None:
    """Fine-tune all arms for one seed after the other while there is time; write after each."""
    start, longest = time.monotonic(), 0.0
    sets = json.loads((bundle / "sets.json").read_bytes())
    results = []
    for seed in SEEDS:
        if time.monotonic() - start + longest > 60 * minutes:
            break
        began = time.monotonic()
        for name, given in sets.items():
            for arm in ARMS:
                found = trained(bundle, given, arm, seed, epochs, most)
                results.append({"set": name, "arm": arm, "seed": seed, **found})
                print(results[-1], flush=True)
                into.write_text(json.dumps(results, indent=1), encoding="utf-8")
        longest = max(longest, time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worth.gpu")
    commands = parser.add_subparsers(dest="command", required=True)
    packing, training = commands.add_parser("pack"), commands.add_parser("train")
    packing.add_argument("run", type=Path)
    packing.add_argument("--cache", type=Path, required=True)
    training.add_argument("bundle", type=Path)
    training.add_argument("--minutes", type=float, default=7.5)
    training.add_argument("--epochs", type=int, default=3)
    training.add_argument("--most", type=int, default=10**9, help="rows and items, for a try")
    for command in (packing, training):
        command.add_argument("--into", type=Path, required=True)
    given = parser.parse_args()
    if given.command == "pack":
        size = pack(given.run, given.cache, given.into)
        print(f"{size / 2**20:.1f} MiB in {given.into}")
        if size > MOST_BYTES:
            raise SystemExit(f"the bundle is larger than {MOST_BYTES / 2**20:.0f} MiB")
    else:
        train(given.bundle, given.into, given.minutes, given.epochs, given.most)


if __name__ == "__main__":
    main()
