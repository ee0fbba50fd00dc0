"""Signals fused into one similarity of labels.

Every signal becomes a block: query and key rows whose inner product is its similarity. A block is
centered, because a label that is near everything is near nothing, and scaled so that similarities
of all pairs deviate by 1. The weighted sum of the blocks is the fused similarity. A last block adds
what that similarity itself implies: labels that are near to the same labels are near to each other.

Up to `EXACT` labels all pairs are compared. Of more labels, a sample of so many, drawn by hash,
stands for all where means, deviations and shared neighbors are asked for, and pairs are compared
only if `_candidates` names them.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, hstack

from pipeline.config import Negatives
from pipeline.hashing import hashes, mix64
from pipeline.negatives.encoders import LENGTH, Encoder, nearest, unit
from pipeline.negatives.evidence import EXACT, Evidence, links_kept
from pipeline.negatives.signals import SIGNALS, Pairs, Vectors

#: With fewer labels similarities have no deviation to speak of: cosines are added as they are, and
#: pairs, which have no scale of their own, are left out.
FEWEST: Final = 4
_DIGITS: Final = 6
#: Cosines of texts that deviate by less than this say little: scaling must not blow them up.
_NOISE: Final = 0.03
#: Pairs whose rows are multiplied at a time.
_STEP: Final = 4096
#: Numbers that a sketch of a label consists of.
_WIDTH: Final = 1024


class Block(NamedTuple):
    """Labels x dimensions twice: inner products of queries with keys, times `factor`."""

    query: Any
    key: Any
    #: The inner products of the sample's labels with each other.
    inner: Any
    factor: float = 1.0
    #: Sparse labels x labels: pairs that a signal of pairs speaks of, where not of all.
    links: Any = None

    def similarity(self) -> Any:
        """Sample x sample."""
        return np.round(self.inner * self.factor, _DIGITS)

    def with_sample(self, sample: Any) -> Any:
        """Labels x sample."""
        if len(sample) == self.query.shape[0]:
            return self.similarity()
        inner = self.query @ self.key[sample].T
        return np.round(_dense(inner) * self.factor, _DIGITS)

    def of(self, first: Any, second: Any) -> Any:
        """The similarity of pairs of labels."""
        if len(self.inner) == self.query.shape[0]:
            return self.similarity()[first, second]
        inner = np.zeros(len(first))
        for at in range(0, len(first), _STEP):
            part = slice(at, at + _STEP)
            inner[part] = (self.query[first[part]] * self.key[second[part]]).sum(axis=1)
        return np.round(inner * self.factor, _DIGITS)


class Fused(NamedTuple):
    """The fused similarity of pairs of labels, and what each signal gives to it."""

    first: Any
    second: Any
    score: Any
    parts: dict[str, Any]


def fused(evidence: Evidence, encoder: Encoder, settings: Negatives) -> Fused:
    """All signals as one similarity, and each signal's share in it, of all pairs or candidates."""
    size = len(evidence.labels)
    sample = sampled(evidence.labels)
    blocks_by_signal = blocks(evidence, encoder, settings, sample) if size > 1 else {}
    if blocks_by_signal and settings.shared_neighbors > 0 and size >= FEWEST:
        together = np.sum([block.similarity() for block in blocks_by_signal.values()], axis=0)
        shared = _shared(blocks_by_signal, together, sample)
        if shared is not None:
            # The signals together deviate by less than 1, because they do not agree in all.
            deviation = together[_apart(len(together))].std()
            factor = float(np.round(deviation, _DIGITS)) * settings.shared_neighbors
            blocks_by_signal["shared_neighbors"] = _scaled(shared, factor)
    every = [*blocks_by_signal.values()]
    if size > EXACT and every:
        first, second = _candidates(every, settings.top_k)
        inner = np.sum([block.similarity() for block in every], axis=0)
    else:
        first, second = np.nonzero(_apart(size))
        inner = inner_products(every) if every else np.zeros((size, size))
    parts = {signal: block.of(first, second) for signal, block in blocks_by_signal.items()}
    whole = np.sum([*parts.values()], axis=0) if size > EXACT and every else inner[first, second]
    if size < FEWEST:
        return Fused(first, second, whole, parts)
    deviation = float(inner[_apart(len(inner))].std()) or 1.0
    for signal, block in blocks_by_signal.items():
        parts[signal] = (parts[signal] - block.similarity()[_apart(len(inner))].mean()) / deviation
    return Fused(first, second, standardized(whole, inner), parts)


