"""Fuzzing: what was found before, a fixed sequence of new inputs, and the guided search itself.

The soak form runs every target for FUZZ_SECONDS (600 unless told otherwise); it needs `atheris`.
`python -m tests.fuzz TARGET --found DIR` goes on after a failure and collects the inputs; those of
`tests/fuzz/found/TARGET` are the ones of the past, each cut down to what made it fail.
"""

import hashlib
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import pytest

from pipeline.readers import columns
from pipeline.records import Mention, Record
from tests.conftest import ROOT
from tests.fuzz import targets
from tests.fuzz.mutation import mutated, pack, unpack
from tests.invariants import UnsoundError

FOUND = Path(__file__).parent / "fuzz" / "found"
#: Inputs of the fixed sequence, and the seconds that one may take on the slowest machine.
INPUTS = {"readers": 700, "catalog": 400, "answers": 400, "importers": 200, "archives": 400}
LONGEST = 60


@contextmanager
def in_time(told):
    def stop(*_):
        raise TimeoutError(told)

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_was_found_stays_mended(path):
    with in_time(path):
        targets.TARGETS[path.parent.name][0](path.read_bytes())


@pytest.mark.parametrize("name", targets.TARGETS)
def test_no_input_breaks_a_promise(name, monkeypatch):
    monkeypatch.delenv("IEPILE_RAW", raising=False)
    target, _ = targets.TARGETS[name]

    for number, data in enumerate(targets.inputs(name, 1, INPUTS[name], mutated)):
        with in_time(f"input {number} of {name}"):
            target(data)


def digest():
    data = [d for name in targets.TARGETS for d in targets.inputs(name, 7, 20, mutated)]
    assert len({*data}) > 80
    return hashlib.sha256(b"".join(data)).hexdigest()


def test_the_inputs_are_the_same_every_time(monkeypatch):
    """Here, and in a process of another hash seed."""
    monkeypatch.delenv("IEPILE_RAW", raising=False)
    program = "from tests.test_fuzz import digest; print(digest())"
    told = subprocess.check_output(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "2"},
        text=True,
    )

    assert told.strip() == digest()


def test_an_input_is_what_was_packed():
    files = {"a.txt": b"\n==> x <==\n\0\n", "b/c": b""}

    assert unpack(pack("toy\ta.txt", files)) == ("toy\ta.txt", files)
    assert unpack(b"\xff") == ("�", {})


@pytest.mark.parametrize(
    "broken",
    [
        lambda record: record._replace(text=record.text[:-1]),
        lambda record: record._replace(origin=""),
        lambda record: None if "O" in record.text else record,
        lambda record: record._replace(mentions=[Mention("x", 0, 1, "none")]),
    ],
)
def test_a_reader_that_breaks_its_promise_is_found(broken, monkeypatch):
    """The oracle is not blind: faults planted behind the checks of `violation` are seen."""
    monkeypatch.setattr("pipeline.normalize.account.violation", lambda _: None)
    data = next(s for s in targets.reader_seeds() if s.startswith(b"wnut2017\t"))
    targets.readers(data)
    read = columns.read

    @wraps(read)
    def changed(files, **options):
        for item in read(files, **options):
            yield broken(item) if isinstance(item, Record) else item

    monkeypatch.setattr(columns, "read", changed)
    with pytest.raises(UnsoundError):
        targets.readers(data)


def guided(name, seconds, folder):
    """Search for so many seconds, and find nothing."""
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
    found, environment = folder / "found", {**os.environ, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [*command, "--corpus", str(folder / "corpus"), "--found", str(found)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert sorted(path.name for path in found.iterdir()) == []
    assert "stat::number_of_executed_units" in done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("name", targets.TARGETS)
def test_guided_by_coverage(name, tmp_path):
    guided(name, os.environ.get("FUZZ_SECONDS", "600"), tmp_path)
