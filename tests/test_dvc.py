"""`dvc repro` with real DVC: what is due is run, nothing else, and what comes out is the same."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import cli
from tests.conftest import ROOT
from tests.faults.conftest import tree

NAMES = ["duee1", "scierc", "wnut2017"]
STAGES = ["normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report"]
FOLDERS = [*STAGES[:5], "corpus", "reports", "stamps"]


def called(folder, *command, check=True):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(folder)}
    own |= {
        f"GIT_{who}_{what}": "t@e.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def dvc(folder, *arguments, check=True):
    return called(folder, sys.executable, "-m", "dvc", *arguments, check=check)


def git(folder, *arguments):
    return called(folder, "git", *arguments)


def repro(folder, *arguments):
    """The stages that DVC ran, each with what it said of its datasets."""
    done = dvc(folder, "repro", *arguments)
    lines = done.stdout.splitlines()
    stages = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
    told = {
        line.split()[0]: line.split(" s  ")[-1]
        for line in done.stderr.splitlines()
        if " s  " in line
    }
    return {stage: told.get(stage, "") for stage in stages}


def outputs(folder):
    return {
        name: content
        for name, content in tree(folder / "output").items()
        if name.split("/")[0] in FOLDERS and ".gitignore" not in name
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with few datasets under git and DVC, in which `dvc repro` has run."""
    folder = tmp_path_factory.mktemp("dvc") / "project"
    ignore = shutil.ignore_patterns("__pycache__", "hard_negatives*")
    for name in ("pipeline", "dictionaries"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = [*NAMES]
    write(folder, params)
    for name in NAMES:
        shutil.copytree(ROOT / "raw" / "sample" / name, folder / "raw" / "sample" / name)
    git(folder, "init", "-q")
    dvc(folder, "init", "-q")
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots", dirs_exist_ok=True)
    assert [*repro(folder)] == ["gates", *STAGES]
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def write(folder, params):
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def changed(folder, section, **values):
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    params[section] |= values
    write(folder, params)


@pytest.fixture
def clean(project):
    """The project as it was committed."""
    yield project
    git(project, "checkout", "-q", "-f", "master")
    git(project, "clean", "-qfd", "pipeline", "raw")
    dvc(project, "checkout", "-f", "-q")


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


def test_a_changed_raw_file(clean, tmp_path):
    path = clean / "raw" / "sample" / "wnut2017" / "wnut17train.conll"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Velmora", "Velmara"), encoding="utf-8"
    )

    done = repro(clean)

    assert [*done] == STAGES
    for stage in ("normalize", "clean", "instruct"):
        assert done[stage] == "1 of 3 datasets"
    as_a_run(clean, tmp_path)


def test_a_changed_declaration(clean):
    path = clean / "pipeline" / "catalog" / "wnut2017.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('title = "', 'title = "Other '), encoding="utf-8")

    # The card and the page tell the title, which is all that follows from it.
    assert [*repro(clean)] == ["gates", "publish", "report"]


def test_code(clean):
    """What a stage reaches by way of others counts; comments and silent modules do not."""

    def appended(name, text):
        with (clean / "pipeline" / name).open("a", encoding="utf-8") as stream:
            stream.write(text)
        return [*repro(clean)]

    with (clean / "pipeline" / "text.py").open("a", encoding="utf-8") as stream:
        stream.write("# a word more\n")
    assert appended("execution/engines.py", "_MORE = 1\n") == ["gates"]
    assert appended("publish/card.py", "_MORE = 1\n") == ["gates", "publish"]
    done = appended("tasks/_answers.py", "_MORE = 1\n")
    assert done == ["gates", "negatives", "instruct", "publish", "report"]


