"""How long instructions are: in tokens of a Hugging Face tokenizer, or in characters."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from pipeline.errors import DeclarationError, explained


class Lengths(NamedTuple):
    """The lengths of rows, instruction and output together."""

    total: int = 0
    median: int = 0
    most_are_below: int = 0  #: 95 % are this long or shorter
    longest: int = 0


def measured(table: Any, tokenizer: str | None) -> Any:
    """The length of every row of a table of instructions, int64."""
    return sum(_lengths(table[column], tokenizer) for column in ("instruction", "output"))


def _lengths(column: Any, tokenizer: str | None) -> Any:
    if tokenizer is None:
        return pc.utf8_length(column).to_numpy().astype(np.int64)
    encoded = _load(tokenizer)(column.to_pylist(), add_special_tokens=False)
    return np.array([len(ids) for ids in encoded["input_ids"]], np.int64)


def counted(lengths: Sequence[Any]) -> list[list[int]]:
    """Two lists: the lengths that occur, and how many rows have each."""
    every = np.concatenate([np.zeros(0, np.int64), *lengths])
    values, counts = np.unique(every, return_counts=True)
    return [values.tolist(), counts.tolist()]


def summary(shards: Sequence[Sequence[Sequence[int]]]) -> Lengths:
    """The figures over all rows, from what `counted` returned for each shard."""
    values, counts = (
        np.array([n for shard in shards for n in shard[part]], np.int64) for part in (0, 1)
    )
    if not len(values):
        return Lengths()
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(counts[order])
    at = (ends[-1] - 1) * np.array([50, 95, 100]) // 100
    return Lengths(
        int((values * counts).sum()),
        *(int(n) for n in values[order][np.searchsorted(ends, at, side="right")]),
    )


@cache
def _load(tokenizer: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=False)
    except (OSError, ValueError) as problem:
        raise explained(problem, tokenizer) or DeclarationError(
            f"cannot load the tokenizer {tokenizer!r}: {str(problem).partition(chr(10))[0]}",
            where="params.yaml: publish.tokenizer",
            todo="name a folder that holds tokenizer.json, or a model on the Hugging Face Hub",
        ) from None
