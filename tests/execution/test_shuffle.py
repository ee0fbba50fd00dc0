"""The shuffle: every row comes out once, in the order of keys, however uneven the parts are."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.execution import shuffle

KEYS = st.lists(st.sampled_from([0, 1, 5, 2**32, 2**32 + 7, 2**63, 2**64 - 1]), max_size=60)


def keyed(keys, start=0):
    table = pa.table({"row": range(start, start + len(keys)), "text": [f"text {k}" for k in keys]})
    return shuffle.keyed(table, np.array(keys, np.uint64))


def parts(folder, bounds):
    return [[*shuffle.read(folder, n, bounds)] for n in range(len(bounds) - 1)]


@pytest.mark.parametrize("limit", [1, 100, 1_000, 10**6])
@given(KEYS, KEYS, st.integers(0, 10**6))
def test_rows_come_out_once_and_in_order(tmp_path_factory, limit, one, other, size):
    folder = tmp_path_factory.mktemp("shuffle")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffle, "LIMIT", limit)
        patch.setattr(shuffle, "FAN", 5)
        bounds = shuffle.even(size)
        shuffle.write([keyed(one)], bounds, folder / "0")
        shuffle.write(
            [keyed(other[:7], len(one)), keyed(other[7:], len(one) + 7)], bounds, folder / "1"
        )
        found = parts(folder, bounds)

    assert len(bounds) <= 6
    for n, tables in enumerate(found):
        keys = [key for table in tables for key in table[shuffle.KEY].to_pylist()]
        assert all(bounds[n] <= key < bounds[n + 1] for key in keys)
        own = [{*table[shuffle.KEY].to_pylist()} for table in tables]
        assert sum(map(len, own)) == len(set().union(*own)), "a key is in two tables"
    rows = [row for tables in found for t in tables for row in t["row"].to_pylist()]
    keys = [*one, *other]
    assert rows == sorted(range(len(keys)), key=lambda row: (keys[row], row))
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_tables_are_small_unless_one_key_is_large(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "LIMIT", 2_000)
    keys = [*np.random.default_rng(1).integers(0, 10**6, 3_000).tolist(), *[77] * 500]
    shuffle.write(
        [keyed(keys[i : i + 50], i) for i in range(0, 3_500, 50)], [0, 2**64], tmp_path / "a"
    )

    (tables,) = parts(tmp_path, [0, 2**64])
    large = [table for table in tables if table.nbytes > 3 * 2_000]
    assert [{*table[shuffle.KEY].to_pylist()} for table in large] == [{77}]


def test_what_a_killed_process_left_is_not_read(tmp_path):
    bounds = [0, 10, 2**64]
    shuffle.write([keyed([1, 2, 30])], bounds, tmp_path / "a")
    shuffle.write([keyed([7])], [0, 2**64], tmp_path / ".000000" / "rows")

    (low,), (high,) = parts(tmp_path, bounds)
    assert (low["row"].to_pylist(), high["row"].to_pylist()) == ([0, 1], [2])


def test_no_rows_are_no_files(tmp_path):
    shuffle.write([keyed([])], [0, 2**64], tmp_path / "a")

    assert parts(tmp_path, [0, 2**64]) == [[]]
    assert [*tmp_path.iterdir()] == []
