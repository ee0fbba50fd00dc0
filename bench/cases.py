"""One measured case in a process of its own; prints what it took as one line of JSON.

    python -m bench.cases instruct FOLDER WORKERS    records of one dataset -> instructions
    python -m bench.cases everything FOLDER WORKERS  raw files of many datasets -> corpus
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from pipeline import catalog, run, shards
from pipeline.catalog import Dataset, Labels
from pipeline.config import Instruct, Settings
from pipeline.stages.instruct import instruct


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
        **{"id": "duie2", "title": "DuIE-shaped", "source": "DuIE2.0", "license": "none"},
        **{"language": "zh", "domain": "made up", "tasks": ["RE"], "reader": {}},
        labels=Labels(relation=content["labels"]),
    )
    start = time.perf_counter()
    near = {"RE": content["near"]}
    instruct(dataset, folder / "records", None, near, Instruct(), folder / "out", workers)
    return {"seconds": time.perf_counter() - start}


def _everything(folder: Path, workers: int) -> dict:
    ws = run.Workspace(
        settings=Settings(),
        raw=folder / "raw",
        out=folder / "out",
        dictionaries=folder / "out" / "dictionaries",
        workers=workers,
        declarations=folder / "catalog",
    )
    stages: dict[str, float] = {}
    start = last = time.perf_counter()

    def told(line: str) -> None:
        nonlocal last
        now = time.perf_counter()
        stage = line.split()[0]
        stages[stage] = stages.get(stage, 0.0) + now - last
        last = now
        sys.stderr.write(f"{now - start:6.1f} s  {line}\n")

    counts = run.everything(catalog.ids(folder / "catalog"), ws, told)
    kept = sum(s["kept"] for d in counts["datasets"].values() for s in d["records"].values())
    return {"seconds": time.perf_counter() - start, "records": kept, "stages": stages}


def main() -> None:
    kind, folder, workers = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if kind == "floor":
        print(json.dumps(_floor(folder)))
    else:
        function = {"instruct": _instruct, "everything": _everything}[kind]
        print(json.dumps(function(folder, workers)))


if __name__ == "__main__":
    main()
