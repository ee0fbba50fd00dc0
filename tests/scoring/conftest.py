"""The corpus of the whole sample edition, made once for all tests of scores."""

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe, Normalize, Settings
from pipeline.dedupe.stage import dedupe
from pipeline.instruct.stage import instruct
from pipeline.publish.stage import publish
from tests.conftest import ROOT
from tests.helpers import normalize_one


@pytest.fixture(scope="session")
def sample_corpus(tmp_path_factory):
    """The corpus of the whole sample edition, with negatives drawn at random."""
    out = tmp_path_factory.mktemp("sample")
    used, settings = [], Settings()
    for name in catalog.ids():
        dataset = catalog.load(name)
        folder, manifest = raw_files.edition(dataset, ROOT / "raw" / "sample")
        if not raw_files.present(folder, manifest):
            continue
        used.append(dataset)
        normalize_one(dataset, folder, manifest, Normalize(), out / "normalize" / name)
        words = ROOT / "pipeline" / "clean" / "stop_words"
        clean([dataset], out / "normalize", Clean(), words, out / "clean")
    dedupe(used, out / "clean", Dedupe(), out / "dedupe")
    near = {d.id: {} for d in used}
    instruct(used, out / "clean", out / "dedupe", near, settings.instruct, out / "instruct")
    folders = {stage: out / stage for stage in ("normalize", "clean", "dedupe", "instruct")}
    publish(used, folders, settings, out / "corpus")
    return used, out / "corpus"
