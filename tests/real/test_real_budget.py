"""The budget on real bytes: rows of the right number, labels covered, and no answer given away."""

import os
from collections import Counter

import pyarrow.parquet as pq
import pytest

from pipeline import catalog
from pipeline.config import Instruct
from pipeline.execution import shards
from pipeline.instruct.stage import instruct
from pipeline.negatives.interchange import dictionary_for
from pipeline.report import leak

NAMES = ["duie1", "kbp37"]
BUDGET = 12_000

pytestmark = pytest.mark.skipif(
    "IEPILE_RAW" not in os.environ, reason="IEPILE_RAW names no folder of real raw files"
)


def test_a_budget_covers_labels_and_gives_no_answer_away(real_run, tmp_path):
    datasets = [catalog.load(name) for name in NAMES]
    near = {d.id: dictionary_for(d, real_run.folders["negatives"]) for d in datasets}
    clean, dedupe = real_run.folders["clean"], real_run.folders["dedupe"]
    instruct(datasets, clean, dedupe, near, Instruct(budget=BUDGET), tmp_path)

    paths = [path for name in NAMES for path in (tmp_path / name).glob("*/train-*")]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    assert 0.85 * BUDGET <= rows <= 1.15 * BUDGET
    covered = shards.read_json(tmp_path / "duie1" / "budget.json")
    chosen, random = covered["chosen"], covered["random"]
    assert chosen["labels"]["covered"] == covered["all"]["labels"]["covered"]
    assert chosen["labels"]["least"] >= random["labels"]["least"]
    assert chosen["datasets"]["least"] > random["datasets"]["least"]
    probed = {d.id: leak.probed(d, tmp_path / d.id) for d in datasets}
    assert Counter({name: len(tasks) for name, tasks in probed.items()}).total() >= 2
    for own in probed.values():
        for result in own.values():
            assert result["positive"]["low"] <= 0.01
