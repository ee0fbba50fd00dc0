"""The sum check on real bytes, where IEPILE_RAW names a folder that holds them."""

import os
from pathlib import Path

import pytest

from tests import account

MANIFESTS = Path(__file__).parent / "manifests"
RAW = os.environ.get("IEPILE_RAW")
NAMES = account.present(Path(RAW), MANIFESTS) if RAW else []

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    return account.made(Path(RAW), tmp_path_factory.mktemp("sums"), NAMES, MANIFESTS)


def test_there_are_real_files():
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_unaccounted(name, ws):
    assert sum(account.check(ws, name).values()) > 0
