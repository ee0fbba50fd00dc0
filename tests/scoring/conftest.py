"""The corpus of the whole sample edition, made once for all tests of scores."""

import pytest

from tests.helpers import corpus_of_sample


@pytest.fixture(scope="session")
def sample_corpus(tmp_path_factory):
    return corpus_of_sample(tmp_path_factory)
