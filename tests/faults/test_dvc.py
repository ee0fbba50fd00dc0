"""`dvc repro` killed and interrupted: the next one makes what an undisturbed run makes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from pipeline.doctor import system
from tests.conftest import ROOT
from tests.faults.conftest import iepile, tree

#: Which processes get which signal, when a path appears.
MOMENTS = [
    ("all", signal.SIGKILL, "output/normalize/.wnut2017.partial"),
    ("all", signal.SIGINT, "output/clean/wnut2017"),
    ("dvc", signal.SIGKILL, "output/.dedupe.partial"),
    ("all", signal.SIGKILL, "output/instruct"),
]
STAGES = ("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "reports", "stamps")


@pytest.fixture
def project(tmp_path):
    """A copy of the project with one dataset, under DVC."""
    folder = tmp_path / "project"
    folder.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "hard_negatives*", "dvc.lock")
    for name in ("pipeline", "dictionaries"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "raw/sample/wnut2017", folder / "raw/sample/wnut2017")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = ["wnut2017"]
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    repro(folder, "init", "--no-scm", "-q").communicate(timeout=120)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots", dirs_exist_ok=True)
    return folder


def repro(folder, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *(arguments or ["repro"])],
        cwd=folder,
        env={**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, their children would inherit a deaf ear.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def disturbed(folder, whom, sent, path):
    """Start `dvc repro` and send the signal as soon as the path is there."""
    process = repro(folder)
    while not (folder / path).exists() and process.poll() is None:
        time.sleep(0.01)
    for _ in range(60):
        # Whoever presses Ctrl-C just as a stage ends must press again: DVC is deaf while one runs.
        if process.poll() is None:
            os.kill(process.pid, sent) if whom == "dvc" else os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=5)  # until all that write to its output have ended
            break
    return process.returncode


def finished(folder):
    """Run `dvc repro` to its end; what it says.

    DVC stops at files of its own that it was killed in: what `iepile doctor` says of them is done.
    """
    (folder / ".git").mkdir(exist_ok=True)  # else that would be what is wrong
    for _ in range(5):
        process = repro(folder)
        said, _ = process.communicate(timeout=600)
        if process.returncode == 0:
            return said
        (told,) = [c for c in system.programs(folder) if c.subject == "DVC"]
        assert told.found.endswith("is cut short: dvc was killed as it wrote it"), said
        assert "delete it" in told.todo
        (folder / told.found.split()[0]).unlink()
    raise AssertionError(said)


def as_undisturbed(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert iepile("run", "wnut2017", "--out", "../run", "--workers", 1) == 0
    own, other = tree(folder / "output"), tree(folder.parent / "run")
    for stage in STAGES:
        names = [n for n in other if n.startswith(stage)]
        assert [n for n in own if n.startswith(stage) and ".gitignore" not in n] == names
        assert [n for n in names if own[n] != other[n]] == []
    made = {n: b for n, b in tree(folder / "dictionaries").items() if "hard" in n}
    assert made == tree(folder.parent / "run" / "dictionaries")


def test_dvc_repro_stopped_again_and_again(project, monkeypatch):
    codes = [disturbed(project, *moment) for moment in MOMENTS]

    assert all(codes)  # none came to its end
    finished(project)
    as_undisturbed(project, monkeypatch)
    assert "Running stage" not in finished(project)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(12))
def test_dvc_repro_stopped_at_any_moment(project, monkeypatch, number):
    """At moments by the clock; what they hit differs from time to time, what comes out does not."""
    for n in range(4):
        process = repro(project)
        time.sleep(2 + 0.7 * number + 0.3 * n)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT if (number + n) % 2 else signal.SIGKILL)
        process.communicate(timeout=300)

    finished(project)
    as_undisturbed(project, monkeypatch)
