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
SCRIPT = """
import sys
from pathlib import Path
from bench import cases

cases._instruct(Path(sys.argv[1]), 1)
print(next(x.split()[1] for x in open("/proc/self/status") if x.startswith("VmHWM")))
"""


def peak(folder):
    """Kilobytes at most in use while the records of a folder become instructions."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(
    not STATUS.is_file() or "VmHWM" not in STATUS.read_text(), reason="this kernel does not tell it"
)
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
        peaks.append(peak(folder))
        assert len([*folder.glob("out/duie2/RE/*.parquet")]) == count

    few, many = peaks
    # Two runs differ by up to a tenth. All instructions of the larger would be 180 MB more.
    assert many < few * 1.25
