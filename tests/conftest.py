"""Shared fixtures: where the project lies, and a flag that rewrites the expected files."""

import multiprocessing.process
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import hypothesis
import pyarrow as pa
import pytest

from pipeline.commands import chain
from pipeline.execution import machine

# A user without a home has no place for what the datasets library caches.
if "HOME" not in os.environ:
    os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="iepile-tests-")

# Tables are cut to the width of the terminal: the same width wherever the tests run.
os.environ |= {"COLUMNS": "100", "LINES": "24"}

# No test fails because the machine is busy. `make soak` tries more examples.
hypothesis.settings.register_profile("unhurried", deadline=None, max_examples=40)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=400)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unhurried"))

# Arrow looks for pandas now, before a stage that is called in this process makes it miss it.
pa.array([0])

# Stages that are called in this process need what a command gives them first.
machine.ensure_home()

ROOT = Path(__file__).resolve().parent.parent


#: Folders and files whose tests take long or start processes, the longest first: they begin a
#: whole run, so that none is left for its end, and `make test-quick` leaves them out. The first
#: makes the run over real files; the others of tests/real come late enough not to wait for it.
SLOW = [
    ROOT / "tests" / name
    for name in (
        *("real/test_use.py", "faults", "test_dvc.py", "real/test_new_on_real_files.py"),
        *("test_day.py", "docs/test_blocks.py", "execution/test_memory.py"),
        *("exports", "hostile", "test_fuzz.py", "catalog/test_invariant.py"),
        *("adding/test_new.py", "adding/test_samples.py", "adding/test_kinds.py"),
        *("adding/test_cases.py", "adding/test_checking.py", "adding/test_sources.py"),
        *("execution/test_engines.py", "execution/test_s3.py", "execution/test_freshness.py"),
        *("execution/test_ownership.py", "execution/test_cluster.py", "execution/test_urls.py"),
        *("execution/test_shuffle.py", "docs/test_export_pages.py", "real"),
        *("docs/test_site.py", "scoring/test_scoring.py", "test_bench.py"),
        *("scoring/test_dress.py", "tasks/test_json_schema.py", "scoring/test_predictions.py"),
        *("scoring/test_reward.py", "negatives/test_encoders.py", "commands/test_push.py"),
        *("catalog/test_catalog.py",),
        *("negatives/test_negatives.py", "normalize/test_merging.py", "dedupe/test_dedupe.py"),
        *("report/test_page.py", "predicting/test_predict.py", "fetching/test_fetching.py"),
        *("clean/test_rules.py", "doctor/test_doctor.py", "test_cli.py"),
        *("test_end_to_end.py", "test_errors.py", "test_examples.py", "test_security.py"),
        *("test_sums.py", "test_unified.py", "test_wheel.py", "test_worth.py"),
    )
]
assert all(path.exists() for path in SLOW), [str(path) for path in SLOW if not path.exists()]


def pytest_addoption(parser):
    parser.addoption(
        "--update-expected", action="store_true", help="rewrite tests/fixtures/expected"
    )
    parser.addoption("--quick", action="store_true", help="only what is quick, without processes")


def pytest_ignore_collect(collection_path, config):
    return True if config.getoption("--quick") and collection_path in SLOW else None


def pytest_collection_modifyitems(items):
    places = {path: place for place, path in enumerate(SLOW)}

    @cache
    def place(path):
        parts = (path, *path.parents)
        return min((places[part] for part in parts if part in places), default=len(SLOW))

    items.sort(key=lambda item: place(item.path))


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


@pytest.fixture(autouse=True, scope="session")
def sound_runs():
    """Whatever test runs a stage in this process: what it leaves keeps the promises."""
    from tests import invariants

    make = chain.Chain._make

    def checked(self, stage, tell, **more):
        told = make(self, stage, tell, **more)
        invariants.after(stage, self.units(stage), self.datasets, self.ws)
        return told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain.Chain, "_make", checked)
        yield


@pytest.fixture
def update_expected(request):
    return request.config.getoption("--update-expected")


@pytest.fixture
def in_project(monkeypatch):
    """The working directory is the project folder, as it is for `dvc repro`."""
    monkeypatch.chdir(ROOT)
    return ROOT
