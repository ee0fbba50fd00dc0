"""A project of few datasets under git and DVC, which tests copy and change."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline import config
from pipeline.commands.layout import Workspace
from tests import invariants
from tests.conftest import ROOT
from tests.helpers import shared_by_workers

NAMES = ["duee1", "scierc", "wnut2017"]
STAGES = ["normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report"]
#: The folders of a run that hold the same, however it was run.
FOLDERS = [*STAGES[:5], "corpus", "reports", "stamps"]


def started(folder, *command):
    """Start a program as the leader of a group, in a folder of a project, with its code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(folder)}
    own |= {
        f"GIT_{who}_{what}": "t@e.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return subprocess.Popen(
        [*map(str, command)],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, their children would inherit a deaf ear.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def called(folder, *command, check=True):
    """Run a program to its end."""
    with started(folder, *command) as process:
        out, err = process.communicate(timeout=600)
    assert not check or process.returncode == 0, out + err
    return subprocess.CompletedProcess(command, process.returncode, out, err)


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
    if not arguments:
        sound(folder)
    return {stage: told.get(stage, "") for stage in stages}


def sound(folder):
    """What `dvc repro` has left keeps the promises of all stages."""
    settings = config.load(folder / "params.yaml")
    catalog = folder / "pipeline" / "catalog"
    ws = Workspace(settings, folder / settings.raw, folder / "output", declarations=catalog)
    invariants.whole([*settings.datasets], ws)


def write(folder, params):
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def first(tmp_path_factory):
    """The project in which `dvc repro` has run once. Nobody may change what is in it."""

    def make(folder):
        for name in ("pipeline", "dictionaries"):
            ignore = shutil.ignore_patterns("__pycache__", "hard_negatives*")
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

    return shared_by_workers(tmp_path_factory, "under-dvc", make)
