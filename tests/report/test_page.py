"""The audit page in a real browser: Debian's Chromium, headless, from a file.

Skipped where there is no browser; but not where IEPILE_RAW is set, as in continuous integration.
"""

import importlib.resources
import json
import os
import shutil
import subprocess
import sys
from itertools import combinations, pairwise

import pytest

from pipeline.report import page
from pipeline.report.stage import report
from tests.conftest import ROOT
from tests.planted import DATASETS, IMAGE, SCRIPT, planted
from tests.report.test_report import large

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
SHOWN = "main article"
#: Every page of the planted corpus.
PAGES = ["", "dataset=toy", "dataset=wan", "view=instructions", "view=rows", "view=labels"]


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    made = {"code": "0" * 32, "parameters": "instruct:\n  ways: 64\n"}
    report(DATASETS, planted(folder), folder / "reports", [("gone", SCRIPT)], made=made)
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


@pytest.fixture
def opened(chromium, html):
    """The browser with the page as the test before it left it: for those that visit their own."""
    if chromium.current_url.partition("#")[0] != html.as_uri():
        chromium.get(html.as_uri())
    width(chromium, 1280, 900)
    return chromium


def width(driver, pixels, height):
    metrics = {"width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": pixels < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    # The page draws itself anew for another width, which the browser tells it in its next frame.
    frames = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"
    driver.execute_async_script(frames)


def texts(driver, selector):
    found = "return [...document.querySelectorAll(arguments[0])]"
    return driver.execute_script(f"{found}.map(x => x.textContent)", selector)


def visit(driver, address):
    """Follow a link of the page."""
    driver.execute_script("location.hash = arguments[0]; route()", address)


def choose(driver, name, value):
    script = """const field = document.querySelector("main form").elements[arguments[0]];
    field.value = arguments[1]; field.dispatchEvent(new Event("input", {bubbles: true}));"""
    driver.execute_script(script, name, value)
    return texts(driver, SHOWN)


def soon(driver, script):
    """Wait until ``script`` is true: the page answers some events only after the click returns."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 30).until(lambda page: page.execute_script(f"return {script}"), script)


def requests(driver):
    """What the page asked for; the browser's own start page may still be loading."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    sent = (e["params"] for e in events if e["method"] == "Network.requestWillBeSent")
    return [
        asked["request"]["url"] for asked in sent if not asked["documentURL"].startswith("chrome:")
    ]


def test_it_opens_without_an_error_or_a_request(browser, html):
    assert browser.title.startswith("10 of 15 records became")
    for address in PAGES:
        visit(browser, address)
    asked = requests(browser)
    assert asked[0] == html.as_uri()
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("address", PAGES)
def test_a_planted_script_stays_text(browser, address):
    visit(browser, address)
    for details in browser.find_elements("css selector", "details"):
        browser.execute_script("arguments[0].open = true", details)

    assert browser.execute_script("return window.owned") is None
    assert browser.find_elements("css selector", "img, iframe, object, embed") == []
    assert len(browser.find_elements("css selector", "script")) == 3
    links = browser.execute_script("return [...document.links].map(a => a.protocol)")
    assert {*links} == {"file:"}


def test_what_the_data_says_is_shown_as_it_stands(browser):
    visit(browser, "view=rows")
    (text,) = choose(browser, "q", "Ines saw")
    assert SCRIPT in text
    rejected = choose(browser, "q", "odd_tag")
    assert len(rejected) == 3
    assert all(SCRIPT + IMAGE in text for text in rejected)
    visit(browser, "view=instructions")
    assert any(SCRIPT in text for text in choose(browser, "q", "Ines saw"))
    visit(browser, "dataset=wan")
    assert SCRIPT in browser.find_element("css selector", "h1").text
    assert any(IMAGE in text for text in texts(browser, "td.words"))
    assert "<script>" in " ".join(texts(browser, "figure svg"))
    assert "ways: 64" in " ".join(texts(browser, "footer"))


def test_control_characters_are_drawn_as_signs(browser):
    drawn = browser.execute_script(
        r"return fill(document.createElement('p'), {title: 'a\u0001'}, ['b\u001b[2J']).outerHTML"
    )

    assert drawn == '<p title="a·">b·[2J</p>'


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
    visit(browser, "view=rows")
    everything = texts(browser, SHOWN)
    assert len(everything) == 20
    status = browser.find_element("css selector", "main [role=status]")
    assert status.text == "20 of 20 match"

    assert len(choose(browser, "outcome", "dropped: conflicting_duplicate")) == 2
    assert len(choose(browser, "q", "BOB partner")) == 2
    assert browser.current_url.endswith(
        "#view=rows&q=BOB+partner&outcome=dropped%3A+conflicting_duplicate"
    )
    assert choose(browser, "q", "nothing like this") == []
    assert status.text == "0 of 20 match"
    browser.find_element("css selector", "main form button").click()
    soon(browser, f"document.querySelectorAll('{SHOWN}').length === {len(everything)}")
    assert texts(browser, SHOWN) == everything
    assert len(choose(browser, "language", "zh")) == 4
    assert len(choose(browser, "q", "雾港")) == 2


def test_the_address_holds_the_filters(browser, html):
    browser.get(f"{html.as_uri()}#view=rows&outcome=dropped: train_text_in_test")

    (text,) = texts(browser, SHOWN)
    assert "toy/train/2" in text
    assert "its partner toy/test/0, kept" in text
    article = browser.find_element("css selector", SHOWN)
    marks = "return [...arguments[0].querySelectorAll('mark')].map(m => m.textContent)"
    assert browser.execute_script(marks, article) == ["Bergen", "Bergen"]
    assert browser.execute_script(
        "return [...arguments[0].querySelectorAll('.tag')].map(m => m.textContent)", article
    ) == ["place", "place"]


def test_near_duplicates_stand_side_by_side(browser):
    visit(browser, "view=rows&outcome=near-duplicate")

    first, second = texts(browser, SHOWN)
    assert "toy/train/9" in first
    assert "its partner toy/train/10" in first
    assert "A leak" not in second
    visit(browser, "")
    assert "Near-duplicates, reported and kept: 2." in " ".join(texts(browser, ".verdict li"))
    assert "toy/train" in " ".join(texts(browser, "table:not(#datasets) td"))
    visit(browser, "dataset=toy")
    assert "trainspan with two labels1" in "".join(texts(browser, "tr"))


def test_instructions_show_kinds_and_answers(browser):
    visit(browser, "view=instructions&dataset=toy&task=NER&split=train")
    shown = choose(browser, "q", "toy/train/0/NER/0")

    assert len(shown) == 1
    rows = texts(browser, f"{SHOWN} tr")
    assert sorted(rows) == [
        f"+positive: person{'Ines'}",
        "+positive: placeOslo",
        f"+positive: thing{SCRIPT}",
    ]
    marks = texts(browser, f"{SHOWN} mark")
    assert marks == ["Ines", SCRIPT, "Oslo"]
    choose(browser, "q", "")
    for kind, sign in (("hard", "≈"), ("other", "–")):
        found = choose(browser, "holds", kind)
        assert found
        assert all(f"{sign}{kind}:" in text for text in found)
    without = choose(browser, "holds", "no positive")
    assert without
    assert not any("+positive" in text for text in without)
    choose(browser, "holds", "")
    assert all("thing" in text for text in choose(browser, "label", "thing"))


@pytest.mark.parametrize(
    ("task", "text", "answer", "marks", "told"),
    [
        ("RE", "Its 1 subject is Ann", [{"subject": "Ann", "object": "Ann"}], ["Ann"],
         "subject: Ann; object: Ann"),
        ("EE", "NAN went", [{"trigger": "went", "arguments": {"place": "NAN", "goer": ["x", "y"]}}],
         ["went"], "trigger: went; arguments: goer: x · y"),
        ("EE", "Ann went", [{"trigger": "went", "arguments": {"place": "NAN"}}], ["went"],
         "trigger: went"),
        ("NER", "With credit: it is", ["it"], ["it"], "it"),
        ("NER", "Bluebirds", ["birds"], ["birds"], "birds"),
        ("NER", "他在北京大学", ["北京"], ["北京"], "北京"),
        ("KG", "Etna has a height", {"Etna": {"height": "3 km"}}, ["Etna"], "Etna: height: 3 km"),
    ],
)  # fmt: skip
def test_only_what_an_answer_holds_is_marked(browser, task, text, answer, marks, told):
    """Positions in a list, words of the format and NAN, for nothing, are no answers."""
    row = {"task": task, "text": text, "labels": [["a", "positive", answer, ""]], "instruction": 0}
    found = browser.execute_script(
        """const shown = instruction({dataset: "toy", split: "dev", id: "", language: "en",
            ...JSON.parse(arguments[0])});
        return [[...shown.querySelectorAll("mark")].map(m => m.textContent),
            shown.querySelector("td").textContent];""",
        json.dumps(row),
    )
    assert found == [marks, told]


def test_datasets_are_found_sorted_and_opened(browser):
    rows = "#datasets tbody tr:not([hidden])"
    assert texts(browser, f"{rows} a") == ["toy", "wan"]

    heads = browser.find_elements("css selector", "#datasets thead button")
    for name, order in (
        ("dataset", ["toy", "wan"]),
        ("dataset", ["wan", "toy"]),
        ("records", ["wan", "toy"]),
        ("records", ["toy", "wan"]),
    ):
        next(h for h in heads if h.text == name).click()
        assert texts(browser, f"{rows} a") == order, name

    browser.find_element("id", "find").send_keys("zh ner")
    assert texts(browser, f"{rows} a") == ["wan"]
    assert browser.find_element("css selector", "[role=status]").text == "1 of 2 datasets"

    browser.find_element("link text", "wan").click()
    soon(browser, "document.querySelector('h1').textContent.startsWith('wan')")
    assert browser.execute_script("return document.activeElement.id") == "main"
    browser.find_element("link text", "rows").click()
    soon(browser, f"document.querySelectorAll('{SHOWN}').length === 4")


def test_the_flow_is_drawn_to_scale(browser):
    """Ribbons out of a node are as thick as what they stand for, and none is left out."""
    script = """return [...document.querySelectorAll('.ribbon')].map(
        r => [r.querySelector('title').textContent, parseFloat(r.getAttribute('stroke-width'))])"""
    thick = dict(browser.execute_script(script))
    counts = {name: int(name.rpartition(": ")[2].replace(",", "")) for name in thick}
    of_records = {n: c for n, c in counts.items() if n.startswith(("rows read", "records"))}

    read = sum(c for n, c in of_records.items() if n.startswith("rows read"))
    assert read == 18
    assert sum(c for n, c in of_records.items() if n.startswith("records")) == 15
    scale = thick["rows read → records: 15"] / 15
    assert all(thick[n] == pytest.approx(c * scale) for n, c in of_records.items())
    kept = thick["records → kept: 10"]
    assert sum(w for n, w in thick.items() if n.startswith("kept")) == pytest.approx(kept)


@pytest.mark.parametrize("pixels", [360, 390, 800, 1400])
def test_no_label_of_the_flow_is_cut_or_written_over(opened, pixels):
    """Even of a large corpus with many reasons."""
    width(opened, pixels, 800)
    visit(opened, "")
    script = """const total = {rows: 243528, records: 240206, kept: 236628, windows: 0,
        merged_rows: 3171, rejected: 151, dropped: {train_text_in_test: 1981, duplicate: 786,
        mostly_non_letters: 378, conflicting_duplicate: 256, too_short: 157}};
    const drawn = flow(total, {RE: 379974, NER: 162520, EE: 53199, SPO: 125076});
    main.replaceChildren(drawn);
    return [drawn.querySelector("svg"), ...drawn.querySelectorAll("g text")].map(
        x => x.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom]);"""
    (left, top, right, bottom), *labels = opened.execute_script(script)

    assert len(labels) == 17
    assert all(left <= a and top <= b and c <= right and d <= bottom for a, b, c, d in labels)
    for one, other in combinations(labels, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] + 4
        assert apart or other[3] <= one[1] + 4, (one, other)


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("pixels", [360, 390, 800, 1400])
def test_it_fits_the_screen(opened, pixels, address):
    width(opened, pixels, 800)
    visit(opened, address)
    for details in opened.find_elements("css selector", "details"):
        opened.execute_script("arguments[0].open = true", details)

    wide = opened.execute_script("return document.documentElement.scrollWidth")
    assert wide <= pixels
    small = opened.execute_script(
        "return Math.min(...[...document.querySelectorAll('p, td, th, text, small, summary')]"
        ".map(x => parseFloat(getComputedStyle(x).fontSize)))"
    )
    assert small >= 11
    assert opened.execute_script(
        "const t = document.getElementById('datasets');"
        "return !t || t.getBoundingClientRect().right <= document.documentElement.clientWidth"
    )


#: Texts whose contrast with what lies behind them is less than 4.5, after WCAG 2.2.
CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const color = (css) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = (rgb) => {
  const [r, g, b] = rgb.slice(0, 3).map(c => c / 255).map(
    c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement)
    layers.unshift(color(getComputedStyle(e).backgroundColor));
  return layers.reduce((under, [r, g, b, a]) =>
    [r, g, b].map((c, i) => c * a / 255 + under[i] * (1 - a / 255)), [255, 255, 255]);
};
const poor = [];
for (const element of document.querySelectorAll("body *")) {
  const style = getComputedStyle(element);
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || !element.getClientRects().length) continue;
  const ink = light(color(element instanceof SVGElement ? style.fill : style.color));
  const paper = light(behind(element));
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  if (ratio < 4.5) poor.push([element.tagName, element.textContent.slice(0, 40), ratio]);
}
return poor;
"""


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(("scheme", "medium"), [("light", ""), ("dark", ""), ("dark", "print")])
def test_texts_stand_out(opened, scheme, medium, address):
    scheme = {"name": "prefers-color-scheme", "value": scheme}
    media = {"media": medium, "features": [scheme]}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    visit(opened, address)
    for details in opened.find_elements("css selector", "details"):
        opened.execute_script("arguments[0].open = true", details)

    assert opened.execute_script(CONTRAST) == []
    paper = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (medium == "print")
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


@pytest.mark.parametrize("address", PAGES)
def test_it_can_be_read_and_used_without_eyes_and_mouse(opened, address):
    visit(opened, address)
    run = opened.execute_script

    levels = run("return [...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert run("return document.documentElement.lang") == "en"
    for tag in ("header", "main", "nav", "footer"):
        assert run("return document.querySelectorAll(arguments[0]).length", tag) == 1, tag
    faults = {
        "input, select": "!x.labels.length",
        "a, button": "!x.textContent.trim()",
        "svg": "x.role !== 'img' || !x.ariaLabel",
        "table": "!x.caption",
        "thead th": "x.scope !== 'col'",
        "tbody tr": "x.cells[0].scope !== 'row'",
        "[tabindex]": "x.tabIndex > 0",
        "[role=region]": "!x.ariaLabel",
    }
    for selector, fault in faults.items():
        every = "return [...document.querySelectorAll(arguments[0])]"
        assert run(f"{every}.filter(x => {fault}).length", selector) == 0, selector
    names = run("return [...document.querySelectorAll('[id]')].map(x => x.id)")
    assert len(names) == len({*names})


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, scheme, address):
    scheme = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    visit(opened, address)
    axe = importlib.resources.files("axe_core_python") / "axe.min.js"
    opened.execute_script(axe.read_text(encoding="utf-8"))

    result = opened.execute_async_script("axe.run().then(arguments[0])")

    faults = [(v["id"], [node["html"] for node in v["nodes"]]) for v in result["violations"]]
    assert faults == []
    assert len(result["passes"]) > 30
    assert texts(opened, "#warning") != [""]


def test_the_keyboard_skips_to_the_content(browser):
    from selenium.webdriver.common.keys import Keys

    browser.find_element("tag name", "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"


def test_what_reading_repaired_and_left_out_is_counted(browser):
    visit(browser, "dataset=toy")

    rows = texts(browser, "main tr")
    assert "trainrepaired in the text&amp;7" in rows
    assert "trainleft out: fragments that the source joinsmentions5" in rows


def test_passages_shared_with_tests_are_counted(chromium, tmp_path):
    folders = planted(tmp_path)
    pair = {"dataset": "toy", "split": "train", "test": "a/benchmark.jsonl", "records": 3}
    found = {"words": 13, "characters": 20, "policy": "drop", "pairs": [{**pair, "examples": []}]}
    (folders["dedupe"] / "overlap.json").write_text(json.dumps(found), encoding="utf-8")
    report(DATASETS, folders, tmp_path / "reports")
    chromium.get((tmp_path / "reports" / "index.html").as_uri())

    assert "toy/traina/benchmark.jsonl3" in texts(chromium, "main tr")
    told = "Records that share a long passage with a test, dropped: 3."
    assert any(told in text for text in texts(chromium, ".verdict li"))
    assert any("iepile audit --against DIR" in text for text in texts(chromium, "main p"))


def test_the_page_tells_what_differs_from_another_run(chromium, html, tmp_path):
    changes = {"against": SCRIPT, "rows": [["toy", "train", "kept", 9, 7]]}
    page_of_two = tmp_path / "two.html"
    page_of_two.write_text(
        page.with_changes(html.read_text(encoding="utf-8"), changes), encoding="utf-8"
    )
    chromium.get(page_of_two.as_uri())

    assert f"What differs from {SCRIPT}" in texts(chromium, "h2")
    assert "toytrainkept97-2" in texts(chromium, "main tr")
    assert chromium.execute_script("return window.owned") is None


def test_dvc_draws_its_plots_without_a_network(chromium, html, tmp_path):
    shutil.copytree(html.parent, tmp_path / "output" / "reports")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    dvc = [sys.executable, "-m", "dvc"]
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    subprocess.run([*dvc, "init", "-q", "--no-scm"], cwd=tmp_path, env=quiet, check=True)
    shutil.copy(ROOT / ".dvc" / "config", tmp_path / ".dvc")
    shutil.copytree(ROOT / ".dvc" / "plots", tmp_path / ".dvc" / "plots")
    subprocess.run([*dvc, "plots", "show", "-q"], cwd=tmp_path, env=quiet, check=True)
    chromium.get_log("performance")
    chromium.get((tmp_path / "dvc_plots" / "index.html").as_uri())

    assert [url for url in requests(chromium) if not url.startswith(("file:", "data:"))] == []
    assert len(texts(chromium, "h2")) == 5
    drops, *_ = texts(chromium, "svg[role=img]")
    assert "reason: conflicting_duplicate\nrecords: 2" in drops
    assert len(texts(chromium, "svg[role=img]")) == 5
    assert all(texts(chromium, f"svg[role=img] {mark} title") for mark in ("rect", "circle"))


def test_the_page_of_500_datasets_opens_in_two_seconds(chromium, tmp_path):
    path = tmp_path / "large.html"
    path.write_text(large(500, 30), encoding="utf-8")
    times = []
    for _ in range(3):
        chromium.get(path.as_uri())
        entry = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
        times.append(chromium.execute_script(entry))

    assert len(texts(chromium, "#datasets tbody tr")) == 500
    assert min(times) < 2000
