r"""Formats of instruction tuning: every instruction and its answer as one row of JSON lines.

    alpaca             {"instruction": "{\"instruction\": ...}", "input": "", "output": "{...}"}
    sharegpt           {"conversations": [{"from": "human", "value": "{\"instruction\": ...}"},
                                          {"from": "gpt", "value": "{\"person\": [...]}"}]}
    messages           {"messages": [{"role": "user", "content": "{\"instruction\": ...}"},
                                     {"role": "assistant", "content": "{\"person\": [...]}"}]}
    prompt-completion  {"prompt": "{\"instruction\": ...}\n", "completion": "{\"person\": [...]}"}
    trl-grpo           {"prompt": [{"role": "user", ...}], "task": "NER", "gold": "{...}"}
    swift-grpo         {"messages": [{"role": "user", ...}], "solution": "{...}", "task": "NER"}
    batch              {"custom_id": "...", "method": "POST", "url": ..., "body": {"messages": ...}}
    json-schema        {"schema": {...}}

All but batches, whose `custom_id` it is, have the columns `id` and `record_id` of the corpus.
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

import orjson

from pipeline.execution import shards
from pipeline.exports import instructions
from pipeline.exports._files import ROWS_PER_SHARD, json_lines
from pipeline.tasks import json_schema

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
#: OpenAI takes no larger files.
REQUESTS_PER_BATCH: Final = 50_000
_AXOLOTL: Final = """\
# Set base_model, then run `axolotl train axolotl.yaml` in this folder.
base_model: Qwen/Qwen2.5-0.5B-Instruct
datasets:
  - path: train
    ds_type: json
    type: chat_template
    field_messages: messages
test_datasets:
  - path: dev
    ds_type: json
    split: train
    type: chat_template
    field_messages: messages
output_dir: ./trained
sequence_len: 2048
micro_batch_size: 2
gradient_accumulation_steps: 8
num_epochs: 1
learning_rate: 0.00001
"""
_SWIFT: Final = '''\
"""swift rlhf --rlhf_type grpo --external_plugins plugin.py --reward_funcs iepile ..."""

from swift.plugin import ORM, orms

from pipeline.scoring.reward import swift_reward


class IEPile(ORM):
    """F1 of the answer, as `iepile score` counts it."""

    def __call__(self, completions, **columns):
        return swift_reward(completions, **columns)


orms["iepile"] = IEPile
'''
#: Format -> a file beside its rows.
_BESIDE: Final = {"messages": ("axolotl.yaml", _AXOLOTL), "swift-grpo": ("plugin.py", _SWIFT)}


def row(form: str, published: dict[str, Any], model: str = "") -> dict[str, Any]:
    """A row of the corpus in one of the formats; `model` is asked by batches."""
    asked, answer = published["instruction"], published["output"]
    ids = {"id": published["id"], "record_id": published["record_id"]}
    question = [{"role": "user", "content": asked}]
    match form:
        case "alpaca":
            return {"instruction": asked, "input": "", "output": answer, **ids}
        case "prompt-completion":
            return {"prompt": f"{asked}\n", "completion": answer, **ids}
        case "sharegpt":
            turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
            return {"conversations": turns, **ids}
        case "messages":
            return {"messages": [*question, {"role": "assistant", "content": answer}], **ids}
        case "trl-grpo":
            # As a string: the columns of a dataset have one type.
            schema = orjson.dumps(json_schema.of_row(published)).decode()
            task = published["task"]
            return {"prompt": question, "task": task, "gold": answer, "schema": schema, **ids}
        case "swift-grpo":
            return {"messages": question, "solution": answer, "task": published["task"], **ids}
        case "batch":
            body = {"model": model, "messages": question, "temperature": 0}
            body["response_format"] = json_schema.response_format(published)
            url = "/v1/chat/completions"
            return {"custom_id": ids["id"], "method": "POST", "url": url, "body": body}
        case _:
            return {**ids, "schema": json_schema.of_row(published)}


def export(source: Source, out: Path) -> dict[str, int]:
    """Write every instruction as a row, and what its trainer needs beside the rows."""
    counts: Counter[str] = Counter()
    per_shard = REQUESTS_PER_BATCH if source.format == "batch" else ROWS_PER_SHARD
    with json_lines(out, per_shard) as write:
        for config, split, table in instructions(source):
            folder = "heldout" if config.startswith("heldout-") else split
            rows = (row(source.format, own, source.model) for own in table.to_pylist())
            write(f"{folder}/{config.removeprefix('heldout-')}", rows)
            counts[folder] += table.num_rows
    if source.format in _FOR_LLAMAFACTORY:
        known_as = _FOR_LLAMAFACTORY[source.format]
        entries = {f"iepile_{f}": {"file_name": f, **known_as} for f in counts}
        shards.write_json(entries, out / "dataset_info.json")
    if source.format in _BESIDE:
        name, text = _BESIDE[source.format]
        shards.write_text(text, out / name)
    return {f"{folder} rows": number for folder, number in counts.items()}
