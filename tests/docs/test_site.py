"""The pages build to a site that needs nothing from elsewhere."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.conftest import ROOT
from tests.docs.pages import name_of

PROGRAMS = [shutil.which("chromium"), shutil.which("chromedriver")]


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


def test_links_of_the_site_lead_somewhere(site):
    broken = set()
    for page in site.glob("**/*.html"):
        if page.name == "404.html":  # its links are absolute
            continue
        for target in re.findall(
            r"<a\b[^>]*? href=\"?([^\" >]+)", page.read_text(encoding="utf-8")
        ):
            path = target.partition("#")[0]
            if path and not re.match(r"[a-z]+:", path) and not (page.parent / path).is_file():
                broken.add((page.relative_to(site).as_posix(), target))

    assert broken == set()


def test_the_nav_holds_every_page():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = {*re.findall(r"[\w./-]+\.md", str(yaml.safe_load(text)["nav"]))}
    pages = {name_of(path).removeprefix("docs/") for path in (ROOT / "docs").glob("**/*.md")}

    assert pages <= listed


@pytest.mark.skipif(
    None in PROGRAMS and "IEPILE_RAW" not in os.environ, reason="chromium is not installed"
)
def test_the_search_works_on_pages_opened_from_the_disk(site, tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    assert None not in PROGRAMS, "install chromium and chromium-driver, as .ci/run does"
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS[0]
    for switch in ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(PROGRAMS[1]))
    try:
        driver.get((site / "reference" / "parameters.html").as_uri())
        field = driver.find_element(By.CSS_SELECTOR, "input.md-search__input")
        driver.execute_script("arguments[0].focus()", field)
        field.send_keys("near_duplicate")
        WebDriverWait(driver, 60).until(
            lambda page: page.find_elements(By.CSS_SELECTOR, ".md-search-result__item")
        )
        assert driver.get_log("browser") == []
    finally:
        driver.quit()
