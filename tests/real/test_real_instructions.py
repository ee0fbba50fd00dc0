"""The promises of label batches on real bytes: exact size, every positive asked, and asked once."""

import json
import os
from collections import defaultdict

import pyarrow.parquet as pq
import pytest

from pipeline import catalog, tasks
from pipeline.dedupe import tags as kept
from pipeline.execution import shards

RAW = os.environ.get("IEPILE_RAW")
NAMES = ["conll04", "duee1", "mit-movie", "phee", "scierc", "duie2", "crossner-ai"]

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


def present(dataset, task, ws):
    """Record id -> the keys of the labels present, by the task's own answers."""
    found = {}
    keys = tasks.inventory(dataset, task)
    for _, path in shards.record_shards(ws.folders["clean"] / dataset.id):
        table = kept.kept(path, ws.folders["dedupe"] / dataset.id)
        ids = table["id"].to_pylist()
        answers = tasks.answers(dataset, task, table)
        found.update((i, set()) for i in ids)
        for row, code in zip(answers.row.tolist(), answers.code.tolist(), strict=True):
            found[ids[row]].add(keys[code])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_label_batches_keep_their_promises(name, real_run):
    dataset = catalog.load(name)
    for task in dataset.tasks:
        inventory = tasks.inventory(dataset, task)
        # The inventory is parted into as few sets as k allows, as evenly as that allows.
        sets = -(-len(inventory) // real_run.settings.instruct.k(task))
        width = -(-len(inventory) // sets)
        gold = present(dataset, task, real_run)
        asked = defaultdict(list)
        again = 0
        for split, path in shards.record_shards(real_run.folders["instruct"] / name / task):
            for row in pq.read_table(path).to_pylist():
                assert len({*row["labels"]}) == len(row["labels"])
                output = json.loads(row["output"])
                if task == "SPO":
                    keys = [key.split("_")[1] for key in row["labels"]]
                    assert [*output] == [*dict.fromkeys(keys)]
                else:
                    assert [*output] == row["labels"]
                if task == "EEA":
                    assert {*row["labels"]} == gold[row["record_id"]]
                else:
                    assert len(row["labels"]) == width
                asked[row["record_id"], split] += row["labels"]
        for (record, split), labels in asked.items():
            assert gold[record] <= {*labels}
            again += sum(labels.count(label) - 1 for label in gold[record])
            if split != "train" and task != "EEA":
                assert {*labels} == {*inventory}
        # What fills a set may be asked a second time.
        assert again <= 0.2 * sum(map(len, gold.values()))
        if dataset.use == "train" and task != "EEA":
            assert {record for record, _ in asked} >= {record for record in gold if gold[record]}
