"""`lm-eval`: a folder of tasks that lm-evaluation-harness runs without changes.

    lm_eval --model hf --model_args pretrained=... --tasks iepile --include_path DIR

A task per config and split (`iepile_ner_en_test`), all in the group tag `iepile`. Its metrics are
those of `iepile score`: micro-F1 over the datasets of the config, per measure, the label batches of
a record pooled. For this the harness imports this package. Rows are in data/; the tasks name them
by absolute paths, so export again after moving the folder. Train rows make no task.
"""

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Final

import orjson

from pipeline.execution import shards
from pipeline.exports import Source
from pipeline.tasks.measures import MEASURES

_FUNCTIONS: Final = '''\
"""What the tasks call; see pipeline/scoring/harness.py."""

from pipeline.scoring.harness import f1_of, measured

process_results = measured
'''


def finish(source: Source, out: Path, counts: Counter[str]) -> None:
    """Write a task for each config and split of the rows in data/."""
    place = source.place or out
    for path in shards.listed(out / "data", "*/*-00000.parquet"):
        config, split = path.parent.name, path.name.partition("-")[0]
        name = f"iepile_{config}_{split}".lower().replace("-", "_")
        task = config.removeprefix("heldout-").partition("-")[0]
        paths = shards.listed(path.parent, f"{split}-*.parquet")
        files = [str(place / shard.relative_to(out)) for shard in paths]
        shards.write_text(_yaml(name, task, files), out / f"{name}.yaml")
        counts["tasks"] += 1
    functions = "".join(
        f"\n\ndef {measure}_f1(items):\n    return f1_of(items)\n"
        for measure in sorted({*chain(*MEASURES.values())})
    )
    shards.write_text(_FUNCTIONS + functions, out / "utils.py")


def _yaml(name: str, task: str, files: list[str]) -> str:
    metrics = "".join(
        f"  - metric: {measure}_f1\n    aggregation: !function utils.{measure}_f1\n"
        "    higher_is_better: true\n"
        for measure in MEASURES[task]
    )
    return f"""\
task: {name}
tag: iepile
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {orjson.dumps(files).decode()}
test_split: test
output_type: generate_until
doc_to_text: "{{{{instruction}}}}"
doc_to_target: "{{{{output}}}}"
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: 1024
process_results: !function utils.process_results
metric_list:
{metrics}metadata:
  version: 1
"""
