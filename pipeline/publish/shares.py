"""How much of a dataset is published: at most so many rows, or rows more than once, by hash."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing, tables
from pipeline.config import Publish
from pipeline.execution import shards
from pipeline.tables import INSTRUCTIONS

#: Salts, so that which rows are kept or repeated does not follow from their place in the corpus.
_CAP, _REPEAT = np.uint64(0x4341), np.uint64(0x5245)


class Share(NamedTuple):
    """Which rows of a dataset are published: those with a hash up to `most`, `repeat` times."""

    most: int = 2**64 - 1
    repeat: float = 1.0

    def copies(self, ids: Any) -> Any:
        """How often each row occurs."""
        keys = hashing.hashes(ids.to_pylist())
        kept = hashing.mix64(keys ^ _CAP) <= np.uint64(self.most)
        point = hashing.fractions(hashing.mix64(keys ^ _REPEAT))
        return kept * (int(self.repeat) + (point < self.repeat % 1))


#: Every row, once.
ALL: Final = Share()


def share(paths: Sequence[Path], dataset: str, settings: Publish) -> Share:
    """The share of a dataset whose rows lie at `paths`."""
    most, repeat = settings.max_rows.get(dataset), settings.repeat.get(dataset, 1.0)
    if most is None or sum(map(shards.rows, paths)) <= most:
        return Share(repeat=repeat)
    ids = (shards.read(path, ["id"])["id"].to_pylist() for path in paths)
    order = np.concatenate([hashing.mix64(hashing.hashes(some) ^ _CAP) for some in ids])
    return Share(int(np.partition(order, most - 1)[most - 1]), repeat)


def copied(table: Any, share: Share) -> Any:
    """Every row as often as the share says; the second and later copies have ids of their own."""
    row, number = tables.elements(share.copies(table["id"]))
    table = table.take(pa.array(row))
    suffix = [f"#{n}" if n else "" for n in range(int(number.max(initial=0)) + 1)]
    ids = pc.binary_join_element_wise(
        table["id"], pa.array(suffix, pa.string()).take(pa.array(number)), ""
    )
    index = INSTRUCTIONS.get_field_index("id")
    return table.set_column(index, INSTRUCTIONS.field("id"), ids)
