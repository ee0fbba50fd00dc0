"""The corpus of the whole sample edition, made once for all tests of scores."""

import pytest

from pipeline.config import Settings
from pipeline.instruct.stage import instruct
from pipeline.publish.stage import publish
from tests.helpers import clean_sample, shared_by_workers


@pytest.fixture(scope="session")
def sample_corpus(tmp_path_factory):
    """The corpus of the whole sample edition, with negatives drawn at random."""
    datasets, folder = clean_sample(tmp_path_factory)

    def make(out):
        settings = Settings()
        folders = {stage: folder / stage for stage in ("normalize", "clean", "dedupe")}
        folders["instruct"] = out / "instruct"
        near = {d.id: {} for d in datasets}
        instruct(datasets, *[*folders.values()][1:3], near, settings.instruct, folders["instruct"])
        publish(datasets, folders, settings, out / "corpus")

    return datasets, shared_by_workers(tmp_path_factory, "sample-corpus", make) / "corpus"
