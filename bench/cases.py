"""One measured case in a process of its own; prints what it took as one line of JSON.

python -m bench.cases instruct FOLDER WORKERS    records of one dataset -> instructions
python -m bench.cases everything FOLDER WORKERS  raw files of many datasets -> corpus
python -m bench.cases negatives FOLDER WORKERS   records of one large inventory -> dictionary
python -m bench.cases floor FOLDER 1             the same rows, by pq.write_table alone
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pyarrow.parquet as pq

from pipeline import catalog
from pipeline.catalog import Dataset, Labels
from pipeline.commands import chain
from pipeline.commands.layout import Workspace
from pipeline.config import Instruct, Negatives, Settings
from pipeline.execution import shards, tuning
from pipeline.execution.engines import Workers
from pipeline.instruct.stage import instruct
from pipeline.negatives.stage import negatives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _floor(folder: Path) -> dict:
    """Rows of all shards, and the seconds that `pq.write_table` takes for them."""
    seconds, rows = 0.0, 0
    for path in sorted(folder.rglob("*.parquet")):
        table = shards.read(path)
        rows += table.num_rows
        start = time.perf_counter()
        pq.write_table(table, folder.parent / "floor", compression="zstd", row_group_size=10_000)
        seconds += time.perf_counter() - start
    return {"instructions": rows, "floor": seconds}


def _instruct(folder: Path, workers: int) -> dict:
    content = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    dataset = Dataset(
        id="duie2",
        title="DuIE-shaped",
        source="DuIE2.0",
        license="none",
        language="zh",
        domain="made up",
        tasks=["RE"],
        reader={},
        labels=Labels(relation=content["labels"]),
    )
    start = time.perf_counter()
    near = {"duie2": {"RE": content["near"]}}
    instruct([dataset], folder / "records", None, near, Instruct(), folder / "out", workers)
    return {"seconds": time.perf_counter() - start}


def _negatives(folder: Path, workers: int) -> dict:
    dataset = Dataset(
        id="large",
        title="thousands of labels",
        source="large",
        license="none",
        language="en",
        domain="made up",
        tasks=["NER"],
        reader={},
        labels=Labels(entity=json.loads((folder / "labels.json").read_text(encoding="utf-8"))),
    )
    start, cpu = time.perf_counter(), time.process_time()
    negatives([dataset], folder / "records", None, Negatives(), folder / "out", workers=workers)
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def workspace(folder: Path, workers: int) -> Workspace:
    """A folder with `raw` and `catalog`, to be worked on inside it."""
    return Workspace(
        settings=Settings(),
        raw=folder / "raw",
        out=folder / "out",
        workers=Workers(workers),
        declarations=folder / "catalog",
    )


def _everything(folder: Path, workers: int) -> dict:
    ws = workspace(folder, workers)
    stages: dict[str, float] = {}
    began: dict[str, float] = {}

    @contextmanager
    def timed(stage: str) -> Iterator[tuple[None, Callable[[str], None]]]:
        began[stage] = time.perf_counter()
        yield None, lambda _: None
        stages[stage] = time.perf_counter() - began[stage]
        sys.stderr.write(f"{stages[stage]:6.1f} s  {stage}\n")

    start = time.perf_counter()
    with mock.patch.object(chain.progress, "watch", timed):
        counts = chain.everything(catalog.ids(folder / "catalog"), ws)
    kept = sum(s["kept"] for d in counts["datasets"].values() for s in d["records"].values())
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "records": kept, "stages": stages, "began": began}


def main() -> None:
    tuning.tune()
    kind, folder, workers = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if kind == "floor":
        print(json.dumps(_floor(folder)))
    else:
        function = {"instruct": _instruct, "negatives": _negatives, "everything": _everything}[kind]
        print(json.dumps(function(folder, workers)))


if __name__ == "__main__":
    main()