def sampled(labels: list[str]) -> Any:
    """The numbers of the labels that stand for all: all, or those of the lowest hashes."""
    if len(labels) <= EXACT:
        return np.arange(len(labels))
    return np.sort(np.argsort(hashes(labels), kind="stable")[:EXACT])


def blocks(
    evidence: Evidence, encoder: Encoder, settings: Negatives, sample: Any
) -> dict[str, Block]:
    """Signal -> its block, centered, scaled and weighted. Signals without evidence are left out."""
    weighted: dict[str, tuple[float, Block]] = {}
    for signal, weight in settings.weights.items():
        said = SIGNALS[signal](evidence) if weight > 0 else None
        if said is None:
            continue
        if isinstance(said, Pairs):
            block = _of_pairs(said, sample)
        elif isinstance(said, Vectors):
            block = _of_rows(csr_array(said.rows), sample)
        else:
            rows = [csr_array(encoder.embed(slot)) for slot in said.slots]
            block = _of_rows(hstack(rows, "csr") / np.sqrt(max(len(rows), 1)), sample, _NOISE)
        if block is not None:
            weighted[signal] = (weight, block)
    total = sum(weight for weight, _ in weighted.values())
    return {signal: _scaled(block, weight / total) for signal, (weight, block) in weighted.items()}


def _of_rows(rows: Any, sample: Any, noise: float = 0.0) -> Block | None:
    """A block of vectors, the mean taken off; labels of which nothing is known stay neutral."""
    rows.eliminate_zeros()
    known = np.diff(rows.indptr) > 0
    if not known.any():
        return None
    if len(known) > EXACT:
        # Sparse rows have sparse inner products; two more columns take off the mean from them.
        mean = rows.sum(axis=0) / known.sum()
        off = known * (mean @ mean) / 2 - rows @ mean
        ends = [csr_array(column[:, None]) for column in (known.astype(np.float64), off)]
        query, key = (hstack([rows, *order], "csr") for order in (ends, ends[::-1]))
        query.sort_indices()
        key.sort_indices()
    else:
        query = rows[:, np.unique(rows.indices)].toarray()
        if len(query) >= FEWEST:
            query = np.where(known[:, None], query - query[known].mean(axis=0), 0.0)
        key = query
    return _standard(query, key, sample, noise)


def _of_pairs(said: Pairs, sample: Any) -> Block | None:
    """A block of similarities, the mean of each row taken off; the diagonal is neutral.

    Columns keep theirs: a label that much is taken for is a trap for all, no artifact.
    """
    size = said.similarity.shape[0]
    if size < FEWEST:
        return None
    stored = csr_array(said.similarity).tocoo()
    if size <= EXACT:
        dense = np.full((size, size), said.rest)
        dense[stored.row, stored.col] = stored.data
        dense -= (dense * _apart(size)).sum(axis=1, keepdims=True) / (size - 1)
        return _standard(dense * _apart(size), np.eye(size), sample)
    other = stored.row != stored.col
    place = (stored.row[other], stored.col[other])
    links = csr_array((stored.data[other] - said.rest, place), (size, size))
    off = -links.sum(axis=1) / (size - 1)
    query = hstack([links - diags_array(off), csr_array(off[:, None])], "csr")
    key = hstack([eye_array(size), csr_array(np.ones((size, 1)))], "csr")
    block = _standard(query, key, sample)
    return None if block is None else block._replace(links=links)


def _shared(blocks_by_signal: dict[str, Block], together: Any, sample: Any) -> Block | None:
    """A block whose inner product says whether two labels are near to the same labels."""
    near = np.sum([block.with_sample(sample) for block in blocks_by_signal.values()], axis=0)
    sample_itself = (sample, np.arange(len(sample)))
    near = standardized(near, together)
    near[sample_itself] = 0
    if not near.any():
        return None
    near[sample_itself] = near.max()
    rows = unit(near - near.mean(axis=0))
    return _standard(rows, rows, sample)


