"""Real files with no reader named: `iepile new` reads them as declared, or asks."""

import os
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.adding.excerpts import excerpts
from pipeline.catalog import raw_files
from tests.adding.test_samples import outcome

RAW = os.environ.get("IEPILE_RAW")
MANIFESTS = Path(__file__).parent / "manifests"

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


def first_files(name):
    """The raw files of the first split of a dataset that is here as a whole."""
    if not Path(RAW or "", name).exists():
        return []
    folder, manifest = raw_files.edition(catalog.load(name), Path(RAW or ""), MANIFESTS)
    splits = ([folder / file.path for file in split.files] for split in manifest.splits.values())
    files = next((files for files in splits if all(file.exists() for file in files)), [])
    # Of a document a file, or a few files, the first documents say as much as hundreds.
    documents = {*[*dict.fromkeys(file.stem for file in files)][:20]}
    return [file for file in files if file.stem in documents]


@pytest.mark.parametrize("name", [name for name in catalog.ids() if RAW and first_files(name)])
def test_real_files_are_read_as_declared_or_asked_about(name, tmp_path, record_property):
    files = excerpts(first_files(name), tmp_path, 400, 1 << 18)

    told = outcome(catalog.load(name), files)

    record_property("outcome", told)
    assert told != "wrong"
