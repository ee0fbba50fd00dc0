"""What everything rests on: a folder is the old one or the new one, and written by one process."""

import subprocess
import sys

import pytest

from pipeline.errors import WorkError
from pipeline.execution import atomic, shards
from tests.faults.conftest import tree


class BrokenError(Exception):
    """What goes wrong in a block."""


def written(folder, text, *, fails=False):
    with atomic.replacing(folder) as partial:
        shards.write_text(text, partial / "a.txt")
        if fails:
            raise BrokenError


@pytest.fixture
def between(tmp_path):
    """What a kill between the two moves leaves: no folder, the old one aside, the new one ready."""
    shards.write_text("old", tmp_path / ".x.retired" / "a.txt")
    shards.write_text("new", tmp_path / ".x.partial" / "a.txt")
    return tmp_path


def test_a_kill_between_the_moves_loses_nothing(between):
    with pytest.raises(BrokenError):
        written(between / "x", "never", fails=True)

    assert tree(between) == {"x": None, "x/a.txt": b"old"}


def test_a_kill_between_the_moves_is_tidied_up(between):
    written(between / "x", "newer")

    assert tree(between) == {"x": None, "x/a.txt": b"newer"}


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_an_interrupt_between_the_moves(tmp_path, monkeypatch, failing):
    """Before a file's move, those of the old and the new folder, or the old one's removal."""
    written(tmp_path / "x", "old")
    calls = []
    move, remove = atomic._move, atomic.remove

    def moved(source, target):
        calls.append(source)
        if len(calls) == failing:
            raise KeyboardInterrupt
        move(source, target)

    def removed(folder):
        if folder.exists() and failing == 4 and len(calls) == 3:
            calls.append(folder)
            raise KeyboardInterrupt
        remove(folder)

    monkeypatch.setattr(atomic, "_move", moved)
    monkeypatch.setattr(atomic, "remove", removed)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "x", "new")
    there = tree(tmp_path)
    assert there["x/a.txt"] == (b"new" if failing == 4 else b"old")
    assert {*there} == {"x", "x/a.txt"}


def test_a_folder_is_held_by_one(tmp_path):
    told = pytest.raises(WorkError, match="another process")
    with atomic.locked(tmp_path / "x"), told, atomic.locked(tmp_path / "x"):
        pass
    assert tree(tmp_path) == {"x": None}


def test_two_writers_of_one_folder(tmp_path):
    with atomic.replacing(tmp_path / "x") as partial:
        with pytest.raises(WorkError, match="is using this folder"):
            written(tmp_path / "x", "other")
        shards.write_text("one", partial / "a.txt")

    assert tree(tmp_path) == {"x": None, "x/a.txt": b"one"}


def test_half_files_of_killed_workers_are_left_out(tmp_path):
    with atomic.replacing(tmp_path / "x") as partial:
        shards.write_text("whole", partial / "NER" / "a.txt")
        (partial / "NER" / ".a.txt.4711.partial").touch()

    assert tree(tmp_path) == {"x": None, "x/NER": None, "x/NER/a.txt": b"whole"}


def test_half_files_of_the_dead_but_not_of_the_living(tmp_path):
    """A writer removes what killed writers of the same file left, and nothing else."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = (f".a.json.{dead.pid}.partial", ".a.json.1.partial", ".b.json.1.partial")
    for name in names:
        (tmp_path / name).touch()

    shards.write_json({}, tmp_path / "a.json")

    assert {*tree(tmp_path)} == {*names[1:], "a.json"}
