"""`dvc repro` with real DVC: what is due is run, nothing else, and what comes out is the same."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import cli
from tests.faults.conftest import tree
from tests.under_dvc import FOLDERS, STAGES, called, dvc, first, git, repro, started, write


def configured(folder, section, **values):
    """What `dvc config --local` writes, without a process for each word."""
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    with (folder / ".dvc" / "config.local").open("a", encoding="utf-8") as stream:
        stream.write(f"[{section}]\n{lines}")


def outputs(folder):
    return {
        name: content
        for name, content in tree(folder / "output").items()
        if name.split("/")[0] in FOLDERS and ".gitignore" not in name
    }


@pytest.fixture
def project(tmp_path_factory, tmp_path):
    """A copy of the project as it was committed, with its cache."""
    shutil.copytree(first(tmp_path_factory), tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def changed(folder, section, **values):
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params[section] |= values
    write(folder, params)


def as_a_run(folder, tmp_path):
    """What DVC made is what `iepile run` makes, which runs here: the code is the same."""
    with contextlib.chdir(folder):
        assert cli.main(["run", *listed(folder).split(","), "--out", str(tmp_path / "run")]) == 0
    run = {n: c for n, c in tree(tmp_path / "run").items() if n.split("/")[0] in FOLDERS}
    assert outputs(folder).keys() == run.keys()
    assert [n for n, c in outputs(folder).items() if c != run[n]] == []
    dictionaries = {n: c for n, c in tree(folder / "dictionaries").items() if "hard" in n}
    assert dictionaries == tree(tmp_path / "run" / "dictionaries")


def listed(folder):
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    return ",".join(params["datasets"])


def test_dvc_and_run_agree_byte_for_byte(project, tmp_path):
    assert repro(project) == {}
    assert git(project, "status", "--short").stdout == ""
    as_a_run(project, tmp_path)


def test_a_changed_raw_file_a_dataset_removed_and_another_commit(project, tmp_path):
    """With outputs that are protected hard links into the cache, which must stay as it is."""
    before = outputs(project)
    configured(project, "cache", type="hardlink")
    for name in FOLDERS:
        shutil.rmtree(project / "output" / name)
    dvc(project, "checkout", "-q", "-f")
    cache = project / ".dvc" / "cache"
    inodes = {path.stat().st_ino for path in cache.rglob("*")}
    files = [path for path in (project / "output" / "clean").rglob("*") if path.is_file()]
    assert {path.stat().st_ino in inodes for path in files if path.stat().st_size} == {True}
    cached = {name: content for name, content in tree(cache).items() if content}
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"].remove("scierc")
    write(project, params)
    path = project / "raw" / "sample" / "wnut2017" / "wnut17train.conll"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Velmora", "Velmara"), encoding="utf-8"
    )

    done = repro(project)

    assert [*done] == ["gates", *STAGES]
    for stage in ("normalize", "clean", "instruct"):
        assert done[stage] == "1 of 2 datasets"
    assert not any("scierc" in name for name in outputs(project))
    now = tree(cache)
    assert [name for name, content in cached.items() if now[name] != content] == []
    as_a_run(project, tmp_path)

    git(project, "checkout", "-qb", "fewer")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "fewer")
    git(project, "checkout", "-q", "master")
    dvc(project, "checkout", "-q")
    assert outputs(project) == before
    assert repro(project) == {}
    git(project, "checkout", "-q", "fewer")
    dvc(project, "checkout", "-q")
    assert repro(project) == {}


def test_code(project):
    """What a stage reaches by way of others counts; comments and silent modules do not.

    DVC runs a stage whose gate has changed, which `test_two_at_once` shows.
    """

    def appended(name, text):
        before = tree(project / "output" / "gates")
        with (project / "pipeline" / name).open("a", encoding="utf-8") as stream:
            stream.write(text)
        called(project, sys.executable, "-m", "pipeline", "gates")
        after = tree(project / "output" / "gates")
        return {Path(name).stem for name in after if after[name] != before[name]}

    with (project / "pipeline" / "text.py").open("a", encoding="utf-8") as stream:
        stream.write("# a word more\n")
    assert appended("execution/engines.py", "_MORE = 1\n") == set()
    assert appended("publish/card.py", "_MORE = 1\n") == {"publish"}
    assert appended("tasks/_answers.py", "_MORE = 1\n") >= {"negatives", "instruct"}


def test_parameters_metrics_and_experiments(project):
    changed(project, "instruct", pure_negative_ratio=0.5)
    assert "pure_negative_ratio" in dvc(project, "params", "diff").stdout
    assert "instruct" in dvc(project, "status").stdout or "gates" in dvc(project, "status").stdout

    # An experiment takes over what is changed in the workspace.
    done = dvc(project, "exp", "run", "-S", "instruct.seed=5").stdout.splitlines()
    stages = [line.split("'")[1] for line in done if line.startswith("Running stage")]
    assert stages == ["gates", "instruct", "publish", "report"]
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    assert params["instruct"]["seed"] == 5
    assert params["instruct"]["pure_negative_ratio"] == 0.5
    diff = json.loads(dvc(project, "metrics", "diff", "--json").stdout)
    assert "output/reports/total.json" in diff
    assert repro(project) == {}


def test_pushed_and_pulled(project, tmp_path):
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", project, copy)
    for folder in (project, copy):
        configured(folder, "core", remote="here")
        configured(folder, "'remote \"here\"'", url=tmp_path / "store")
    dvc(project, "push", "-q")
    dvc(copy, "pull", "-q")
    assert outputs(copy) == outputs(project)
    assert repro(copy) == {}
    shutil.rmtree(copy / "output" / "clean")
    done = called(copy, sys.executable, "-m", "pipeline", "dedupe", check=False)
    assert done.returncode == 1
    assert "clean of duee1 has not been run" in done.stderr


def test_an_edit_while_dvc_runs_is_not_recorded(project):
    """DVC saw the old parameters; a stage that finds others stops, and DVC records nothing."""
    changed(project, "instruct", seed=8)
    called(project, sys.executable, "-m", "pipeline", "gates")
    changed(project, "instruct", seed=9)

    gate = project / "output" / "gates" / "instruct.json"
    command = ("instruct", "--gate", gate.relative_to(project))
    done = called(project, sys.executable, "-m", "pipeline", *command, check=False)

    assert done.returncode == 1
    assert "changed after DVC read them for instruct" in done.stderr
    assert not gate.exists()
    assert [*repro(project, "instruct")] == ["gates", "instruct"]


def test_two_at_once(project):
    """After a declaration has changed."""
    path = project / "pipeline" / "catalog" / "wnut2017.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('title = "', 'title = "Other '), encoding="utf-8")
    both = [started(project, sys.executable, "-m", "dvc", "repro") for _ in range(2)]
    said = ["".join(process.communicate(timeout=600)) for process in both]

    assert 0 in [process.returncode for process in both], said
    ran = {line.split("'")[1] for text in said for line in text.splitlines() if "Running" in line}
    # The card and the page tell the title, which is all that follows from it.
    assert ran == {"gates", "publish", "report"}, said
    assert repro(project) == {}
