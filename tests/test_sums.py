"""The sum check on every sample: records in = kept + dropped by each reason."""

import pytest

from tests import account
from tests.conftest import ROOT

SAMPLE = ROOT / "raw" / "sample"
NAMES = account.present(SAMPLE)


@pytest.fixture(scope="module", params=["as it is", "in windows", "with everything dropped"])
def ws(request, tmp_path_factory):
    settings = {
        "as it is": {},
        "in windows": {"normalize": {"window_chars": 100}},
        "with everything dropped": {
            "dedupe": {"near_duplicates": "drop", "near_duplicate_similarity": 0.4},
            "clean": {"long_text": 150, "fix": ["text_too_long", "span_with_two_labels"]},
        },
    }[request.param]
    import msgspec

    from pipeline.config import Settings

    typed = msgspec.convert(settings, Settings)
    own = {key: getattr(typed, key) for key in settings}
    return account.made(SAMPLE, tmp_path_factory.mktemp("sums"), NAMES, **own)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_unaccounted(name, ws):
    assert sum(account.check(ws, name).values()) > 0


def test_there_are_samples_enough():
    assert len(NAMES) > 40