def _standard(query: Any, key: Any, sample: Any, noise: float = 0.0) -> Block | None:
    """A block scaled to similarities of deviation 1, or less where they hardly differ."""
    whole = len(sample) == query.shape[0]
    inner = query @ key.T if whole else query[sample] @ key[sample].T
    block = Block(query, key, _dense(inner))
    if len(sample) < FEWEST:
        return block
    deviation = block.similarity()[_apart(len(sample))].std()
    if deviation < 10**-_DIGITS:
        return None
    return _scaled(block, 1 / float(np.round(np.hypot(deviation, noise), _DIGITS)))


def _scaled(block: Block, factor: float) -> Block:
    return block._replace(factor=block.factor * factor)


def standardized(similarity: Any, among: Any) -> Any:
    """Deviations above the mean of all pairs, which `among` holds but for its diagonal."""
    known = among[_apart(len(among))]
    deviation = float(np.round(known.std(), _DIGITS))
    if deviation == 0:
        return np.zeros_like(similarity)
    return np.round((similarity - known.mean()) / deviation, _DIGITS)


def inner_products(blocks: list[Block]) -> Any:
    """The sum of the blocks' similarities, labels x labels.

    Coordinates are rounded to integers small enough that float32 adds up their products exactly,
    so the sums are the same whatever the processor, BLAS and threads.
    """
    scales = []
    for side in ("query", "key"):
        squares = [((m := getattr(b, side)) * m).sum(axis=1) * b.factor for b in blocks]
        scales.append(LENGTH / max(float(np.sqrt(np.sum(squares, axis=0).max())), 1e-9))
    inner = np.zeros((blocks[0].query.shape[0],) * 2)
    for block in blocks:
        root = np.sqrt(block.factor)
        query, key = (
            np.rint(rows * (root * scale)).astype(np.float32)
            for rows, scale in zip((block.query, block.key), scales, strict=True)
        )
        inner += query @ key.T
    return inner / (scales[0] * scales[1])


def _apart(size: int) -> Any:
    return ~np.eye(size, dtype=bool)


def _dense(matrix: Any) -> Any:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _candidates(blocks: Sequence[Block], top_k: int) -> tuple[Any, Any]:
    """Which pairs of a large inventory are worth comparing: both ways round, sorted.

    Each label's sparse rows are folded into `_WIDTH` numbers by hash, which about keeps their inner
    products; what they share in neighbors is laid beside. The nearest labels by that, as FAISS
    finds them, and those that a signal of pairs links, are candidates: a few per label, some
    logarithms of the number of labels.
    """
    size = blocks[0].query.shape[0]
    whole = _sketch(blocks)
    whole *= LENGTH / max(float(np.sqrt((whole * whole).sum(axis=1).max())), 1e-9)
    near = nearest(np.rint(whole, out=whole), max(links_kept(size), 2 * top_k) + 1)
    codes = [(np.arange(size)[:, None] * size + near).ravel()]
    for block in blocks:
        if block.links is not None:
            linked = block.links.tocoo()
            codes.append(linked.row.astype(np.int64) * size + linked.col)
    first, second = np.divmod(np.concatenate(codes), size)
    first, second = np.divmod(
        np.unique(np.concatenate([first * size + second, second * size + first])), size
    )
    return first[first != second], second[first != second]


def _sketch(blocks: Sequence[Block]) -> Any:
    """Labels x dimensions: rows whose inner products are about the fused similarity."""
    size = blocks[0].query.shape[0]
    folded, beside, seed = np.zeros((size, _WIDTH)), [], 0
    for block in blocks:
        root = np.sqrt(block.factor)
        if isinstance(block.query, np.ndarray):
            beside.append(block.query * root)
        elif block.links is None:
            rows, known = block.query[:, :-2], block.query[:, [-2]].toarray()
            projected = (rows @ _fold(rows.shape[1], seed)).toarray()
            folded += root * (projected - known * (projected.sum(axis=0) / known.sum()))
            seed += rows.shape[1]
    return np.hstack([folded, *beside])


def _fold(width: int, seed: int) -> Any:
    """Columns x `_WIDTH`: to which number each column is added, and with which sign."""
    drawn = mix64(np.arange(seed, seed + width, dtype=np.uint64) + np.uint64(1))
    sign = np.where(drawn >> np.uint64(63), -1.0, 1.0)
    place = (drawn % np.uint64(_WIDTH)).astype(np.int64)
    return csr_array((sign, (np.arange(width), place)), (width, _WIDTH))
