"""From raw files to a corpus that `load_dataset` opens: the same bytes however it is run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import catalog
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


def iepile(*arguments, seed="0", cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )


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
    done = iepile("run", "--datasets", ",".join(SOME), "--out", out, "--workers", 1)
    return out, done


def test_everything_lies_under_one_folder(run):
    out, done = run

    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(
        [
            *("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports"),
            "dictionaries",
        ]
    )
    assert (out / "dictionaries" / "hard_negatives.json").is_file()
    assert {path.name for path in (out / "corpus").iterdir()} == {
        *(*CONFIGS, "README.md", ".made_from.json")
    }
    assert "total" in done.stdout


def test_hash_seed_and_workers_change_no_byte(run, tmp_path):
    iepile("run", "--datasets", ",".join(SOME), "--out", tmp_path / "b", "--workers", 2, seed="77")

    one, two = contents(run[0]), contents(tmp_path / "b")
    assert [*one] == [*two]
    assert [name for name in one if one[name] != two[name]] == []


def test_a_second_run_in_the_same_folder_gives_the_same_bytes(run):
    out, _ = run
    before = contents(out)
    stray = out / "normalize" / "wnut2017" / "train-00009.parquet"
    stray.write_bytes(b"left over")

    iepile("run", "--datasets", ",".join(SOME), "--out", out, "--workers", 1)

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
            assert [*instruction] == ["instruction", "schema", "input"]
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


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A copy of the project with few datasets, in which `dvc repro` has run."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("pipeline", "dictionaries", "stages", "dvc.yaml", ".dvcignore"):
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "hard_negatives*", "dvc.lock")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = {n: params["datasets"][n] for n in SOME[:4]}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for name in params["datasets"]:
        shutil.copytree(ROOT / "raw" / "sample" / name, folder / "raw" / "sample" / name)
    dvc(folder, "init", "--no-scm", "-q")
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots", dirs_exist_ok=True)
    dvc(folder, "repro")
    return folder


def dvc(folder, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stages_run(output):
    return {
        line.split("'")[1].rpartition(":")[2]
        for line in output.splitlines()
        if line.startswith("Running stage")
    }


def test_dvc_and_run_agree_byte_for_byte(workspace, tmp_path):
    iepile("run", "--datasets", ",".join(SOME[:4]), "--out", tmp_path / "run", cwd=workspace)

    for stage in ("normalize", "clean", "dedupe", "instruct", "corpus", "reports"):
        assert contents(workspace / "output" / stage) == contents(tmp_path / "run" / stage), stage
    own, other = workspace / "dictionaries", tmp_path / "run" / "dictionaries"
    for name in ("hard_negatives", "hard_negatives.json"):
        if (own / name).is_dir():
            assert contents(own / name) == contents(other / name)
        else:
            assert (own / name).read_bytes() == (other / name).read_bytes()


def test_a_second_repro_does_nothing(workspace):
    assert stages_run(dvc(workspace, "repro")) == set()


def test_metrics_are_readable_by_dataset(workspace):
    shown = json.loads(dvc(workspace, "metrics", "show", "--json"))[""]["data"]

    names = {path.removeprefix("output/reports/") for path in shown}
    assert names == {"total.json", *(f"metrics/{name}.json" for name in SOME[:4])}
    own = shown["output/reports/metrics/wnut2017.json"]["data"]
    assert own["records"] == own["kept"] + sum(own["dropped"].values())
    table = dvc(workspace, "metrics", "show", "--md").strip().splitlines()
    assert "dropped.mostly_stop_words" in table[0]
    assert len(table) == 2 + len(shown)


def test_plots_render(workspace):
    declared = yaml.safe_load((workspace / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    shown = json.loads(dvc(workspace, "plots", "show", "--json", "--out", "plots-shown"))
    assert "errors" not in shown
    assert {*shown["data"]} == {name for plot in declared for name in plot}
    for plot in shown["data"].values():
        spec = plot[0]["content"]
        spec = json.loads(spec) if isinstance(spec, str) else spec
        rows = spec["data"]["values"]
        assert len(rows) > len(SOME)
        fields = {axis["field"] for axis in spec["encoding"].values()}
        assert all(fields <= {*row} for row in rows)
        assert any("wnut2017" in row[spec["encoding"]["y"]["field"]] for row in rows)
        assert "DVC_METRIC" not in json.dumps(spec)


def test_a_changed_raw_file_reruns_only_its_dataset(workspace):
    path = workspace / "raw" / "sample" / "wnut2017" / "wnut17train.conll"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Velmora", "Velmara"), encoding="utf-8"
    )

    done = stages_run(dvc(workspace, "repro"))

    assert {"normalize@wnut2017", "clean@wnut2017", "instruct@wnut2017", "publish"} <= done
    assert {s for s in done if "@" in s and not s.endswith("@wnut2017")} == set()


def test_changed_code_reruns_its_stages_and_what_follows(workspace):
    """Code that a stage reaches by way of others counts; code that changes no result does not."""

    def touched(name):
        with (workspace / "pipeline" / name).open("a", encoding="utf-8") as stream:
            stream.write("# a word more\n")
        return stages_run(dvc(workspace, "repro"))

    instruct = {f"instruct@{name}" for name in SOME[:4]}

    assert touched("engines.py") == {"code"}
    # The instructions are the same, but the card names the code that they follow from.
    assert touched("tasks/_answers.py") == {"code", "negatives", *instruct, "publish", "report"}
    assert touched("corpus/card.py") == {"code", "publish"}
