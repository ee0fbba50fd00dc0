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
from tests.helpers import normalize_one, shared_by_workers


@pytest.fixture(scope="session")
def sample_corpus(tmp_path_factory):
    """The corpus of the whole sample edition, with negatives drawn at random."""
    datasets = [d for name in catalog.ids() if present(d := catalog.load(name))]

    def make(out):
        settings = Settings()
        words = ROOT / "pipeline" / "clean" / "stop_words"
        for d in datasets:
            folder, manifest = raw_files.edition(d, ROOT / "raw" / "sample")
            normalize_one(d, folder, manifest, Normalize(), out / "normalize" / d.id)
            clean([d], out / "normalize", Clean(), words, out / "clean")
        dedupe(datasets, out / "clean", Dedupe(), out / "dedupe")
        near = {d.id: {} for d in datasets}
        instruct(datasets, out / "clean", out / "dedupe", near, settings.instruct, out / "instruct")
        folders = {stage: out / stage for stage in ("normalize", "clean", "dedupe", "instruct")}
        publish(datasets, folders, settings, out / "corpus")

    return datasets, shared_by_workers(tmp_path_factory, "sample", make) / "corpus"


def present(dataset):
    """Whether a dataset has a sample."""
    return raw_files.present(*raw_files.edition(dataset, ROOT / "raw" / "sample"))
