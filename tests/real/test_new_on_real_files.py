"""Real files with no reader named: `iepile new` reads them as declared, or asks."""

import os
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from tests.adding.test_samples import outcome

RAW = os.environ.get("IEPILE_RAW")

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


@pytest.mark.parametrize("name", catalog.ids())
def test_real_files_are_read_as_declared_or_asked_about(name):
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, Path(RAW))
    if not manifest.splits:
        pytest.skip("no file of it is declared")
    split = next(iter(manifest.splits.values()))
    files = [folder / file.path for file in split.files]
    if not all(file.exists() for file in files):
        pytest.skip("its files are not here")

    assert outcome(dataset, files) != "wrong"
