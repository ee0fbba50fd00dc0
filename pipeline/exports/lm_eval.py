"""`lm-eval`: a folder of tasks that lm-evaluation-harness runs without changes.

    lm_eval --model hf --model_args pretrained=... --tasks iepile --include_path DIR

A task per config and split (`iepile_ner_en_test`), all in the group tag `iepile`. Its metrics are
those of `iepile score`: micro-F1 over the datasets of the config, per measure, the label batches of
a record pooled. For this the harness imports this package. Rows are in data/; the tasks name them
by absolute paths, so export again after moving the folder. Train rows make no task.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import orjson

from pipeline.execution import shards
from pipeline.exports import Source
from pipeline.tasks.measures import MEASURES


def finish(form: Mapping[str, Any], source: Source, out: Path, counts: Counter[str]) -> None:
    """Write a task for each config and split of the rows in data/."""
    place = source.place or out
    task_template, metric = Template(form["task"]), Template(form["metric"])
    for path in shards.listed(out / "data", "*/*-00000.parquet"):
        config, split = path.parent.name, path.name.partition("-")[0]
        name = f"iepile_{config}_{split}".lower().replace("-", "_")
        task = config.removeprefix("heldout-").partition("-")[0]
        paths = shards.listed(path.parent, f"{split}-*.parquet")
        files = orjson.dumps([str(place / shard.relative_to(out)) for shard in paths]).decode()
        metrics = "".join(metric.substitute(measure=measure) for measure in MEASURES[task])
        text = task_template.substitute(name=name, files=files, metrics=metrics)
        shards.write_text(text, out / f"{name}.yaml")
        counts["tasks"] += 1
