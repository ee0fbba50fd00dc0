"""What the formats of instruction tuning share: lines of JSON, and LLaMA-Factory's list of them.

    train/NER-en-00000.jsonl    one folder per split, nothing in it but shards
    heldout/NER-en-00000.jsonl  the test rows of held-out sets
    dataset_info.json           the folders for LLaMA-Factory: iepile_train, iepile_dev, ...

LLaMA-Factory loads a folder as one dataset; a file of another kind beside the shards breaks that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.execution import shards
from pipeline.exports import instructions, json_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.exports import Source


def write(
    source: Source, out: Path, row: Callable[[str, str], Any], known_as: dict[str, Any]
) -> dict[str, int]:
    """Write `row(instruction, output)` of every instruction; `known_as` is for LLaMA-Factory."""
    counts: dict[str, int] = {}
    with json_lines(out) as write_lines:
        for config, split, table in instructions(source):
            held_out, name = config.startswith("heldout-"), config.removeprefix("heldout-")
            folder = "heldout" if held_out else split
            asked = table["instruction"].to_pylist()
            answers = table["output"].to_pylist()
            lines = (orjson.dumps(row(q, a)) for q, a in zip(asked, answers, strict=True))
            write_lines(f"{folder}/{name}", lines)
            counts[folder] = counts.get(folder, 0) + table.num_rows
    entries = {f"iepile_{folder}": {"file_name": folder, **known_as} for folder in counts}
    shards.write_json(entries, out / "dataset_info.json")
    return {f"{folder} rows": number for folder, number in counts.items()}
