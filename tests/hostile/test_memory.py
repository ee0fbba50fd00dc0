"""Lines and texts of 10 MB: read, told or counted within a bound of memory, and nothing hangs.

A line is split into its parts once: at the worst, five million words of one letter are five million
strings. That is the bound, whatever the number of such lines.
"""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.hostile.heavy import KINDS

MOST_MB = 1500


def peak(what, kind, folder):
    """The most memory a child held; it is stopped if it does not end."""
    command = [sys.executable, "-m", "tests.hostile.heavy", what, kind, str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("kind", ["letters"])
def test_a_line_of_10_mb_in_every_reader(kind, tmp_path):
    assert peak("readers", kind, tmp_path) < MOST_MB


@pytest.mark.parametrize("kind", ["words"])
def test_a_text_of_10_mb_through_all_stages(kind, tmp_path):
    assert peak("stages", kind, tmp_path) < MOST_MB


@pytest.mark.soak
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "letters"])
def test_any_line_of_10_mb_in_every_reader(kind, tmp_path):
    assert peak("readers", kind, tmp_path) < MOST_MB


@pytest.mark.soak
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "words"])
def test_any_text_of_10_mb_through_all_stages(kind, tmp_path):
    assert peak("stages", kind, tmp_path) < MOST_MB
