"""Real files with no reader named: `iepile new` reads them as declared, or asks."""

import os
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from tests.adding.test_samples import outcome

RAW = os.environ.get("IEPILE_RAW")

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


def first_files(name):
    """The raw files of the first split of a dataset, if all of them are here."""
    folder, manifest = raw_files.edition(catalog.load(name), Path(RAW or ""))
    files = [
        folder / file.path for split in [*manifest.splits.values()][:1] for file in split.files
    ]
    return files if all(file.exists() for file in files) else []


@pytest.mark.parametrize("name", [name for name in catalog.ids() if RAW and first_files(name)])
def test_real_files_are_read_as_declared_or_asked_about(name):
    dataset, files = catalog.load(name), first_files(name)

    assert outcome(dataset, files) != "wrong"
