"""The blocks of the documentation are run as they stand, each page in a copy of the project.

The copy holds a run over a few sample datasets in `output`. A block that is not run says why in the
line before it, `<!-- not run: why -->`; one that another test runs names it:
`<!-- run in: tests/... -->`, or `exports` for `test_export_pages.py`. A block under
`<!-- output -->` shows lines that the block before it prints.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from pipeline import cli
from pipeline.commands.parsing import parser
from tests.conftest import ROOT
from tests.docs.pages import all_pages, blocks, inline, name_of, rows, shows

DATASETS = (
    *("boson", "cluener", "conll04", "conll2003", "crossner-ai"),
    *("duee1", "duie2", "genia2011", "phee", "wnut2017"),
)
PAGES = [page for page in all_pages() if page.name != "CONTRIBUTING.md"]
RUN = ("sh", "python")
PLAYER = ROOT / "tests" / "docs" / "player.py"
#: What is shown, not run.
SHOWN = ("csv", "html", "json", "text", "toml", "yaml")
#: Parts of the project that a command may need.
COPIED = (
    *(".dvc", "bench", "dictionaries", "docs", "examples", "pipeline", "raw/sample"),
    *("Makefile", "constraints.txt", "dvc.yaml", "params.yaml", "pyproject.toml", "README.md"),
)


def runnable(page):
    return [block for block in blocks(page) if block.kind in RUN and not block.mark]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A copy of the project with a run in it."""
    folder = tmp_path_factory.mktemp("base")
    for name in COPIED:
        if (ROOT / name).is_dir():
            # Byte code comes along, but for what another worker is about to write.
            skip = shutil.ignore_patterns("*.pyc.*", "cache", "tmp")
            shutil.copytree(ROOT / name, folder / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, folder / name)
    params = folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    listed = "".join(f"  - {name}\n" for name in DATASETS)
    params.write_text(re.sub(r"(?m)(?<=^datasets:\n)(  - .*\n)+", listed, text), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["run", *DATASETS, "--workers", "1"]) == 0
    return folder


@pytest.fixture(scope="module")
def played(base, request, tmp_path_factory):
    """Name of a page -> (code, output, errors) of its blocks, for the pages that are asked for."""
    folder = tmp_path_factory.mktemp("played")
    programs = folder / "bin"
    programs.mkdir()
    for name, call in (("iepile", "-m pipeline"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {call} "$@"\n')
        (programs / name).chmod(0o755)
    asked = [i for i in request.session.items if "played" in getattr(i, "fixturenames", ())]
    pages = [item.callspec.params["page"] for item in asked]
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "project"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    listed = {name_of(page): [(b.kind, b.text) for b in runnable(page)] for page in pages}
    subprocess.run(
        [sys.executable, PLAYER, base, folder / "project", folder / "results.json"],
        input=json.dumps(listed), cwd=folder, env=environment, text=True, check=True,
    )  # fmt: skip
    return json.loads((folder / "results.json").read_bytes())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_are_run_or_say_why_not(page):
    odd = []
    for block in blocks(page):
        where = f"{name_of(page)}:{block.line}"
        reason = re.fullmatch(r"(not run|run in|row of): *(\S.*)", block.mark)
        told = not block.mark or reason or block.mark == "output"
        if block.kind not in (*RUN, *SHOWN) or not told:
            odd.append(f"{where}: {block.kind} {block.mark}")
        elif reason and reason[1] == "run in" and not elsewhere(reason[2], page):
            odd.append(f"{where}: no test runs it: {reason[2]}")

    assert odd == []


def elsewhere(test, page):
    """Whether there is such a test, and it looks at this page."""
    if test == "exports":
        return page.parent == ROOT / "docs" / "exports"
    path = ROOT / test
    return path.is_file() and page.name in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_commands_that_are_not_run_are_spelled_right(page, capsys):
    """Every `iepile` in a shell block is one that the parser takes."""
    shell = "\n".join(block.text for block in blocks(page) if block.kind == "sh")
    lines = [line.strip() for line in shell.replace("\\\n", " ").splitlines()]
    wrong = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] != ["iepile"]:
            continue
        ends = [n for n, word in enumerate(words) if word in ("|", ">", ">>", "&&", "||", "2>&1")]
        try:
            parser().parse_args(words[1 : min(ends, default=len(words))])
        except SystemExit as stop:
            if stop.code:
                wrong.append((line, capsys.readouterr().err.splitlines()[-1]))

    assert wrong == []


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_commands_inside_of_sentences_are_spelled_right(page):
    wrong = []
    for code in inline(page):
        program, *words = code.split()
        if program != "iepile" or not words or not words[0].islower():
            continue
        command = commands(parser()).get(words[0])
        if command is None and not words[0].startswith("-"):
            wrong.append(code)
            continue
        known = {
            option for action in (command or parser())._actions for option in action.option_strings
        }
        wrong += [code for word in words if word.startswith("--") and word not in known]

    assert wrong == []


def commands(parsed):
    """Name -> parser of each command."""
    return next(action.choices for action in parsed._actions if action.dest == "command")


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=name_of)
def test_blocks_run_as_written(page, played):
    results = iter(played[name_of(page)])
    printed = set()
    for block in blocks(page):
        where = f"{name_of(page)}:{block.line}"
        if block.mark == "output":
            assert {*map(joined, block.text.splitlines())} <= printed, where
        if block in runnable(page):
            code, out, errors = next(results)
            assert code == 0, f"{where}\n{block.text}\n{out[-1000:]}\n{errors[-2000:]}"
            printed = {*map(joined, out.splitlines())}
    assert next(results, None) is None


