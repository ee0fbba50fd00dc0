"""Memory is bounded by shards in flight, never by the corpus."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import synthetic
from tests.conftest import ROOT

# The highest resident set of a process since it was begun, where the kernel tells it.
STATUS = Path("/proc/self/status")
INSTRUCT = """
import sys
from pathlib import Path
from bench import cases

cases._instruct(Path(sys.argv[1]), 1)
"""
# One split whose rows stand twice, to be merged, with texts that are nearly equal and some equal.
STAGES = """
import sys
from pathlib import Path
import msgspec
from bench import cases, one_dataset
from pipeline.commands import chain
from pipeline.config import Normalize
from pipeline.dedupe import duplicates
from pipeline.execution import shuffle

shuffle.LIMIT = duplicates._GROUP = 1 << 20
folder = Path(sys.argv[1])
one_dataset.lay(folder, int(sys.argv[2]))
ws = cases.workspace(folder, 1)
# Both fill shards: else one that is full would be compared with one that is not.
settings = msgspec.structs.replace(ws.settings, normalize=Normalize(records_per_shard=2_000))
due = chain.Chain(["one"], ws._replace(settings=settings))
for stage in ("normalize", "clean", "dedupe"):
    due.make(stage)
"""
PEAK = """
print(next(x.split()[1] for x in open("/proc/self/status") if x.startswith("VmHWM")))
"""
needs_status = pytest.mark.skipif(
    not STATUS.is_file() or "VmHWM" not in STATUS.read_text(), reason="this kernel does not tell it"
)


def highest(script, *arguments):
    """Kilobytes at most in use while a script runs."""
    done = subprocess.run(
        [sys.executable, "-c", script + PEAK, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


@needs_status
def test_four_times_the_records_need_no_more_memory_to_become_instructions(tmp_path):
    labels, near = synthetic.duie_records(tmp_path / "shard", 4_000)
    (shard,) = (tmp_path / "shard").iterdir()
    peaks = []
    for count in (4, 16):
        folder = tmp_path / str(count)
        records = folder / "records" / "duie2"
        records.mkdir(parents=True)
        for number in range(count):
            shutil.copy(shard, records / f"train-{number:05d}.parquet")
        (folder / "labels.json").write_text(json.dumps({"labels": labels, "near": near}))
        peaks.append(highest(INSTRUCT, folder))
        assert len([*folder.glob("out/duie2/RE/*.parquet")]) == count

    few, many = peaks
    # Two runs differ by up to a tenth. All instructions of the larger would be 180 MB more.
    assert many < few * 1.25


@needs_status
def test_four_times_the_rows_need_no_more_memory_to_be_merged_and_compared(tmp_path):
    few, many = (highest(STAGES, tmp_path / str(count), count) for count in (8_000, 32_000))

    # All rows of the larger held at once, as Python objects, would be far more.
    assert many < few * 1.25
