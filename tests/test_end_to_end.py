"""From raw files to a corpus that `load_dataset` opens: the same bytes however it is run."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys

import pytest

from pipeline import catalog, cli, config
from pipeline.commands.layout import Workspace
from pipeline.tables import INSTRUCTIONS
from tests import invariants
from tests.conftest import ROOT
from tests.exports.conftest import DATASETS, run_of_some

CONFIGS = {
    *("NER-en", "NER-zh", "RE-en", "RE-zh", "SPO-zh", "KG-zh", "heldout-NER-en", "heldout-RE-en"),
    *("EE-en", "EE-zh", "EET-en", "EET-zh", "EEA-en", "EEA-zh"),
}


def iepile(*arguments):
    """What a command prints that runs in this process."""
    out = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out):
        assert cli.main([*map(str, arguments)]) == 0
    return out.getvalue()


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over datasets of both languages and all tasks, one held out, with one worker."""
    return run_of_some(tmp_path_factory)


def test_everything_lies_under_one_folder(run):
    names = sorted(path.name for path in run.iterdir())
    assert names == sorted(
        [
            *("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports"),
            *("dictionaries", "stamps", ".iepile"),
        ]
    )
    assert (run / "dictionaries" / "hard_negatives.json").is_file()
    assert {path.name for path in (run / "corpus").iterdir()} == {*(*CONFIGS, "README.md")}


def test_hash_seed_and_workers_change_no_byte(run, tmp_path):
    command = ["run", *DATASETS, "--out", str(tmp_path / "b"), "--workers", "2"]
    subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )

    one, two = contents(run), contents(tmp_path / "b")
    assert [*one] == [*two]
    assert [name for name in one if one[name] != two[name]] == []
    ws = Workspace(config.load(ROOT / "params.yaml"), ROOT / "raw" / "sample", tmp_path / "b")
    invariants.whole(DATASETS, ws)


def test_a_second_run_in_the_same_folder_gives_the_same_bytes(run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    stray = out / "normalize" / "conll04" / "train-00009.parquet"
    stray.write_bytes(b"left over")

    told = iepile("run", *DATASETS, "--out", out, "--workers", 1)

    before = contents(run)
    assert [*before] == [*contents(out)]
    assert before == contents(out)
    assert "total" in told


def test_load_dataset_opens_the_corpus(run, tmp_path):
    from datasets import get_dataset_config_names, load_dataset

    corpus = str(run / "corpus")
    cache = {"cache_dir": str(tmp_path)}
    assert {*get_dataset_config_names(corpus)} == {*CONFIGS, "default"}

    everything = load_dataset(corpus, **cache)
    assert {*everything} == {"train", "dev", "test"}
    assert everything["train"].column_names == INSTRUCTIONS.names
    assert {*everything["test"].unique("source")} & {catalog.load("crossner-ai").source} == set()

    total = dict.fromkeys(everything, 0)
    for name in CONFIGS:
        own = load_dataset(corpus, name, **cache)
        task = name.removeprefix("heldout-").split("-")[0]
        for split, rows in own.items():
            assert {*rows["task"]} == {task}
            assert rows.features == everything["train"].features
            if not name.startswith("heldout-"):
                total[split] += len(rows)
    assert total == {split: len(rows) for split, rows in everything.items()}

    streamed = load_dataset(corpus, "NER-en", split="train", streaming=True)
    first = next(iter(streamed))
    assert json.loads(first["output"]).keys() == {*first["labels"]}


def test_every_row_keeps_the_promises(run):
    import pyarrow.parquet as pq

    seen = set()
    for path in sorted((run / "corpus").glob("*/*.parquet")):
        table = pq.read_table(path)
        assert table.schema.equals(INSTRUCTIONS)
        for row in table.to_pylist():
            instruction, output = json.loads(row["instruction"]), json.loads(row["output"])
            pair = ["pair"] if "pair" in instruction else []
            assert [*instruction] == ["instruction", "schema", *pair, "input"]
            assert len(instruction["schema"]) == len(row["labels"])
            assert len({*row["labels"]}) == len(row["labels"])
            shown = [label_of(item) for item in instruction["schema"]]
            assert [*output] == [*dict.fromkeys(shown)]
            assert row["n_positive"] + row["n_hard"] + row["n_other"] == len(row["labels"])
            answered = sum(bool(answer) for answer in output.values())
            assert answered <= row["n_positive"]
            assert (answered > 0) == (row["n_positive"] > 0)
            seen.add((row["task"], row["language"]))
    assert len(seen) == 12


def label_of(item):
    if isinstance(item, str):
        return item
    return item.get("event_type") or item.get("predicate") or item["entity_type"]