def joined(line):
    """A line with single blanks between its words."""
    return " ".join(line.split())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_rows_that_are_shown_are_real(page, base):
    wrong = []
    for block in blocks(page):
        source = block.mark.removeprefix("row of: ")
        if source.startswith("corpus/"):
            shown = json.loads(block.text)
            found = [*rows(base / "output" / source)]
            if not any(shows(shown, row) for row in found):
                same = [row for row in found if row["id"] == shown["id"]]
                wrong.append((f"{name_of(page)}:{block.line}", same))

    assert wrong == []


def test_the_tree_of_the_output_folder_is_complete(base):
    text = (ROOT / "docs" / "reference" / "output.md").read_text(encoding="utf-8")
    paths = re.findall(r"^\| `((?:output|dictionaries)/[^`]*)`", text, re.MULTILINE)
    # `iepile run` puts the dictionary under its own folder.
    own = [re.sub("^dictionaries/hard", "output/dictionaries/hard", path) for path in paths]
    forms = {path: _form(path) for path in own}
    files = [
        path.relative_to(base).as_posix()
        for path in (base / "output").rglob("*")
        if path.is_file() and path.name not in (".iepile", ".lock")
    ]
    unknown = [name for name in files if not any(form.fullmatch(name) for form in forms.values())]
    absent = [path for path, form in forms.items() if not any(map(form.fullmatch, files))]

    assert unknown == []
    # What DVC and users write; what only conflicting rows, merges or a budget make.
    optional = ("output/gates", "dictionaries/overrides", "output/dedupe/<id>/merged-")
    optional += ("output/instruct/<id>/budget.json",)
    assert [path for path in absent if not path.startswith(optional)] == []


def test_the_figure_of_label_sets_is_real(base):
    figure = (ROOT / "docs" / "assets" / "label-sets.svg").read_text(encoding="utf-8")
    marks = {"✓": "positive", "≈": "hard", "–": "other"}
    found = re.split(r">(duie2/train/5/RE/\d)<", figure)[1:]
    shown = {
        name: {(marks[mark], label) for mark, label in re.findall(r">([✓≈–]) (\S+) <tspan", text)}
        for name, text in zip(found[::2], found[1::2], strict=True)
    }
    near = json.loads((base / "output/dictionaries/hard_negatives.json").read_bytes())
    real = [
        row for row in rows(base / "output/corpus/RE-zh/train")
        if row["record_id"] == "duie2/train/5"
    ]  # fmt: skip
    positive = {label for row in real for label, own in json.loads(row["output"]).items() if own}
    hard = {label for one in positive for label in near["RE"]["DuIE2.0"][one]} - positive

    def kind(label):
        return "positive" if label in positive else "hard" if label in hard else "other"

    assert shown == {row["id"]: {(kind(label), label) for label in row["labels"]} for row in real}


def _form(path):
    """A pattern of the paths that a line of the page describes."""
    words = re.sub(r"NNNNN|SSSSS", "<number>", path)
    parts = re.split(r"<\w+>", words)
    return re.compile("[^/]+".join(map(re.escape, parts)))
