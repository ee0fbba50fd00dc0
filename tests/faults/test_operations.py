"""Killed, interrupted, on a full or a read-only disk, under a strange clock: at every operation.

`driver.py` says what a trial is. Here are the commands tried, and how often.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile

import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.faults.conftest import DATASETS, iepile

COMMON = ["--params", "new.yaml", "--out", "out", "--workers", "1"]
EXPORT = ["--run", "out", "--out", "made", "--params", "new.yaml"]
#: Name -> the command, and which of its outputs are there from a run with other parameters.
FOLDERS = {
    "normalize": ["normalize"],
    "clean": ["clean"],
    "dedupe": ["dedupe"],
    "negatives": ["negatives", "dictionaries"],
    "instruct": ["instruct"],
    "publish": ["corpus"],
    "report": ["reports"],
}
STAGES = {stage: [*folders, f"stamps/{stage}"] for stage, folders in FOLDERS.items()}
EVERYTHING = [part for parts in STAGES.values() for part in parts]
COMMANDS = {
    **{stage: ([stage, *COMMON], stale) for stage, stale in STAGES.items()},
    "normalize one": (["normalize", "nyt11-hrl", *COMMON], ["normalize"]),
    "run": (["run", *DATASETS.split(","), *COMMON], EVERYTHING),
    "run in an empty folder": (["run", *DATASETS.split(","), *COMMON], None),
    "edition": (["use", "raw/sample", "--params", "new.yaml"], []),
    **{
        f"export {format_}": (["export", format_, *EXPORT], [])
        for format_ in ("messages", "bio", "iepile-jsonl")
    },
    "score": (["score", "answers.jsonl", "--corpus", "out/corpus", "--out", "scores.json"], []),
    "import": (
        [
            "import",
            "iepile-jsonl",
            "unified/IE-en/NER/wnut2017",
            "--raw",
            "own",
        ],
        [],
    ),
    "fetch": (["fetch", "toy", "--raw", "fetched", "--mirror", "mirror"], []),
}
MORE = {
    # What is done is kept to go on with.
    **{
        name: {"keeps": "out/"}
        for name in (*STAGES, "normalize one", "run", "run in an empty folder")
    },
    # That an import is done already may be said.
    "import": {"again": ["this exists already"]},
    # What was downloaded is kept to go on with.
    "fetch": {"keeps": "fetched/.fetch"},
}
#: How many moments of each kind in the suite, half of them moves; `make soak` tries every moment.
FEW = {"kill": 2, "interrupt": 1, "full": 1, "closed": 1, "clock": 1}
#: Whole runs take long, their parts are tried one by one, and `test_processes.py` runs them on
#: disks that are full or read-only; of others, a few moments tell enough.
FEWER = {
    "run": {"kill": 2, "interrupt": 1},
    "run in an empty folder": {"kill": 1, "interrupt": 1},
    **{
        name: {"kill": 2, "interrupt": 1, "full": 1, "closed": 1}
        for name, (command, _) in COMMANDS.items()
        if name not in STAGES and command[0] != "run"
    },
}

TOY = """
title = "Toy"
source = "Toy"
license = "CC0"
language = "en"
domain = "weather"
tasks = ["NER"]
[reader]
name = "columns"
scheme = "IOB2"
[labels]
entity = ["person"]
[splits.train]
files = [{{ path = "train.tsv", sha256 = "{train}" }}]
[splits.test]
files = [
  {{ path = "in/test.tsv", sha256 = "{test}", url = "https://e.org/toy.tgz#test.tsv" }}
]
"""


@pytest.fixture(scope="module")
def prepared(places):
    """What the other commands read, besides: a unified folder, answers, and a mirror to fetch."""
    base, folder = places.base, places.folder
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        made = ["--run", places.new, "--out", "unified", "--params", "new.yaml"]
        assert iepile("export", "iepile-jsonl", *made) == 0
    rows = [r for p in places.new.glob("corpus/*/test-*") for r in pq.read_table(p).to_pylist()]
    answers = [json.dumps({"id": r["id"], "prediction": r["output"]}) for r in rows]
    (base / "answers.jsonl").write_text("\n".join(answers), encoding="utf-8")
    (base / "scores.json").write_text("old", encoding="utf-8")
    mirror = base / "mirror" / "toy"
    mirror.mkdir(parents=True)
    hashes = {}
    for split in ("train", "test"):
        content = f"{split}\tO\nAda\tB-person\n\n" * 9000
        (mirror / f"{split}.tsv").write_text(content, encoding="utf-8")
        hashes[split] = hashlib.sha256(content.encode()).hexdigest()
    with tarfile.open(mirror / "toy.tgz", "w:gz") as archive:
        archive.add(mirror / "test.tsv", "test.tsv")
    (mirror / "test.tsv").unlink()
    (folder / "toml").mkdir()
    (folder / "toml" / "toy.toml").write_text(TOY.format(**hashes), encoding="utf-8")
    return folder


def before(places, name):
    """The folder that a command finds: all is new but what it is to write."""
    folder = places / "before" / name
    shutil.copytree(places / "base", folder)
    stale = COMMANDS[name][1]
    if stale is not None:
        shutil.copytree(places / "new", folder / "out")
        for part in stale:
            shutil.rmtree(folder / "out" / part)
            shutil.copytree(places / "old" / part, folder / "out" / part)
    return str(folder)


def trials(places, kinds, names):
    """Name -> the lines that the driver prints of it."""
    jobs = []
    for name in names:
        own = FEWER.get(name, kinds) if kinds is FEW else kinds
        job = {"name": name, "command": COMMANDS[name][0], "before": before(places, name)}
        jobs.append({**job, **MORE.get(name, {}), "kinds": own})
        if name == "fetch":
            jobs[-1]["declarations"] = str(places / "toml")
    file = places / "jobs.json"
    file.write_text(json.dumps(jobs), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "faults" / "driver.py"), str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    shutil.rmtree(places / "before")
    found = {}
    for line in map(json.loads, done.stdout.splitlines()):
        found.setdefault(line["name"], []).append(line)
    return found


@pytest.fixture(scope="module")
def few(prepared, request):
    """The trials of the commands that are asked for; everything is imported once for all."""
    asked = {getattr(item, "callspec", None) and item.callspec.id for item in request.session.items}
    return trials(prepared, FEW, [name for name in COMMANDS if name in asked])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_next_run_gives_the_bytes_of_an_undisturbed_one(few, name):
    first, *tried = few[name]

    assert [line for line in (first, *tried) if line.get("problems")] == []
    assert first["operations"] > 1
    assert {line["kind"] for line in tried} == {*FEWER.get(name, FEW)}


@pytest.mark.soak
@pytest.mark.parametrize("name", COMMANDS)
def test_at_every_operation(prepared, name):
    every = dict.fromkeys(("kill", "interrupt", "full", "closed"), 10**9)

    lines = trials(prepared, every, [name])[name]

    tried = [line for line in lines if "kind" in line]
    sys.stdout.write(f"{name}: {len(tried)} faults at {lines[0]['operations']} operations\n")
    assert [line for line in lines if line.get("problems")] == []
    assert len(tried) == 4 * lines[0]["operations"]
