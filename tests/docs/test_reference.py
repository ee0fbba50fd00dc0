"""The generated pages of docs/reference are what the code gives."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCRIPT = [sys.executable, str(ROOT / "docs" / "generate.py")]


def test_generated_pages_are_up_to_date():
    done = subprocess.run([*SCRIPT, "--check"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, f"run `make docs`: {done.stdout}{done.stderr}"


def test_a_reason_without_a_sentence_is_an_error(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import generate

    reasons = generate.found_in_code.reasons()
    assert {"duplicate", "text_too_long"} <= {*reasons["dropped"]}
    assert {"malformed_json", "unknown_tag"} <= {*reasons["rejected"]}
    reasons["rejected"].append("quite_new")
    monkeypatch.setattr(generate.found_in_code, "reasons", lambda: reasons)
    with pytest.raises(SystemExit, match="quite_new"):
        generate.drop_reasons()
