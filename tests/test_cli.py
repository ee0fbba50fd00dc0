"""The command line: help, exit codes, and messages without a traceback."""

import json
import subprocess
import sys
import time

import pytest

from pipeline import catalog, cli
from tests.conftest import ROOT

COMMANDS = ["normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report", "run"]
COMMANDS += [
    "audit",
    "edition",
    "datasets",
    "neighbors",
    "score",
    "export",
    "import",
    "check",
    "show",
    "new",
    "fetch",
    "settings",
]


def call(capsys, *arguments):
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_helpful_and_documented(command, capsys):
    code, out, _ = call(capsys, command, "--help")

    assert code == 0
    assert f"usage: iepile {command}" in out
    assert f"iepile {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_help_imports_nothing_heavy():
    code = "import sys; from pipeline import cli; cli.parser(); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"pyarrow", "numpy", "torch", "datasets", "faiss", "jieba", "nltk", "ray", "pandas"}
    assert heavy & {*out.stdout.split()} == set()


def test_help_is_instant():
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "--help"], check=True, capture_output=True
    )

    assert time.perf_counter() - start < 5  # it takes 0.1 s; this guards against heavy imports


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["normalize", "nothing-such"], "there is no dataset 'nothing-such'"),
        (["normalize", "wnut2017", "--raw", "nowhere"], "this raw file is missing"),
        (["clean", "wnut2017", "--params", "none.yaml"], "cannot read the parameters"),
        (["run", "--datasets", "wnut2018", "--out", "x"], "there is no dataset 'wnut2018'"),
        (["audit", "--out", "nowhere"], "cannot read this JSON file"),
        (["instruct", "wnut2017", "--out", "nowhere"], "clean has written nothing"),
    ],
)
@pytest.mark.usefixtures("in_project")
def test_foreseeable_problems_are_told_in_words(arguments, words, capsys, tmp_path):
    places = [str(tmp_path / a) if a in {"nowhere", "none.yaml", "x"} else a for a in arguments]

    code, _, err = call(capsys, *places)

    assert code == 1
    assert words in err
    assert "Traceback" not in err
    assert "where:" in err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run", "--workers", "0"], ["clean", "--x"]])
def test_a_wrong_call_exits_with_2(arguments, capsys):
    code, _, err = call(capsys, *arguments)

    assert code == 2
    assert "usage:" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("instruct: {sead: 1}", "unknown field `sead`"),
        ("clean: {max_non_letter_share: 1.5}", "not a share from 0 to 1"),
        ("instruct: {labels_per_instruction: {NER: 0}}", "at least 1"),
        ("a: [", "params"),
        ("dedupe: {conflicts: {train: throw}}", "throw"),
    ],
)
def test_bad_parameters_are_refused(text, words, capsys, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")

    code, _, err = call(capsys, "clean", "--params", str(path))

    assert code == 1
    assert words in err


@pytest.mark.usefixtures("in_project")
def test_the_catalogue_is_listed(capsys):
    _, out, _ = call(capsys, "datasets", "--json")

    assert [entry["id"] for entry in json.loads(out)] == catalog.ids()


@pytest.mark.usefixtures("in_project")
def test_the_readme_shows_the_catalogue(capsys):
    _, table, _ = call(capsys, "datasets", "--markdown")

    assert table.strip() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("in_project")
def test_dictionaries_are_compared_and_looked_up(capsys, tmp_path):
    mine, peers = tmp_path / "mine.json", tmp_path / "peers.json"
    mine.write_text('{"NER": {"X": {"a": ["b"], "b": ["a", "c"], "c": []}}}')
    peers.write_text('{"NER": {"X": {"a": ["b", "c"], "b": ["a"], "d": ["a"]}}}')

    code, out, _ = call(capsys, "negatives", "compare", str(mine), str(peers))
    assert code == 0
    assert "0.5" in out  # 2 of 4 links of the labels that both have

    assert call(capsys, "negatives", "compare", str(mine))[0] == 1
    code, out, _ = call(capsys, "neighbors", "wnut2017", "person")
    assert code == 0
    assert "score" in out
    assert call(capsys, "neighbors", "wnut2017", "nobody")[0] == 1
