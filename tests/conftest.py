"""Shared fixtures: where the project lies, and a flag that rewrites the expected files."""

import sys
from pathlib import Path

import hypothesis
import pytest

# No test fails because the machine is busy.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

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


@pytest.fixture(autouse=True)
def _pandas_is_there():
    """A stage's command hides pandas while its process lives, which here is that of all tests."""
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "_NoPandas"]
