"""One run over all real files, made once and shared by all workers of pytest."""

import fcntl
import os
from pathlib import Path

import pytest

from pipeline import config
from pipeline.commands import chain
from pipeline.commands.layout import Workspace
from pipeline.execution.engines import Workers
from tests import account
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def real_run(tmp_path_factory):
    """The workspace of a run over every dataset that has real files. Nothing may change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    raw, manifests = Path(os.environ["IEPILE_RAW"]), Path(__file__).parent / "manifests"
    settings = config.load(ROOT / "params.yaml")
    # Two workers: the others of pytest may well wait for this run.
    ws = Workspace(settings, raw, shared / "real-run", manifests, Workers(2))
    with (shared / "real-run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who comes second finds it fresh
        chain.everything(account.present(raw, manifests), ws)
    return ws
