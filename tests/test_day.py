"""A day of use: random operations in a workspace, checked against clean rebuilds (`tests/day`)."""

import pytest

from tests.day import play, uses


def test_a_short_day(tmp_path):
    names, last = ["cluener", "conll04", "wnut2017"], [uses.be_interrupted, uses.export]

    compared = play(tmp_path, seed=11, operations=6, names=names, last=last)

    assert compared["files"] > 100
    assert compared["exports"] > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_whole_day(tmp_path, seed):
    assert play(tmp_path, seed, operations=50)["files"] > 1_000


@pytest.mark.soak
def test_a_whole_day_with_dvc(tmp_path):
    assert play(tmp_path, seed=21, operations=50, dvc=True)["files"] > 1_000
