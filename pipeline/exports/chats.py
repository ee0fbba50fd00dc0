r"""Formats of instruction tuning: every instruction and its answer as one row of JSON lines.

    alpaca             {"instruction": "{\"instruction\": ...}", "input": "", "output": "{...}"}
    sharegpt           {"conversations": [{"from": "human", "value": "{\"instruction\": ...}"},
                                          {"from": "gpt", "value": "{\"person\": [...]}"}]}
    messages           {"messages": [{"role": "user", "content": "{\"instruction\": ...}"},
                                     {"role": "assistant", "content": "{\"person\": [...]}"}]}
    prompt-completion  {"prompt": "{\"instruction\": ...}\n", "completion": "{\"person\": [...]}"}

Alpaca's instruction is the whole prompt: trainers join a non-empty `input` to it in ways of their
own. Trainers add no chat template to prompts and completions, which are for base models: TRL joins
the two and counts the loss on the completion alone; the line feed keeps them apart.

    train/NER-en-00000.jsonl    one folder per split, nothing in it but shards
    heldout/NER-en-00000.jsonl  the test rows of held-out sets
    dataset_info.json           the folders for LLaMA-Factory: iepile_train, iepile_dev, ...

LLaMA-Factory loads a folder as one dataset; a file of another kind beside the shards breaks that.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pipeline.execution import shards
from pipeline.exports import instructions
from pipeline.exports._files import json_lines

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

#: Format -> how LLaMA-Factory reads it.
_FOR_LLAMAFACTORY: Final = {
    "alpaca": {
        "formatting": "alpaca",
        "columns": {"prompt": "instruction", "query": "input", "response": "output"},
    },
    "sharegpt": {"formatting": "sharegpt", "columns": {"messages": "conversations"}},
    "messages": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
    "prompt-completion": {
        "formatting": "alpaca",
        "columns": {"prompt": "prompt", "response": "completion"},
    },
}


def row(form: str, asked: str, answer: str) -> dict[str, Any]:
    """The row of an instruction and its answer in one of the formats."""
    if form == "alpaca":
        return {"instruction": asked, "input": "", "output": answer}
    if form == "prompt-completion":
        return {"prompt": f"{asked}\n", "completion": answer}
    if form == "sharegpt":
        turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
        return {"conversations": turns}
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return {"messages": turns}


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a row."""
    counts: Counter[str] = Counter()
    with json_lines(out) as write:
        for config, split, table in instructions(source):
            folder = "heldout" if config.startswith("heldout-") else split
            pairs = zip(table["instruction"].to_pylist(), table["output"].to_pylist(), strict=True)
            rows = (row(source.format, asked, answer) for asked, answer in pairs)
            write(f"{folder}/{config.removeprefix('heldout-')}", rows)
            counts[folder] += table.num_rows
    entries = {
        f"iepile_{folder}": {"file_name": folder, **_FOR_LLAMAFACTORY[source.format]}
        for folder in counts
    }
    shards.write_json(entries, out / "dataset_info.json")
    return {f"{folder} rows": number for folder, number in counts.items()}
