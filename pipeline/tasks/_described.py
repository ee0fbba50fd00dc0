"""What labels mean, as schema items say it: `{name: description}`, or a description in the item.

A dataset without descriptions, or with `instruct.descriptions: false`, is asked by names alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from pipeline import hashing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.catalog import Dataset

#: Salt: the phrasing must not follow from the text of the instruction, which hashes the id too.
_PHRASING: Final = np.uint64(0x5048)


def phrasings(dataset: Dataset) -> list[Dataset]:
    """The dataset as it is, then with the first paraphrases as its descriptions, and so on."""
    others = dataset.paraphrases
    count = max(map(len, others.values()), default=0)
    paraphrased = (
        {label: texts[n] for label, texts in others.items() if n < len(texts)} for n in range(count)
    )
    replaced = [
        msgspec.structs.replace(dataset, descriptions={**dataset.descriptions, **texts})
        for texts in paraphrased
    ]
    return [dataset, *replaced]


def phrasing_of(ids: Sequence[str], count: int) -> Any:
    """Which of `count` phrasings each record is asked in, by the hash of its id: int64."""
    if count == 1:
        return np.zeros(len(ids), np.int64)
    mixed = hashing.mix64(hashing.hashes(ids) ^ _PHRASING)
    return (mixed % np.uint64(count)).astype(np.int64)


def described(dataset: Dataset, names: Sequence[str]) -> list[str] | dict[str, str]:
    """The names of roles or attributes; where any is described, an object {name: description}."""
    if dataset.descriptions.keys().isdisjoint(names):
        return [*names]
    return {name: dataset.descriptions.get(name, "") for name in names}


def description(dataset: Dataset, label: str) -> dict[str, str]:
    """The entry of a schema item that describes its label; none where nothing does."""
    text = dataset.descriptions.get(label)
    return {"description": text} if text else {}