def test_parameters_metrics_and_experiments(clean):
    changed(clean, "clean", max_non_letter_share=0.05)
    assert "max_non_letter_share" in dvc(clean, "params", "diff").stdout
    assert "clean" in dvc(clean, "status").stdout or "gates" in dvc(clean, "status").stdout

    # An experiment takes over what is changed in the workspace.
    dvc(clean, "exp", "run", "-S", "instruct.seed=5", "-q")
    params = yaml.safe_load((clean / "params.yaml").read_text(encoding="utf-8"))
    assert params["instruct"]["seed"] == 5
    assert params["clean"]["max_non_letter_share"] == 0.05
    diff = json.loads(dvc(clean, "metrics", "diff", "--json").stdout)
    assert "output/reports/total.json" in diff
    assert repro(clean) == {}


def test_a_dataset_removed_and_another_commit(clean, tmp_path):
    before = outputs(clean)
    params = yaml.safe_load((clean / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"].remove("scierc")
    write(clean, params)

    repro(clean)

    assert not any("scierc" in name for name in outputs(clean))
    as_a_run(clean, tmp_path)
    git(clean, "add", "-A")
    git(clean, "checkout", "-qb", "fewer")
    git(clean, "commit", "-qm", "fewer")
    git(clean, "checkout", "-q", "master")
    dvc(clean, "checkout", "-q")
    assert outputs(clean) == before
    assert repro(clean) == {}
    git(clean, "checkout", "-q", "fewer")
    dvc(clean, "checkout", "-q")
    assert repro(clean) == {}
    git(clean, "checkout", "-q", "master")


def test_pushed_and_pulled(clean, tmp_path):
    store, copy = tmp_path / "store", tmp_path / "copy"
    dvc(clean, "remote", "add", "-d", "here", store, "-q")
    try:
        dvc(clean, "push", "-q")
        git(tmp_path, "clone", "-q", clean, copy)
        dvc(copy, "remote", "add", "-d", "here", store, "-q")
        dvc(copy, "pull", "-q")
        assert outputs(copy) == outputs(clean)
        assert repro(copy) == {}
        changed(copy, "instruct", seed=3)
        assert [*repro(copy)] == ["gates", "instruct", "publish", "report"]
        shutil.rmtree(copy / "output" / "clean")
        done = called(copy, sys.executable, "-m", "pipeline", "dedupe", check=False)
        assert done.returncode == 1
        assert "clean of duee1 has not been run" in done.stderr
    finally:
        dvc(clean, "remote", "remove", "here", "-q")


def test_a_cache_of_protected_hard_links(clean, tmp_path):
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", clean, copy)
    dvc(copy, "config", "cache.type", "hardlink", "--local")
    shutil.copytree(clean / ".dvc" / "cache", copy / ".dvc" / "cache")
    dvc(copy, "checkout", "-q")
    files = [path for path in (copy / "output" / "clean").rglob("*") if path.is_file()]
    assert {path.stat().st_nlink > 1 for path in files if path.stat().st_size} == {True}
    cached = {name: content for name, content in tree(copy / ".dvc" / "cache").items() if content}

    changed(copy, "clean", min_characters=12)
    assert repro(copy)["clean"] == "3 of 3 datasets"

    now = tree(copy / ".dvc" / "cache")
    assert [name for name, content in cached.items() if now[name] != content] == []
    as_a_run(copy, tmp_path)


def test_an_edit_while_dvc_runs_is_not_recorded(clean):
    """DVC saw the old parameters; a stage that finds others stops, and DVC records nothing."""
    changed(clean, "instruct", seed=8)
    called(clean, sys.executable, "-m", "pipeline", "gates")
    changed(clean, "instruct", seed=9)

    gate = clean / "output" / "gates" / "instruct.json"
    command = ("instruct", "--gate", gate.relative_to(clean))
    done = called(clean, sys.executable, "-m", "pipeline", *command, check=False)

    assert done.returncode == 1
    assert "changed after DVC read them for instruct" in done.stderr
    assert not gate.exists()
    assert [*repro(clean, "instruct")] == ["gates", "instruct"]


def test_two_at_once(clean):
    changed(clean, "instruct", seed=21)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "dvc", "repro"],
            cwd=clean,
            env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(clean)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=600)[0] for process in both]

    assert 0 in [process.returncode for process in both], said
    assert repro(clean) == {}
