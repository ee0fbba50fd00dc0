"""How alike texts are by their character n-grams: MinHash signatures for many texts at once."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from pipeline.hashing import mix64
from pipeline.text import characters

#: Characters in an n-gram, by language: a Chinese character says more than a letter.
NGRAM: Final = {"en": 5, "zh": 3}
PERMUTATIONS: Final = 64
#: Of pairs exactly at the threshold, the share that must share a band; nearer pairs do more often.
_RECALL: Final = 0.95
#: Positions hashed at once: few enough to stay in the processor's cache.
_BLOCK: Final = 1 << 16
_FNV: Final = np.uint32(16777619)


def ngrams(texts: Sequence[str], sizes: Sequence[int]) -> tuple[Any, Any]:
    """Return (hashes of all character n-grams of all texts, where each text's hashes begin)."""
    padded = [t.ljust(n, "\0") for t, n in zip(texts, sizes, strict=True)]
    codes, begins = characters(padded)
    size = np.asarray(sizes, np.int64)
    counts = np.diff(begins) - size + 1
    starts = np.cumsum(counts) - counts
    at = np.arange(counts.sum()) + np.repeat(begins[:-1] - starts, counts)
    hashes = np.full(len(at), 2166136261, np.uint32)
    wide = np.repeat(size, counts)
    for k in range(size.max(initial=0)):
        inside = wide > k
        if inside.all():
            hashes = (hashes ^ codes[at + k]) * _FNV
        else:
            hashes[inside] = (hashes[inside] ^ codes[at[inside] + k]) * _FNV
    return hashes, starts


def _mixed(hashes: Any) -> Any:
    """The finalizer of MurmurHash3: every bit of a hash depends on every other."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))


def band_rows(threshold: float) -> int:
    """Return how many rows of the signature make a band: as many as `_RECALL` allows."""
    recall = (1 - (1 - threshold**n) ** (PERMUTATIONS // n) for n in range(1, PERMUTATIONS + 1))
    return max((n for n, share in enumerate(recall, 1) if share >= _RECALL), default=1)


def signatures(texts: Sequence[str], sizes: Sequence[int]) -> Any:
    """Return the MinHash signatures of texts: texts x `PERMUTATIONS`, uint32."""
    drawn = mix64(np.arange(2 * PERMUTATIONS)).astype(np.uint32)
    # An odd factor makes `hash * factor + increment` a permutation of all 32-bit numbers.
    factors, increments = drawn[:PERMUTATIONS] | np.uint32(1), drawn[PERMUTATIONS:]
    out = np.empty((PERMUTATIONS, len(texts)), np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    blocks = np.cumsum(lengths) // _BLOCK
    for block in np.unique(blocks):
        first, last = np.searchsorted(blocks, (block, block + 1))
        hashes, starts = ngrams(texts[first:last], sizes[first:last])
        hashes = _mixed(hashes)
        for row in range(PERMUTATIONS):
            out[row, first:last] = np.minimum.reduceat(
                hashes * factors[row] + increments[row], starts
            )
    return out.T


def similarity(one: str, other: str, n: int) -> float:
    """Return the share of the n-grams of two texts that occur in both."""
    a, b = ({t[i : i + n] for i in range(max(1, len(t) - n + 1))} for t in (one, other))
    return len(a & b) / len(a | b)


def bands(texts: Sequence[str], sizes: Sequence[int], threshold: float) -> Any:
    """Return one hash for every band of every text: texts x bands, uint64."""
    width = band_rows(threshold)
    count = PERMUTATIONS // width
    matrix = signatures(texts, sizes)
    hashes = np.tile(np.arange(count, dtype=np.uint64) << np.uint64(56), (len(texts), 1))
    for i in range(width):
        hashes = mix64(hashes ^ matrix[:, i : count * width : width])
    return hashes
