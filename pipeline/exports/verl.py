"""`verl`: Parquet rows for reinforcement learning with verl.

    data_source   "iepile/CoNLL2004"
    prompt        [{"role": "user", "content": ...}]
    ability       "NER"
    reward_model  {"style": "rule", "ground_truth": ...}
    extra_info    {"id", "record_id", "task", "split", "index"}

The reward: `custom_reward_function.path` is the file `pipeline/scoring/reward.py`, `.name` is
`compute_score`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from pipeline.exports import instructions
from pipeline.exports._files import parquet

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

_STRINGS: Final = ("id", "record_id", "task", "split")
SCHEMA: Final = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        ("extra_info", pa.struct([*((n, pa.string()) for n in _STRINGS), ("index", pa.int64())])),
    ]
)


def row(published: dict[str, Any], index: int) -> dict[str, Any]:
    """A row of the corpus; `index` is its place in the split."""
    return {
        "data_source": f"iepile/{published['source']}",
        "prompt": [{"role": "user", "content": published["instruction"]}],
        "ability": published["task"],
        "reward_model": {"style": "rule", "ground_truth": published["output"]},
        "extra_info": {**{name: published[name] for name in _STRINGS}, "index": index},
    }


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a row."""
    counts: Counter[str] = Counter()
    with parquet(out) as write:
        for config, split, table in instructions(source):
            folder = "heldout" if config.startswith("heldout-") else split
            first = counts[folder]
            rows = [row(own, first + n) for n, own in enumerate(table.to_pylist())]
            write(f"{folder}/{config.removeprefix('heldout-')}", rows, SCHEMA)
            counts[folder] += len(rows)
    return {f"{folder} rows": number for folder, number in counts.items()}
