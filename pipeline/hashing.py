"""Random choices without state: every draw and every order follows from hashes of names.

A (record, label) pair has the priority `mix64(xxh3_64(record id) ^ mix64(xxh3_64(label) + seed))`.
"""

from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import xxhash


def mix64(value: Any) -> Any:
    """Return the SplitMix64 finalizer (Steele et al., OOPSLA 2014) of uint64 arrays."""
    value = np.asarray(value, np.uint64)
    with np.errstate(over="ignore"):  # the multiplication is modulo 2**64
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def hashes(strings: Sequence[str]) -> Any:
    """Return the xxh3_64 of every string, as uint64."""
    return np.fromiter(
        (xxhash.xxh3_64_intdigest(s.encode()) for s in strings), np.uint64, len(strings)
    )


def priorities(record_ids: Sequence[str], labels: Sequence[str], seed: int) -> Any:
    """Return the priority of every (record, label): records x labels, uint64; low comes first."""
    seeded = mix64(hashes(labels) + np.uint64(seed % 2**64))
    return mix64(hashes(record_ids)[:, None] ^ seeded[None, :])


def fractions(hashed: Any) -> Any:
    """Return hashes as numbers from 0 up to 1, to compare with a share."""
    return hashed.astype(np.float64) / 2.0**64


def share_of(name: str, shares: Mapping[str, int]) -> str:
    """Return the key of `shares` that a name is assigned to; each gets its share of the names."""
    point = xxhash.xxh3_64_intdigest(name.encode()) % sum(shares.values())
    return [*shares][bisect([*accumulate(shares.values())], point)]
