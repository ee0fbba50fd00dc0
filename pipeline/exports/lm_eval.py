"""`lm-eval`: a folder of tasks that lm-evaluation-harness runs as it stands.

    lm_eval --model hf --model_args pretrained=... --tasks iepile --include_path DIR

A task per config and split (`iepile_ner_en_test`), all in the group tag `iepile`. Its metrics are
those of `iepile score`: micro-F1 over the datasets of the config, per measure, the label batches of
a record pooled. The harness imports this package for that. Rows lie in data/, as absolute paths in
the tasks: export again after moving the folder. Train rows make no task.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Final

import orjson

from pipeline.execution import shards
from pipeline.exports import instructions
from pipeline.exports._files import parquet
from pipeline.tables import INSTRUCTIONS
from pipeline.tasks.measures import MEASURES

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exports import Source

_FUNCTIONS: Final = '''\
"""What the tasks call; see pipeline/scoring/harness.py."""

from pipeline.scoring.harness import f1_of, measured

process_results = measured
'''


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the rows of dev and test, and a task for each config."""
    counts = Counter(rows=0)
    tasks: dict[str, tuple[str, str]] = {}
    place = source.place or out
    chosen = source._replace(splits=tuple(s for s in source.splits if s != "train"))
    with parquet(out) as write:
        for config, split, table in instructions(chosen):
            write(f"data/{config}/{split}", table.to_pylist(), INSTRUCTIONS)
            counts["rows"] += table.num_rows
            name = f"iepile_{config}_{split}".lower().replace("-", "_")
            tasks[name] = (config, split)
    for name, (config, split) in tasks.items():
        paths = shards.listed(out / "data" / config, f"{split}-*.parquet")
        task = config.removeprefix("heldout-").partition("-")[0]
        files = [str(place / path.relative_to(out)) for path in paths]
        shards.write_text(_yaml(name, task, files), out / f"{name}.yaml")
    functions = "".join(
        f"\n\ndef {measure}_f1(items):\n    return f1_of(items)\n"
        for measure in sorted({*chain(*MEASURES.values())})
    )
    shards.write_text(_FUNCTIONS + functions, out / "utils.py")
    return {**counts, "tasks": len(tasks)}


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
