"""The hashes that the catalog declares are those of real bytes, where IEPILE_RAW holds them."""

import os
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files

RAW = os.environ.get("IEPILE_RAW")

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


def test_declared_hashes_are_those_of_real_files():
    declared = [
        file
        for name in catalog.ids()
        for split in catalog.load(name).splits.values()
        for file in split.files
    ]
    hashes = {hash_ for file in declared for hash_ in (file.sha256, file.git) if hash_}
    real = [path for path in Path(RAW).rglob("*") if path.is_file() and path.stat().st_size > 1000]

    seen = {raw_files.digest(path) for path in real} | {raw_files.git_blob(path) for path in real}

    # The eleven files with a Git blob id are over 4 MiB, and may not be there.
    assert len(hashes & seen) >= 80
