"""The measurements of `bench/` run, on a little; what they say is not judged here."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a run over two datasets."""
    out = tmp_path_factory.mktemp("bench") / "run"
    python("pipeline.cli", "run", "wnut2017", "duie2", "--out", out, "--workers", 1)
    return out


def python(module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.soak
def test_the_table_of_all_stages():
    out = python("bench", "--sizes", "0.002")

    assert "| (a) instruct | 0.002 | 342 |" in out
    assert "| (b) raw to shards | 0.002 |" in out


def test_the_table_of_what_is_given_away(made, tmp_path):
    out = python("bench.leak", made, "--rows", 30, "--into", tmp_path / "table.md")

    rows = [line.split(" | ")[:3] for line in out.splitlines()[2:]]
    assert {(name.removeprefix("| "), task) for name, task, _ in rows} >= {("duie2", "RE")}
    assert {mode.partition(",")[0] for *_, mode in rows} == {
        *("confusable", "round_robin", "shuffle", "contrast", "reference")
    }
    assert out.strip() in (tmp_path / "table.md").read_text(encoding="utf-8")


@pytest.mark.soak
def test_clean_and_dedupe_of_made_up_records(tmp_path):
    assert "dedupe" in python("bench.clean_dedupe", "--records", 2000, "--folder", tmp_path / "a")


@pytest.mark.soak
def test_one_dataset_of_made_up_records():
    out = python("bench.one_dataset", "--records", "300,600", "--workers", 1)

    assert "300 records: " in out
    assert "600 records: " in out


def test_the_yardsticks_of_the_dictionary():
    out = python("bench.negatives", "--raw", ROOT / "raw/sample", "wnut2017", "duie2")

    assert "wnut2017" in out
