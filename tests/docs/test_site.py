"""The pages build to a site that needs nothing from elsewhere."""

import os
import re
import subprocess
import sys

import pytest
import yaml

from tests.conftest import ROOT
from tests.docs.pages import name_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site):
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").glob("**/*.md")}

    assert {path for path in pages if not (site / path).with_suffix(".html").is_file()} == set()
    assert (site / "project" / "bench" / "LEAK.html").is_file()
    assert [*site.glob("**/*.py")] == []


def test_pages_load_nothing_from_elsewhere(site):
    # Links that a reader may follow are `<a href>`; all else would be fetched.
    loads = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?(https?:)?//[^>]*>")
    found = {
        match[0]
        for path in site.glob("**/*.html")
        for match in loads.finditer(path.read_text(encoding="utf-8"))
        if "canonical" not in match[0]
    }

    assert found == set()


def test_the_nav_holds_every_page():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = {*re.findall(r"[\w./-]+\.md", str(yaml.safe_load(text)["nav"]))}
    pages = {name_of(path).removeprefix("docs/") for path in (ROOT / "docs").glob("**/*.md")}

    assert pages <= listed
