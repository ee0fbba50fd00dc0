"""What a stage's code is, and what in it makes nothing stale."""

import sys
from importlib.metadata import version

import pytest

from pipeline.commands import wiring
from pipeline.execution import code


@pytest.mark.parametrize(
    ("stage", "has"),
    [
        (
            "normalize",
            {"normalize/stage.py", "normalize/account.py", "tables.py", "normalize/windows.py"},
        ),
        ("clean", {"clean/stage.py", "clean/rules.py", "execution/shards.py", "clean/chinese.py"}),
        ("dedupe", {"dedupe/minhash.py", "text.py", "dedupe/tags.py"}),
        ("negatives", {"negatives/evidence.py", "negatives/encoders.py", "tasks/_answers.py"}),
        (
            "instruct",
            {"instruct/assembly.py", "hashing.py", "instruct/templates.toml"},
        ),
        ("publish", {"publish/card.py", "publish/card.md", "publish/lengths.py"}),
        (
            "report",
            {
                "report/examples.py",
                "report/page/page.html",
                "report/page/draw.js",
            },
        ),
    ],
)
def test_a_stage_follows_from_what_it_imports(stage, has):
    paths = [p for pattern in wiring.STAGES[stage].code for p in code.PACKAGE.glob(pattern)]
    start = [path for path in paths if path.is_file()]  # as `wiring.code_of`: no __pycache__

    found = {code.name(path) for path in code.reached(start, wiring.SILENT)}

    assert has <= found
    silent = ("errors", "execution/engines", "cli", "config", "execution/atomic", "commands/chain")
    assert not found & {f"{name}.py" for name in silent}
    assert not found & {f"{other}/stage.py" for other in wiring.STAGES if other != stage}
    assert not {name for name in found if name.startswith("readers/") and "/_" not in name}


def test_versions_of_the_packages_that_are_imported(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("import json\nimport numpy.linalg as la\nfrom sklearn import svm\nimport nix\n")

    versions = code.versions([path])

    assert [*versions] == ["Python", "numpy", "scikit-learn"]
    assert versions["numpy"] == version("numpy").partition("+")[0]


@pytest.mark.parametrize(
    "kept", [None, b"not JSON", b'{"source": "another", "digest": "", "imports": []}']
)
def test_what_was_parsed_is_kept_as_long_as_it_is_true(tmp_path, monkeypatch, kept):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "__pycache__").mkdir()
    path = tmp_path / "module.py"
    path.write_text("x = 1\n")
    first = code.digest([path])
    (file,) = tmp_path.glob("__pycache__/*.digest")
    if kept is not None:
        file.write_bytes(kept)
    code._read.cache_clear()  # as in another process

    assert code.digest([path]) == first
    path.write_text("x = 2\n")
    assert code.digest([path]) != first
    path.write_text("x = 1  # a comment\n")
    assert code.digest([path]) == first


def digest_of(text, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(text, encoding="utf-8")
    return code.digest([path])


CODE = '''"""Says what it is."""

import os


def half(number: int) -> float:
    """The half of it."""
    return number / 2  # as everyone knows
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # as everyone knows", ""),
        ('"""Says what it is."""', '"""Says more."""'),
        ('    """The half of it."""\n', ""),
        ("\n\n\ndef", "\n\n\n\n\ndef"),
        ("number / 2", "(number\n        / 2)"),
    ],
)
def test_comments_docstrings_and_formatting_are_no_code(old, new, tmp_path):
    assert old in CODE
    assert digest_of(CODE, tmp_path) == digest_of(CODE.replace(old, new), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"), [("/ 2", "/ 3"), ("import os", "import re"), ("half", "part"), ("int", "str")]
)
def test_anything_else_is(old, new, tmp_path):
    assert digest_of(CODE, tmp_path) != digest_of(CODE.replace(old, new), tmp_path)


def test_a_string_that_is_no_docstring_is_code(tmp_path):
    one, other = (f'{{}}\nx = 1\n"{word}"\n'.format("import os") for word in ("a", "b"))

    assert digest_of(one, tmp_path) != digest_of(other, tmp_path)
