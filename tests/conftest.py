"""Shared fixtures: where the project lies, and a flag that rewrites the expected files."""

import multiprocessing.process
import os
import subprocess
import tempfile
from pathlib import Path

import hypothesis
import pyarrow as pa
import pytest

from pipeline.execution import machine

# A user without a home has no place for what the datasets library caches.
if "HOME" not in os.environ:
    os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="iepile-tests-")

# Tables are cut to the width of the terminal: the same width wherever the tests run.
os.environ |= {"COLUMNS": "100", "LINES": "24"}

# No test fails because the machine is busy.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# Arrow looks for pandas now, before a stage that is called in this process makes it miss it.
pa.array([0])

# Stages that are called in this process need what a command gives them first.
machine.ensure_home()

ROOT = Path(__file__).resolve().parent.parent


#: Folders and files that `make test-quick` leaves out: they start processes, or take long.
LONG = (
    *("day", "examples", "exports", "faults", "fuzz", "hostile", "real"),
    *("test_catalog.py", "test_cli.py", "test_errors.py", "test_freshness.py"),
    *("test_ownership.py", "test_rules.py", "test_scoring.py", "test_unified.py"),
    *("test_cluster.py", "test_consumers.py", "test_doctor.py", "test_dvc.py", "test_engines.py"),
    *("test_bytes.py", "test_examples.py", "test_fetching.py", "test_fuzz.py", "test_memory.py"),
    *(
        "test_new.py",
        "test_page.py",
        "test_predict.py",
        "test_export_pages.py",
        "test_blocks.py",
        "test_site.py",
        "test_s3.py",
    ),
    *("test_samples.py", "test_security.py", "test_wheel.py", "test_worth.py"),
)


def pytest_addoption(parser):
    parser.addoption(
        "--update-expected", action="store_true", help="rewrite tests/fixtures/expected"
    )
    parser.addoption("--quick", action="store_true", help="only what is quick, without processes")


def pytest_ignore_collect(collection_path, config):
    inside = collection_path.relative_to(ROOT).parts
    return True if config.getoption("--quick") and {*inside} & {*LONG} else None


def pytest_configure(config):
    """A quick run skips a test as soon as it starts a process."""
    starts_workers = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if not config.getoption("--quick") or starts_workers:
        return

    def guarded(start):
        def begin(*arguments, **more):
            if "PYTEST_CURRENT_TEST" in os.environ:  # pytest itself may look at the machine
                pytest.skip("it starts a process")
            return start(*arguments, **more)

        return begin

    process = multiprocessing.process.BaseProcess
    subprocess.Popen.__init__ = guarded(subprocess.Popen.__init__)
    process.start = guarded(process.start)


@pytest.fixture
def update_expected(request):
    return request.config.getoption("--update-expected")


@pytest.fixture
def in_project(monkeypatch):
    """The working directory is the project folder, as it is for `dvc repro`."""
    monkeypatch.chdir(ROOT)
    return ROOT
