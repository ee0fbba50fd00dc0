"""The audit page in a real browser: Debian's Chromium, headless, from a file.

Skipped where there is no browser; but not where IEPILE_RAW is set, as in continuous integration.
"""

import json
import os
import shutil

import pytest

from pipeline.report.stage import report
from tests.planted import DATASETS, IMAGE, SCRIPT, planted

PROGRAMS = [shutil.which("chromium"), shutil.which("chromedriver")]
pytestmark = pytest.mark.skipif(
    None in PROGRAMS and "IEPILE_RAW" not in os.environ, reason="chromium is not installed"
)
#: Without these Chromium asks Google's hosts for updates when it starts.
SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: The rows of the audit that the present filters let through.
ROWS_SHOWN = "#list > article:not([hidden])"


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    report(DATASETS, planted(folder), folder / "reports", [("gone", SCRIPT)])
    return folder / "reports" / "index.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    assert None not in PROGRAMS, "install chromium and chromium-driver, as .ci/run does"
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS[0]
    for switch in [*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(PROGRAMS[1]))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium, html):
    """The browser with the page freshly opened, its logs empty before."""
    chromium.get_log("browser")
    chromium.get_log("performance")
    width(chromium, 1280, 900)
    chromium.get(html.as_uri())
    return chromium


def width(driver, pixels, height):
    metrics = {"width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": pixels < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def visible(driver, selector):
    found = "return [...document.querySelectorAll(arguments[0])]"
    script = f"{found}.filter(x => !x.hidden).map(x => x.textContent)"
    return driver.execute_script(script, selector)


def soon(driver, script):
    """Wait until ``script`` is true: the page answers some events only after the click returns."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 30).until(lambda page: page.execute_script(f"return {script}"), script)


def choose(driver, name, value):
    script = """const field = document.getElementById("filters").elements[arguments[0]];
    field.value = arguments[1]; field.dispatchEvent(new Event("input", {bubbles: true}));"""
    driver.execute_script(script, name, value)
    return visible(driver, "#list > article")


def requests(driver):
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]


def test_it_opens_without_an_error_or_a_request(browser, html):
    assert browser.title == "Audit of the corpus"
    asked = requests(browser)
    assert asked[0] == html.as_uri()
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    assert browser.get_log("browser") == []


def test_a_planted_script_stays_text(browser):
    for details in browser.find_elements("css selector", "details"):
        browser.execute_script("arguments[0].open = true", details)

    assert browser.execute_script("return window.owned") is None
    assert browser.find_elements("css selector", "img, iframe, object, embed") == []
    assert len(browser.find_elements("css selector", "script")) == 1
    links = browser.execute_script("return [...document.links].map(a => a.protocol)")
    assert {*links} == {"file:"}
    texts = choose(browser, "q", "Ines saw")
    assert len(texts) == 1
    assert SCRIPT in texts[0]
    rejected = choose(browser, "q", "odd_tag")
    assert len(rejected) == 3
    assert all(SCRIPT + IMAGE in text for text in rejected)
    section = browser.find_element("id", "dataset-wan")
    assert SCRIPT in section.text
    assert IMAGE in browser.execute_script(
        "return arguments[0].querySelector('.near').textContent", section
    )
    chart = (
        "return [...arguments[0].querySelectorAll('.bars, .heat')]"
        ".map(t => t.textContent).join(' ')"
    )
    assert "<script>" in browser.execute_script(chart, section)


def test_a_script_that_slipped_through_would_not_run(browser):
    """The policy of the page allows its own script alone."""
    browser.execute_script(
        """const script = document.createElement("script");
        script.textContent = "window.owned = 2"; document.body.append(script);
        const box = document.createElement("div");
        box.innerHTML = '<img src=x onerror="window.owned = 3">'; document.body.append(box);"""
    )

    assert browser.execute_script("return window.owned") is None
    assert "Content Security Policy" in str(browser.get_log("browser"))


def test_rows_are_searched_and_filtered(browser):
    everything = visible(browser, "#list > article")
    assert len(everything) == 18

    assert len(choose(browser, "outcome", "dropped: conflicting_duplicate")) == 2
    assert len(choose(browser, "q", "BOB partner")) == 2
    assert choose(browser, "q", "nothing like this") == []
    assert browser.find_element("id", "matches").text == "0 of 18 rows match"
    browser.find_element("css selector", "#filters button").click()
    soon(browser, f"document.querySelectorAll('{ROWS_SHOWN}').length === {len(everything)}")
    assert visible(browser, "#list > article") == everything
    assert len(choose(browser, "language", "zh")) == 4
    assert len(choose(browser, "q", "雾港")) == 2


def test_a_dropped_row_shows_reason_partner_and_annotations(browser):
    (text,) = choose(browser, "outcome", "dropped: train_text_in_test")

    assert "toy/train/2" in text
    assert "partner toy/test/0" in text
    article = browser.find_element("css selector", ROWS_SHOWN)
    marks = "return [...arguments[0].querySelectorAll('mark')].map(m => m.textContent)"
    assert browser.execute_script(marks, article) == ["Bergenplace", "Bergenplace"]


def test_near_duplicates_and_odd_annotations_are_told(browser):
    near = browser.find_element("id", "near")
    browser.execute_script("arguments[0].open = true", near)

    assert "2 found with similarity 0.8 or more (reported, not dropped)" in near.text
    assert "toy/train/9 ~ toy/train/10" in near.text
    section = browser.find_element("id", "dataset-toy")
    browser.execute_script("arguments[0].open = true", section)
    assert "span with two labels 1" in section.text


def test_datasets_are_found_sorted_and_opened(browser):
    rows = "#overview tbody tr"
    assert visible(browser, f"{rows} th") == ["toy", "wan"]

    heads = browser.find_elements("css selector", "#overview thead button")
    for name, order in (
        ("dataset", ["toy", "wan"]),
        ("dataset", ["wan", "toy"]),
        ("records", ["toy", "wan"]),
        ("records", ["wan", "toy"]),
    ):
        next(h for h in heads if h.text == name).click()
        assert visible(browser, f"{rows} th") == order, name

    browser.find_element("id", "find").send_keys("zh ner")
    assert [text for text in visible(browser, rows) if "wan" in text] == visible(browser, rows)
    assert browser.find_element("id", "found").text == "1 of 2 datasets"

    browser.find_element("link text", "wan").click()
    soon(browser, "document.getElementById('dataset-wan').open")
    button = browser.find_element("css selector", "[data-rows=wan]")
    browser.execute_script("arguments[0].click()", button)
    soon(browser, f"document.querySelectorAll('{ROWS_SHOWN}').length === 4")


@pytest.mark.parametrize("pixels", [360, 390, 768, 1280])
def test_it_fits_the_screen(browser, pixels):
    width(browser, pixels, 800)
    for details in browser.find_elements("css selector", "details"):
        browser.execute_script("arguments[0].open = true", details)

    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= pixels
    small = browser.execute_script(
        "return Math.min(...[...document.querySelectorAll('p, td, .bars th, .heat b, summary')]"
        ".map(x => parseFloat(getComputedStyle(x).fontSize)))"
    )
    assert small >= 11
