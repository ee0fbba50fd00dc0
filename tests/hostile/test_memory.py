"""Long lines and texts: read, told or counted within a bound of memory, and nothing hangs.

A line is split into its parts once: at the worst, five million words of one letter are five million
strings. That is the bound, whatever the number of such lines. A fifth of the bytes may take a fifth
of the memory, beside the packages.
"""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.inputs import LONG

#: Bytes -> the most MB.
LARGE = (2_000_000, 440)
LARGEST = (10_000_000, 1500)


def peak(what, kind, size, folder):
    """The most memory a child held; it is stopped if it does not end."""
    command = [sys.executable, "-m", "tests.hostile.heavy", what, kind, str(size), str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize(("what", "kind"), [("readers", "letters"), ("stages", "words")])
def test_a_long_line(what, kind, tmp_path):
    size, most = LARGE
    assert peak(what, kind, size, tmp_path) < most


@pytest.mark.soak
@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("what", ["readers", "stages"])
def test_the_longest_line(what, kind, tmp_path):
    size, most = LARGEST
    assert peak(what, kind, size, tmp_path) < most
