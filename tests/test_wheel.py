"""The package installed from a wheel, and used in a folder that is not the project's."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import config
from pipeline.commands.layout import Workspace
from tests import invariants
from tests.conftest import ROOT

PEOPLE, TOWNS = ("Ada Lowe", "Bo Lee", "Cy Ward"), ("Oslo", "Rye", "Ludlow", "Bath")
#: The packages of this environment, which the fresh one borrows: nothing is downloaded.
PACKAGES = [path for path in sys.path if path.endswith("-packages")]
#: Commands one after the other in one process of the fresh environment, until one fails.
COMMANDS = """
import json, sys
from pipeline import cli

for command in json.load(sys.stdin):
    if code := cli.main(command):
        sys.exit(f"{command}: {code}")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The program `iepile` of a fresh environment that holds the wheel and no project."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", folder / "source" / "pipeline", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    subprocess.run([*build, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    install = [
        *pip,
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
        wheel,
    ]
    subprocess.run(install, check=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in PACKAGES))
    shutil.rmtree(folder / "source")
    return folder / "venv" / "bin" / "iepile"


def fresh_environment():
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return {**environment, "COLUMNS": "200"}


@pytest.fixture
def iepile(installed, tmp_path):
    """Run a command in an empty folder: exit code, and all that was printed."""

    def call(*arguments):
        done = subprocess.run(
            [installed, *map(str, arguments)],
            cwd=tmp_path,
            env=fresh_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return call


def written(path, first):
    """A file of token and tag columns with 24 imagined sentences."""
    sentences = []
    for n in range(first, first + 24):
        (given, family), town = PEOPLE[n % 3].split(), TOWNS[n % 4]
        tagged = [("In", "O"), (str(1900 + n), "O"), (given, "B-PER"), (family, "I-PER")]
        tagged += [("moved", "O"), ("to", "O"), (town, "B-LOC"), (".", "O")]
        sentences.append("".join(f"{word}\t{tag}\n" for word, tag in tagged))
    path.write_text("\n".join(sentences), encoding="utf-8")


def test_everything_works_in_a_folder_of_the_users(iepile, installed, tmp_path):
    package = next(installed.parents[1].glob("lib/python*/site-packages/pipeline"))
    before = {*package.rglob("*.toml")}
    written(tmp_path / "train.tsv", 0)
    written(tmp_path / "test.tsv", 100)
    files = ("--split", "train=train.tsv", "--split", "test=test.tsv")

    commands = (
        ("new", "mine", "--reader", "columns", *files),
        ("check", "mine", "--raw", "raw/full"),
        ("check", "--all"),
        ("datasets",),
        ("settings",),
        ("run", "mine", "--raw", "raw/full", "--out", "output", "--workers", "1"),
        ("export", "messages", "--run", "output", "--out", "messages"),
    )
    done = subprocess.run(
        [installed.with_name("python"), "-c", COMMANDS], input=json.dumps(commands), cwd=tmp_path,
        env=fresh_environment(), stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    code, told = iepile("doctor")
    assert code == 0, told

    settings, raw = config.load(tmp_path / "params.yaml"), tmp_path / "raw" / "full"
    ws = Workspace(settings, raw, tmp_path / "output", declarations=tmp_path / "catalog")
    invariants.whole(["mine"], ws)
    assert (tmp_path / "catalog" / "mine.toml").is_file()
    assert "mine" in (tmp_path / "params.yaml").read_text(encoding="utf-8")
    assert [*tmp_path.glob("messages/**/*.jsonl")]
    assert {*package.rglob("*.toml")} == before
    rows = [
        row
        for path in tmp_path.glob("output/corpus/*/*.parquet")
        for row in pq.read_table(path, columns=["id", "output"]).to_pylist()
    ]
    answers = (json.dumps({"id": r["id"], "prediction": r["output"]}) + "\n" for r in rows)
    (tmp_path / "answers.jsonl").write_text("".join(answers), encoding="utf-8")
    code, told = iepile("score", "answers.jsonl")
    assert code == 0, told
    assert "100.00" in told


def test_doctor_and_run_say_what_to_do_where_there_is_nothing(iepile, tmp_path):
    code, told = iepile("doctor")
    assert code == 1
    assert "WRONG  raw/sample/" in told
    assert "declare yours with `iepile new`" in told
    assert "fix 1 thing first" in told

    code, told = iepile("run")
    assert code == 1
    assert "none of these datasets has raw files" in told
    assert "`iepile new` declares your own" in told

    code, told = iepile("check", "wnut2017", "--params", "params.yaml")
    assert code == 1
    assert "cannot read the parameters: there is no such file" in told
    assert "name the file with --params" in told
    assert not Path(tmp_path, "params.yaml").exists()


def test_an_id_that_is_declared_twice_is_refused(iepile, tmp_path):
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "wnut2017.toml").touch()

    code, told = iepile("check", "wnut2017")

    assert code == 1
    assert "the id 'wnut2017' is declared twice" in told
    assert f"where: {tmp_path}/catalog/wnut2017.toml" in told
