"""Windows and drops of every kind, of many samples; `tests/invariants` checks the outcome."""

import msgspec
import pytest

from pipeline.config import Settings
from tests import account
from tests.conftest import ROOT

SAMPLE = ROOT / "raw" / "sample"
NAMES = account.present(SAMPLE)
#: Windows and drops are made of records, whatever reader they are from.
SOME = NAMES[::4]
SETTINGS = {
    "in windows": {"normalize": {"window_chars": 100}},
    "with everything dropped": {
        "dedupe": {"near_duplicates": "drop", "near_duplicate_similarity": 0.4},
        "clean": {"long_text": 150, "fix": ["text_too_long", "span_with_two_labels"]},
    },
}


@pytest.mark.parametrize("case", SETTINGS)
def test_nothing_is_unaccounted(case, tmp_path):
    typed = msgspec.convert(SETTINGS[case], Settings)

    ws = account.made(
        SAMPLE, tmp_path, SOME, **{key: getattr(typed, key) for key in SETTINGS[case]}
    )

    assert len([*(ws.folders["dedupe"]).glob("*/*.parquet")]) > len(SOME)


def test_there_are_samples_enough():
    assert len(NAMES) > 40
