"""From raw files to a corpus that `load_dataset` opens: the same bytes however it is run."""

import contextlib
import io
import json
import os
import subprocess
import sys

import pytest

from pipeline import catalog, cli
from pipeline.tables import INSTRUCTIONS
from tests.conftest import ROOT

#: Both languages, all seven tasks, and a held-out set.
SOME = [
    "wnut2017",
    "scierc",
    "duie2",
    "duee1",
    "phee",
    "cluener",
    "crossner-ai",
    "semeval2010-task8",
]
CONFIGS = {
    *("NER-en", "NER-zh", "RE-en", "RE-zh", "SPO-zh", "KG-zh", "heldout-NER-en"),
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
    """One run over some datasets, with one worker."""
    out = tmp_path_factory.mktemp("run")
    return out, iepile("run", *SOME, "--out", out, "--workers", 1)


def test_everything_lies_under_one_folder(run):
    out, told = run

    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(
        [
            *("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports"),
            *("dictionaries", "stamps", ".iepile"),
        ]
    )
    assert (out / "dictionaries" / "hard_negatives.json").is_file()
    assert {path.name for path in (out / "corpus").iterdir()} == {*(*CONFIGS, "README.md")}
    assert "total" in told


def test_hash_seed_and_workers_change_no_byte(run, tmp_path):
    command = ["run", *SOME, "--out", str(tmp_path / "b"), "--workers", "2"]
    subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=True,
    )

    one, two = contents(run[0]), contents(tmp_path / "b")
    assert [*one] == [*two]
    assert [name for name in one if one[name] != two[name]] == []


def test_a_second_run_in_the_same_folder_gives_the_same_bytes(run):
    out, _ = run
    before = contents(out)
    stray = out / "normalize" / "wnut2017" / "train-00009.parquet"
    stray.write_bytes(b"left over")

    iepile("run", *SOME, "--out", out, "--workers", 1)

    assert [*before] == [*contents(out)]
    assert before == contents(out)


def test_load_dataset_opens_the_corpus(run, tmp_path):
    from datasets import get_dataset_config_names, load_dataset

    corpus = str(run[0] / "corpus")
    cache = {"cache_dir": str(tmp_path)}
    assert {*get_dataset_config_names(corpus)} == {*CONFIGS, "default"}

    everything = load_dataset(corpus, **cache)
    assert {*everything} == {"train", "dev", "test"}
    assert everything["train"].column_names == INSTRUCTIONS.names
    assert {*everything["test"].unique("source")} & {catalog.load("crossner-ai").source} == set()

    total = dict.fromkeys(everything, 0)
    for config in CONFIGS:
        own = load_dataset(corpus, config, **cache)
        task = config.removeprefix("heldout-").split("-")[0]
        for split, rows in own.items():
            assert {*rows["task"]} == {task}
            assert rows.features == everything["train"].features
            if not config.startswith("heldout-"):
                total[split] += len(rows)
    assert total == {split: len(rows) for split, rows in everything.items()}

    streamed = load_dataset(corpus, "NER-en", split="train", streaming=True)
    first = next(iter(streamed))
    assert json.loads(first["output"]).keys() == {*first["labels"]}


def test_every_row_keeps_the_promises(run):
    import pyarrow.parquet as pq

    seen = set()
    for path in sorted((run[0] / "corpus").glob("*/*.parquet")):
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
