"""Signals fused into one similarity of labels, and searched with FAISS.

Every signal becomes a block: query and key rows whose inner product is its similarity. A block is
centred, because a label that is near everything is near nothing, and scaled so that similarities
of all pairs deviate by 1. The weighted blocks, laid side by side, make one inner product the fused
similarity. A last block adds what the fused similarity itself implies: labels that are near to the
same labels are near to each other.

Coordinates are rounded to integers small enough that float32 adds up their products exactly, so
FAISS finds the same neighbours in the same order whatever the processor, BLAS and threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from pipeline.dictionary.encoders import unit
from pipeline.dictionary.signals import SIGNALS, Pairs, Vectors

if TYPE_CHECKING:
    from pipeline.config import Negatives
    from pipeline.dictionary.encoders import Encoder
    from pipeline.dictionary.evidence import Evidence

#: With fewer labels similarities have no deviation to speak of: cosines are added as they are, and
#: pairs, which have no scale of their own, are left out.
FEWEST: Final = 4
#: Rows of integers of at most this length have inner products below 2**24, exact in float32.
_LENGTH: Final = 4000.0
_DIGITS: Final = 6
#: Cosines of texts that deviate by less than this say little: scaling must not blow them up.
_NOISE: Final = 0.03


class Block(NamedTuple):
    """Labels x dimensions twice: inner products of queries with keys are similarities."""

    query: Any
    key: Any

    def similarity(self) -> Any:
        """Labels x labels."""
        return np.round(self.query @ self.key.T, _DIGITS)


class Fused(NamedTuple):
    """The fused similarity of an inventory, labels x labels, and what each signal gives to it."""

    score: Any
    parts: dict[str, Any]


def blocks(evidence: Evidence, encoder: Encoder, settings: Negatives) -> dict[str, Block]:
    """Signal -> its block, centred, scaled and weighted. Signals without evidence are left out."""
    found: dict[str, tuple[float, Block]] = {}
    for signal, weight in settings.weights.items():
        said = SIGNALS[signal](evidence) if weight > 0 else None
        if said is None:
            continue
        if isinstance(said, Pairs):
            block = _of_pairs(said.similarity)
        elif isinstance(said, Vectors):
            block = _of_rows(said.rows)
        else:
            rows = [encoder.embed(slot) for slot in said.slots]
            block = _of_rows(np.hstack(rows) / np.sqrt(max(len(rows), 1)), _NOISE)
        if block is not None:
            found[signal] = (weight, block)
    total = sum(weight for weight, _ in found.values())
    return {signal: _scaled(block, weight / total) for signal, (weight, block) in found.items()}


def _of_rows(rows: Any, noise: float = 0.0) -> Block | None:
    """A block of vectors, the mean taken off; labels of which nothing is known stay neutral."""
    known = rows.any(axis=1)
    if not known.any():
        return None
    if len(rows) >= FEWEST:
        rows = np.where(known[:, None], rows - rows[known].mean(axis=0), 0.0)
    return _standard(Block(rows, rows), noise)


def _of_pairs(similarity: Any) -> Block | None:
    """A block of similarities, the mean of each row taken off; the diagonal is neutral.

    Columns keep theirs: a label that much is taken for is a trap for all, no artefact.
    """
    size = len(similarity)
    if size < FEWEST:
        return None
    apart = ~np.eye(size, dtype=bool)
    similarity = similarity - (similarity * apart).sum(axis=1, keepdims=True) / (size - 1)
    return _standard(Block(similarity * apart, np.eye(size)))


def _standard(block: Block, noise: float = 0.0) -> Block | None:
    """The block scaled to similarities of deviation 1, or less where they hardly differ."""
    size = len(block.query)
    if size < FEWEST:
        return block
    deviation = block.similarity()[~np.eye(size, dtype=bool)].std()
    if deviation < 10**-_DIGITS:
        return None
    return _scaled(block, 1 / float(np.round(np.hypot(deviation, noise), _DIGITS)))


def _scaled(block: Block, factor: float) -> Block:
    root = np.sqrt(factor)
    return Block(block.query * root, block.key * root)


def standardized(similarity: Any) -> Any:
    """Deviations above the mean of all pairs; the diagonal is 0. Too few labels: as they are."""
    size = len(similarity)
    apart = ~np.eye(size, dtype=bool)
    if size < FEWEST:
        return similarity * apart
    deviation = float(np.round(similarity[apart].std(), _DIGITS))
    if deviation == 0:
        return np.zeros_like(similarity)
    return np.round((similarity - similarity[apart].mean()) / deviation * apart, _DIGITS)


def shared(similarity: Any) -> Any:
    """Rows whose inner product says whether two labels are near to the same labels."""
    profile = similarity + np.eye(len(similarity)) * similarity.max()
    return unit(profile - profile.mean(axis=0))


def fused(evidence: Evidence, encoder: Encoder, settings: Negatives) -> Fused:
    """All signals as one similarity, and each signal's share in it."""
    size = len(evidence.labels)
    found = blocks(evidence, encoder, settings) if size > 1 else {}
    if not found:
        return Fused(np.zeros((size, size)), {})
    together = np.sum([block.similarity() for block in found.values()], axis=0)
    similar = standardized(together)
    if settings.shared_neighbours > 0 and size >= FEWEST and similar.any():
        rows = shared(similar)
        own = _standard(Block(rows, rows))
        if own is not None:
            # The signals together deviate by less than 1, because they do not agree in all.
            deviation = together[~np.eye(size, dtype=bool)].std()
            factor = float(np.round(deviation, _DIGITS)) * settings.shared_neighbours
            found["shared_neighbours"] = _scaled(own, factor)
    inner = search(found)
    return Fused(standardized(inner), _parts(found, inner))


def _parts(found: dict[str, Block], inner: Any) -> dict[str, Any]:
    """What each signal gives to the score: their sum is the score, but for rounding."""
    apart = ~np.eye(len(inner), dtype=bool)
    similar = {signal: block.similarity() for signal, block in found.items()}
    if len(inner) < FEWEST:
        return similar
    deviation = float(inner[apart].std()) or 1.0
    return {s: (own - own[apart].mean()) / deviation for s, own in similar.items()}


def search(found: dict[str, Block]) -> Any:
    """All inner products of the blocks laid side by side, by FAISS: labels x labels."""
    import faiss

    query, key = (np.hstack([block[side] for block in found.values()]) for side in (0, 1))
    scales = [_LENGTH / max(float(np.sqrt((m * m).sum(axis=1).max())), 1e-9) for m in (query, key)]
    whole = [
        np.ascontiguousarray(np.rint(m * scale), np.float32)
        for m, scale in zip((query, key), scales, strict=True)
    ]
    index = faiss.IndexFlatIP(whole[1].shape[1])
    index.add(whole[1])
    scores, order = index.search(whole[0], len(key))
    inner = np.zeros((len(query), len(key)))
    np.put_along_axis(inner, order, scores.astype(np.float64), axis=1)
    return inner / (scales[0] * scales[1])
