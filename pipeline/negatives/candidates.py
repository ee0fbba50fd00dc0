"""Which pairs of a large inventory are worth comparing: neighbours that FAISS finds in a sketch.

Each label's sparse rows are folded into `_WIDTH` numbers by hash, which about keeps their inner
products; what they share in neighbours is laid beside. The nearest labels by that, and those that
a signal of pairs links, are candidates: a few per label, some logarithms of the number of labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.sparse import csr_array

from pipeline.hashing import mix64
from pipeline.negatives.evidence import links_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 1024
#: Labels that are searched for at a time.
_STEP: Final = 1024


def pairs(blocks: Sequence[Any], top_k: int, length: float) -> tuple[Any, Any]:
    """The numbers of the labels of each pair, both ways round, sorted.

    Rows are rounded to integers of at most `length`, whose inner products are exact in float32.
    """
    import faiss

    size = blocks[0].query.shape[0]
    whole = _sketch(blocks)
    whole *= length / max(float(np.sqrt((whole * whole).sum(axis=1).max())), 1e-9)
    whole = np.ascontiguousarray(np.rint(whole, out=whole), np.float32)
    index = faiss.IndexFlatIP(whole.shape[1])
    index.add(whole)
    wanted = min(max(links_kept(size), 2 * top_k) + 1, size)
    codes = []
    for at in range(0, size, _STEP):
        _, near = index.search(whole[at : at + _STEP], wanted)
        codes.append((np.arange(at, at + len(near))[:, None] * size + near).ravel())
    for block in blocks:
        if block.links is not None:
            linked = block.links.tocoo()
            codes.append(linked.row.astype(np.int64) * size + linked.col)
    first, second = np.divmod(np.concatenate(codes), size)
    first, second = np.divmod(
        np.unique(np.concatenate([first * size + second, second * size + first])), size
    )
    return first[first != second], second[first != second]


def _sketch(blocks: Sequence[Any]) -> Any:
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
