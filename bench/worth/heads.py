"""Two small heads over frozen features, trained on what instructions ask; all seeds at once.

`alone` judges every label by itself: a sigmoid over a hidden layer. `beside` judges the labels of
an instruction against each other and against "none of them", and knows which labels stand beside
which, as a language model does: a softmax, with a weight for every pair of labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu, softplus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.worth.arms import Asked

HEADS = ("alone", "beside")
_HIDDEN, _ROWS, _RATE, _DECAY, _DROPOUT = 64, 128, 5e-3, 1e-2, 0.1


class Head(nn.Module):
    """As many heads as there are seeds, side by side: the first axis of all that it holds."""

    def __init__(self, kind: str, seeds: Sequence[int], width: int, labels: int) -> None:
        super().__init__()
        self.kind = kind
        draws = [torch.Generator().manual_seed(seed) for seed in seeds]

        def drawn(*shape: int) -> nn.Parameter:
            parts = [torch.randn(*shape, generator=draw) / shape[0] ** 0.5 for draw in draws]
            return nn.Parameter(torch.stack(parts))

        self.into = drawn(width, _HIDDEN)
        self.out = drawn(_HIDDEN, labels + 1)  # the last is "none of them"
        self.bias = nn.Parameter(torch.zeros(len(seeds), 1, labels + 1))
        self.pairs = nn.Parameter(torch.zeros(len(seeds), labels, labels))

    def forward(self, features: torch.Tensor, member: torch.Tensor) -> torch.Tensor:
        """The logits of all labels: seeds x items x labels, for what each item is asked.

        `features` is seeds x items x width, `member` seeds x items x labels, of numbers 0 and 1.
        """
        logits = gelu(features @ self.into) @ self.out + self.bias
        if self.kind == "alone":
            return logits[..., :-1]
        others = self.pairs * (1 - torch.eye(member.shape[-1]))
        beside = member @ others / (member.sum(-1, keepdim=True) - 1).clamp(min=1)
        return logits[..., :-1] + beside - logits[..., -1:]

    def loss(self, logits: torch.Tensor, member: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
        """The mean over seeds and items of what is lost on the labels asked."""
        if self.kind == "alone":
            each = softplus(logits) - gold * logits
            return ((each * member).sum(-1) / member.sum(-1)).mean()
        none = torch.zeros_like(logits[..., :1])
        asked = torch.cat([logits.masked_fill(member == 0, -torch.inf), none], -1)
        share = gold * member
        held = share.sum(-1, keepdim=True)
        right = (share * logits).sum(-1) / held.squeeze(-1).clamp(min=1)
        return (asked.logsumexp(-1) - right).mean()


class Rows(NamedTuple):
    """What a head is trained on: every item of an instruction's record, and what it is asked."""

    item: np.ndarray
    instruction: np.ndarray


def rows_of(asked: Asked, owner: np.ndarray) -> Rows:
    """Every instruction with every item of its record; `owner` is the record of each item."""
    order = np.argsort(owner, kind="stable")
    begins = np.searchsorted(owner[order], asked.record)
    sizes = np.searchsorted(owner[order], asked.record, side="right") - begins
    instruction = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return Rows(order[begins[instruction] + within], instruction)


def epochs_for(rows: int, steps: int) -> int:
    """How many epochs make about so many steps."""
    return max(1, round(steps * _ROWS / rows))


def train(
    kind: str,
    features: np.ndarray,
    gold: np.ndarray,
    owner: np.ndarray,
    asked: Sequence[Asked],
    epochs: int,
    seeds: Sequence[int],
) -> Head:
    """Train a head for every seed, each on its own instructions.

    `features` and `gold` are items x width and items x labels; `owner` the record of each item.
    """
    torch.manual_seed(0)
    rows = [rows_of(own, owner) for own in asked]
    head = Head(kind, seeds, features.shape[1], gold.shape[1])
    draws = [np.random.default_rng(seed) for seed in seeds]
    given, truth = torch.from_numpy(features), torch.from_numpy(gold.astype(np.float32))
    members = [torch.from_numpy(own.member.astype(np.float32)) for own in asked]
    steps = -(-max(len(own.item) for own in rows) // _ROWS)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.02, epochs * steps)
    for _ in range(epochs):
        orders = [
            draw.permutation(len(own.item))[np.arange(steps * _ROWS) % len(own.item)]
            for draw, own in zip(draws, rows, strict=True)
        ]
        for step in range(steps):
            part = [order[step * _ROWS : (step + 1) * _ROWS] for order in orders]
            item = torch.from_numpy(
                np.stack([own.item[p] for own, p in zip(rows, part, strict=True)])
            )
            member = torch.stack(
                [m[own.instruction[p]] for m, own, p in zip(members, rows, part, strict=True)]
            )
            seen = nn.functional.dropout(given[item], _DROPOUT)
            loss = head.loss(head(seen, member), member, truth[item])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head


@torch.inference_mode()
def scores(head: Head, features: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """The logit of every label at its first asking: seeds x items x labels.

    `sets` is sets x labels, bool: what every item is asked, one after the other.
    """
    given = torch.from_numpy(features)[None]
    found = np.full((head.into.shape[0], len(features), sets.shape[1]), np.nan, np.float32)
    for own in sets[::-1]:
        member = torch.from_numpy(own.astype(np.float32)).expand(1, len(features), -1)
        found[..., own] = head(given, member).numpy()[..., own]
    return found
