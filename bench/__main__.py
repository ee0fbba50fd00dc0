"""Measure the pipeline at a quarter, half and full size, and renew the beginning of RESULTS.md.

    python -m bench                       all of it, about 5 minutes on two cores
    python -m bench --sizes 0.02          a quick look; printed, not written to RESULTS.md

(a) `instruct` over one dataset in the shape of DuIE2.0: 171,126 records, 48 relations, 4 a time;
the median of five runs, and the highest peak of them.
(b) everything from raw files to published shards: 33 datasets in the shape of IEPile's.
(c) `negatives` over one dataset of 10,000 labels with ten annotations each.
The floor is what `pq.write_table` alone takes, in one process, for the rows that came out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from operator import itemgetter
from pathlib import Path

from bench import measure, synthetic

_HERE = Path(__file__).parent
_RECORDS = 171_126
_LABELS = 10_000
#: A run of (a) takes two seconds, and the same one half more now and then: the median counts.
_TIMES = 5
_COLUMNS = (
    "case",
    "size",
    "records",
    "instructions",
    "seconds",
    "instructions/s",
    "peak memory MB",
    "floor s",
    "times the floor",
)


def _instruct(size: float, folder: Path, workers: int) -> dict:
    records = int(_RECORDS * size)
    labels, near = synthetic.duie_records(folder / "records" / "duie2", records)
    content = json.dumps({"labels": labels, "near": near})
    (folder / "labels.json").write_text(content, encoding="utf-8")
    runs = []
    for _ in range(_TIMES):
        shutil.rmtree(folder / "out", ignore_errors=True)
        os.sync()  # else the disk is still writing what came before
        runs.append(measure.case("instruct", folder, workers))
    took = sorted(runs, key=itemgetter("seconds"))[_TIMES // 2]
    took["peak"] = max(run["peak"] for run in runs)
    return {"records": records, **took, **measure.case("floor", folder / "out", 1, watch=False)}


def _negatives(size: float, folder: Path, workers: int) -> str:
    labels = synthetic.inventory(folder / "records", int(_LABELS * size))
    (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    own = measure.case("negatives", folder, workers)
    return (
        f"- {len(labels):,} labels: {own['seconds']:.1f} s, {own['cpu']:.1f} CPU seconds, "
        f"{own['peak'] / 1e6:,.0f} MB"
    )


def _everything(size: float, folder: Path, workers: int) -> dict:
    synthetic.corpus(folder, size, workers)
    took = measure.case("everything", folder, workers)
    return {**took, **measure.case("floor", folder / "out" / "corpus", 1, watch=False)}


def _row(name: str, size: float, own: dict) -> str:
    cells = (
        name,
        f"{size:g}",
        f"{own['records']:,}",
        f"{own['instructions']:,}",
        f"{own['seconds']:.1f}",
        f"{own['instructions'] / own['seconds']:,.0f}",
        f"{own['peak'] / 1e6:,.0f}",
        f"{own['floor']:.1f}",
        f"{own['seconds'] / own['floor']:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--sizes", default="0.25,0.5,1", help="shares of the full size")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="renew RESULTS.md at any size")
    arguments = parser.parse_args()
    sizes = [float(size) for size in arguments.sizes.split(",")]
    lines = ["# Results", "", measure.machine(arguments.workers) + ".", ""]
    lines += ["| " + " | ".join(_COLUMNS) + " |", "|---|" + "---:|" * (len(_COLUMNS) - 1)]
    stages = []
    for name, function in (("(a) instruct", _instruct), ("(b) raw to shards", _everything)):
        for size in sizes:
            folder = Path(tempfile.mkdtemp(prefix="iepile-bench-"))
            try:
                own = function(size, folder, arguments.workers)
            finally:
                shutil.rmtree(folder)
            lines.append(_row(name, size, own))
            print(lines[-1], flush=True)
            if "stages" in own:
                told = ", ".join(f"{stage} {took:.1f}" for stage, took in own["stages"].items())
                stages.append(f"- size {size:g}: {told}")
    inventories = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="iepile-bench-") as temporary:
            inventories.append(_negatives(size, Path(temporary), arguments.workers))
        print(inventories[-1], flush=True)
    about = __doc__.split("\n\n")[-1].strip()
    lines += ["", about, "", "Seconds per stage of (b):", "", *stages]
    lines += ["", "Labels, time and peak memory of (c):", "", *inventories]
    text = "\n".join(lines) + "\n"
    print(f"\n{text}")
    if arguments.write or max(sizes) >= 1:
        path = _HERE / "RESULTS.md"
        # What follows the first heading was measured otherwise, and written by hand.
        _, heading, others = path.read_text(encoding="utf-8").partition("\n## ")
        path.write_text(text + heading + others, encoding="utf-8")


if __name__ == "__main__":
    main()
