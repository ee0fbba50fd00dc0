"""Shared fixtures: where the project lies, and a flag that rewrites the expected files."""

import os
import tempfile
from pathlib import Path

import hypothesis
import pyarrow as pa
import pytest

from pipeline.execution import machine

# A user without a home has no place for what the datasets library caches.
if "HOME" not in os.environ:
    os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="iepile-tests-")

# No test fails because the machine is busy.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# Arrow looks for pandas now, before a stage that is called in this process makes it miss it.
pa.array([0])

# Stages that are called in this process need what a command gives them first.
machine.ensure_home()

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption(
        "--update-expected", action="store_true", help="rewrite tests/fixtures/expected"
    )


@pytest.fixture
def update_expected(request):
    return request.config.getoption("--update-expected")


@pytest.fixture
def in_project(monkeypatch):
    """The working directory is the project folder, as it is for `dvc repro`."""
    monkeypatch.chdir(ROOT)
    return ROOT
