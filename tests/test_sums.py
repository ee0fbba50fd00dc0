"""The sum check on every sample: records in = kept + dropped by each reason."""

from types import SimpleNamespace

import msgspec
import pytest

from pipeline.config import Settings
from tests import account
from tests.conftest import ROOT
from tests.helpers import clean_sample

SAMPLE = ROOT / "raw" / "sample"
NAMES = account.present(SAMPLE)


#: Windows and drops are made of records, whatever reader they are from.
SOME = NAMES[::4]


@pytest.fixture(scope="module")
def as_it_is(tmp_path_factory):
    _, folder = clean_sample(tmp_path_factory)
    return SimpleNamespace(folders={s: folder / s for s in ("normalize", "clean", "dedupe")})


@pytest.fixture(scope="module", params=["in windows", "with everything dropped"])
def otherwise(request, tmp_path_factory):
    settings = {
        "in windows": {"normalize": {"window_chars": 100}},
        "with everything dropped": {
            "dedupe": {"near_duplicates": "drop", "near_duplicate_similarity": 0.4},
            "clean": {"long_text": 150, "fix": ["text_too_long", "span_with_two_labels"]},
        },
    }[request.param]
    typed = msgspec.convert(settings, Settings)
    own = {key: getattr(typed, key) for key in settings}
    return account.made(SAMPLE, tmp_path_factory.mktemp("sums"), SOME, **own)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_unaccounted(name, as_it_is):
    assert sum(account.check(as_it_is, name).values()) > 0


@pytest.mark.parametrize("name", SOME)
def test_nothing_is_unaccounted_under_other_settings(name, otherwise):
    assert sum(account.check(otherwise, name).values()) > 0


def test_there_are_samples_enough():
    assert len(NAMES) > 40
