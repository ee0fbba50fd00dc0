"""`dvc repro` killed and interrupted: the next one makes what an undisturbed run makes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from pipeline.doctor import system
from pipeline.execution import atomic
from tests.faults.conftest import tree
from tests.under_dvc import first, sound, started

#: Which processes get which signal, when a path appears.
MOMENTS = [
    ("all", signal.SIGKILL, "output/normalize/.wnut2017.partial"),
    ("all", signal.SIGINT, "output/clean/wnut2017"),
    ("dvc", signal.SIGKILL, "output/.dedupe.partial"),
    ("all", signal.SIGKILL, "output/instruct"),
]


@pytest.fixture
def undisturbed(tmp_path_factory):
    """The project in which `dvc repro` came to its end."""
    return first(tmp_path_factory)


@pytest.fixture
def project(undisturbed, tmp_path):
    """A copy of it in which nothing has been run."""
    folder = tmp_path / "project"
    shutil.copytree(undisturbed, folder, symlinks=True)
    for name in ("output", "dvc.lock", ".dvc/cache", "dictionaries/hard_negatives"):
        atomic.remove(folder / name)
    return folder


def repro_started(folder):
    return started(folder, sys.executable, "-m", "dvc", "repro")


def disturbed(folder, whom, sent, path):
    """Start `dvc repro` and send the signal as soon as the path is there."""
    process = repro_started(folder)
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
    for _ in range(5):
        process = repro_started(folder)
        said = "".join(process.communicate(timeout=600))
        if process.returncode == 0:
            sound(folder)
            return said
        (told,) = [c for c in system.programs(folder) if c.subject == "DVC"]
        assert told.found.endswith("is cut short: dvc was killed as it wrote it"), said
        assert "delete it" in told.todo
        (folder / told.found.split()[0]).unlink()
    raise AssertionError(said)


def made(folder):
    """What the stages have left, and the dictionaries gathered from it."""
    return {
        name: content
        for place in ("output", "dictionaries")
        for name, content in tree(folder / place).items()
        if ".gitignore" not in name
    }


def test_dvc_repro_stopped_again_and_again(project, undisturbed):
    codes = [disturbed(project, *moment) for moment in MOMENTS]

    assert all(codes)  # none came to its end
    finished(project)
    assert made(project) == made(undisturbed)
    assert "Running stage" not in finished(project)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(12))
def test_dvc_repro_stopped_at_any_moment(project, undisturbed, number):
    """At moments by the clock; what they hit differs from time to time, what comes out does not."""
    for n in range(4):
        process = repro_started(project)
        time.sleep(2 + 0.7 * number + 0.3 * n)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT if (number + n) % 2 else signal.SIGKILL)
        process.communicate(timeout=300)

    finished(project)
    assert made(project) == made(undisturbed)
