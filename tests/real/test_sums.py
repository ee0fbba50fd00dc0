"""The sum check on real bytes, where IEPILE_RAW names a folder that holds them."""

import os
from pathlib import Path

import pytest

from tests import account

MANIFESTS = Path(__file__).parent / "manifests"
RAW = os.environ.get("IEPILE_RAW")
NAMES = account.present(Path(RAW), MANIFESTS) if RAW else []

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


def test_there_are_real_files():
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_unaccounted(name, real_run):
    assert sum(account.check(real_run, name).values()) > 0
