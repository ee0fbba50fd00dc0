"""Faults that take processes of their own: two runs at once, killed workers, disks that refuse."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests import promises
from tests.conftest import ROOT
from tests.faults.conftest import DATASETS, iepile, tree

COMMON = ["--params", "new.yaml", "--out", "out", "--workers", "1"]
EXPORT = ["export", "bio", "--params", "new.yaml", "--out", "made"]
RUN = ["run", *DATASETS.split(","), *COMMON]

#: Runs a command that does something at a file operation: in this process, or in its workers.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path

what, where, place, *command = sys.argv[1:]
worker = __name__ != "__main__"

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], int):
        return
    if event not in ("open", "os.rename") or worker != (what in ("kill a worker", "wait")):
        return
    path = os.fsdecode(arguments[1 if event == "os.rename" else 0])
    for part in where.split(","):
        if part in path:
            try:
                mark = os.open(Path(place) / part.replace("/", " "), os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                continue
            if what == "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            if what == "kill a worker":
                os.kill(os.getpid(), signal.SIGKILL)
            if what == "wait":
                (Path(place) / "who").write_text(str(os.getpid()))
                time.sleep(600)

sys.addaudithook(hook)
if __name__ == "__main__":
    from pipeline import cli
    from pipeline.execution import engines
    engines._SMALL = 0
    sys.exit(cli.main(command))
"""


@pytest.fixture
def start(tmp_path):
    """A function that starts a command; it stops, loses a worker or waits where it is told."""
    script, place = tmp_path / "script.py", tmp_path / "marks"
    script.write_text(SCRIPT, encoding="utf-8")
    place.mkdir()
    started = []

    def start(what, where, *command):
        started.append(
            subprocess.Popen(
                [sys.executable, str(script), what, where, str(place), *map(str, command)],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                # Where the tests run in the background, their children inherit a deaf ear.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stopped(process):
    """Wait until a process has stopped itself."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.stderr.read()


def refused(capsys, *command):
    """Whether a command is told that another process is using its folder."""
    code = iepile(*command)
    err = capsys.readouterr().err
    assert "error: another process is using this folder\n  where: out" in err, err
    return code == 1


def test_two_runs_in_one_folder(places, work, start, capsys):
    """The second is refused, whatever it is, a reader too; the first comes out right."""
    shutil.copytree(places.old, work / "out")
    first = start("stop", "clean/.nyt11-hrl.partial/files/.hygiene", *RUN)
    stopped(first)

    for command in ("normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report"):
        assert refused(capsys, command, *COMMON), command
    assert refused(capsys, *RUN)
    assert refused(capsys, "normalize", "nyt11-hrl", *COMMON)
    for command in readers():
        assert refused(capsys, *command), command
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=300)

    assert first.returncode == 0
    assert tree(work / "out") == tree(places.new)


def readers():
    """All commands that read what a run wrote."""
    Path("answers.jsonl").write_text('{"id": "x", "prediction": ""}', encoding="utf-8")
    return [
        [*EXPORT, "--run", "out"],
        ["score", "answers.jsonl", "--corpus", "out/corpus"],
        ["show", "nyt11-hrl", "--run", "out"],
        ["audit", "--run", "out"],
        ["neighbors", "nyt11-hrl", "company founders", "--run", "out"],
    ]


def test_readers_and_a_stage_of_one_dataset(places, work, start, capsys):
    """Nobody reads a run of which a dataset is being made."""
    shutil.copytree(places.old, work / "out")
    first = start("stop", "normalize/.nyt11-hrl.partial/.", "normalize", "nyt11-hrl", *COMMON)
    stopped(first)

    for command in readers():
        assert refused(capsys, *command), command


def test_what_an_export_reads_stays(places, work, start, capsys):
    """While it runs others may read as well, and none may write."""
    shutil.copytree(places.new, work / "out")
    first = start("stop", ".made.partial/", *EXPORT, "--run", "out")
    stopped(first)

    assert refused(capsys, "normalize", "nyt11-hrl", *COMMON)
    assert refused(capsys, *RUN)
    assert iepile("audit", "--run", "out") == 0
    assert iepile("export", "bio", *EXPORT[2:4], "--out", "other", "--run", "out") == 0
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=300)

    assert first.returncode == 0
    assert tree(work / "made") == tree(work / "other")


def test_datasets_side_by_side(places, work, start, capsys):
    """One stage of different datasets may; of the same not. A killed one leaves no lock."""
    shutil.copytree(places.old, work / "out")
    first = start("stop", "normalize/.nyt11-hrl.partial/.", "normalize", "nyt11-hrl", *COMMON)
    stopped(first)

    assert iepile("normalize", "wnut2017", *COMMON) == 0
    for command in (["normalize", "nyt11-hrl"], ["normalize"], ["dedupe"]):
        assert refused(capsys, *command, *COMMON), command
    assert refused(capsys, *RUN)
    first.kill()
    first.communicate(timeout=60)
    assert any(path.name.startswith(".") for path in (work / "out").rglob("*"))

    assert iepile(*RUN) == 0
    assert tree(work / "out") == tree(places.new)


def test_a_killed_worker_of_every_stage(places, work, start, tmp_path):
    """It is replaced, that is said, and its half shard is not among the others in the end."""
    stages = [
        *("normalize/.nyt11-hrl.partial/files/test-", "clean/.nyt11-hrl.partial/files/train-"),
        *("instruct/.nyt11-hrl.partial/files/RE/", ".corpus.partial/files/RE-en/train-"),
    ]
    process = start("kill a worker", ",".join(stages), *RUN, "--workers", 2)
    _, err = process.communicate(timeout=600)

    assert process.returncode == 0, err
    assert len([*(tmp_path / "marks").iterdir()]) == len(stages)
    assert err.count("a process was killed; ") == len(stages)
    assert tree(work / "out") == tree(places.new)


def test_workers_end_with_their_parent(places, work, start, tmp_path):
    """Else they would wait for ever, or write among the files of the next run."""
    process, worker = waiting(start, tmp_path)
    process.kill()
    process.wait(timeout=60)

    worker.wait(timeout=120)  # raises if it is still there
    assert iepile(*RUN) == 0
    assert tree(work / "out") == tree(places.new)


def test_ctrl_c_ends_the_workers(places, work, start, tmp_path):
    """As a terminal sends it: to the command and all its processes, in the middle of a shard."""
    shutil.copytree(places.old, work / "out")
    process, worker = waiting(start, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)

    assert process.returncode == 130
    assert err.endswith("stopped; run the same command again to resume\n")
    assert not worker.is_running()
    assert tree(work / "out/normalize/nyt11-hrl") == tree(places.old / "normalize/nyt11-hrl")
    assert iepile(*RUN) == 0
    assert tree(work / "out") == tree(places.new)


def waiting(start, tmp_path):
    """A run, and that worker of it which waits before it puts a shard in place."""
    who = tmp_path / "marks" / "who"
    process = start("wait", "normalize/.nyt11-hrl.partial/files/train-", *RUN, "--workers", 2)
    while not who.exists() or not who.read_text(encoding="utf-8"):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    return process, psutil.Process(int(who.read_text(encoding="utf-8")))


@contextmanager
def small_disk(folder, kilobytes):
    """A disk of this size; yields a function that makes it larger, and None where none is given."""
    folder.mkdir()
    size = f"size={kilobytes}k"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", folder], check=False)
    if done.returncode:
        yield None
        return
    try:
        yield lambda to: subprocess.run(["mount", "-o", f"remount,{to}", folder], check=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def small_files(most):
    """No file may grow over so many bytes, as on a full disk, for whoever may not mount one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def visible_and_whole(out, new):
    """What is there is as it will be; hidden is what the next run goes on with."""
    there = {path: data for path, data in tree(out).items() if ".partial" not in path}
    return {path for path in there if there[path] is not None and there[path] != new.get(path)}


def test_a_full_disk(places, work, capsys):
    """It fails in words, stage after stage as the disk grows, and in the end nothing differs."""
    new, out, told = tree(places.new), work / "disk" / "out", []
    run = [*RUN, "--out", out]
    with small_disk(work / "disk", 60) as resize:
        for kilobytes in (60, 150, 250, 400, 64_000) if resize else ():
            resize(f"size={kilobytes}k")
            code = iepile(*run)
            told.append(capsys.readouterr().err)
            if code == 0:
                break
            promises.told(code, told[-1], "there is no space left on this disk")
            assert "  to do: free some space, then run the same command again" in told[-1]
            assert visible_and_whole(out, new) == set()
        assert resize is None or (tree(out) == new and len(told) > 3)


def test_a_file_that_may_not_grow(places, work, capsys):
    """Run after run gets further, and in the end nothing differs."""
    for most in (500, 3_000, 12_000, 40_000):
        with small_files(most):
            code = iepile(*RUN)

        err = capsys.readouterr().err
        promises.told(code, err, "this file would become larger than the system allows")
        assert "  where: out/" in err
        assert visible_and_whole(work / "out", tree(places.new)) == set()
    assert iepile(*RUN) == 0
    assert tree(work / "out") == tree(places.new)


def test_a_printed_table_that_finds_no_space(places):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "settings"],
            cwd=places.base,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_disk_mounted_for_reading(places, work, capsys):
    """Nothing can be written, what is there can be read, and nothing changes."""
    with small_disk(work / "disk", 64_000) as remount:
        if remount is None:
            return  # the next test refuses as well, whoever runs it
        shutil.copytree(places.old, work / "disk" / "out")
        remount("ro")
        common = [*COMMON, "--out", "disk/out"]
        old = ["--params", "old.yaml"]
        later = ([*stage, *old] for stage in (["dedupe"], ["negatives"], ["report"]))
        for command in (RUN[:3], ["normalize", "nyt11-hrl"], *later):
            code = iepile(*command, *(common[2:] if "old.yaml" in command else common))
            words = "this disk is read-only, nothing on it may be changed"
            promises.told(code, capsys.readouterr().err, words)
        assert iepile(*EXPORT, "--run", "disk/out") == 0
        assert tree(work / "disk" / "out") == tree(places.old)
        remount("rw")

        assert iepile("run", *DATASETS.split(","), *common) == 0
        assert tree(work / "disk" / "out") == tree(places.new)


def test_a_folder_of_somebody_else(places, capsys, monkeypatch):
    """No permission: in words, and nothing changes. Root is never refused, so it steps down."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        shutil.copytree(places.base, work)
        shutil.copytree(places.old, work / "out")
        places_to_close = [work / "out", *(p for p in (work / "out").rglob("*") if p.is_dir())]
        monkeypatch.chdir(work)
        Path(folder).chmod(0o755)
        for path in places_to_close:
            path.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            codes = [iepile(*RUN), iepile("normalize", "nyt11-hrl", *COMMON)]
        finally:
            if root:
                os.seteuid(0)
        err = capsys.readouterr().err
        assert codes == [1, 1]
        assert err.count("error: no permission to read or change this\n  where: out/") == 2
        assert tree(work / "out") == tree(places.old)
        for path in places_to_close:
            path.chmod(0o755)

        assert iepile(*RUN) == 0
        assert tree(work / "out") == tree(places.new)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_stopped_at_any_moment(places, work, start, seed):
    """At moments by the clock, with workers; what they hit differs, what comes out does not."""
    chance = random.Random(seed)
    for _ in range(6):
        process = start("kill a worker", "no such path", *RUN, "--workers", 2)
        time.sleep(chance.uniform(0.5, 9))
        if process.poll() is None:
            sent = chance.choice([signal.SIGKILL, signal.SIGINT])
            chance.choice([os.kill, os.killpg])(process.pid, sent)
        process.communicate(timeout=120)
        for folder in (work / "out").glob("*/*"):
            assert folder.name.startswith(".") or hidden_or_new(folder, places.new)

    assert iepile(*RUN) == 0
    assert tree(work / "out") == tree(places.new)


def hidden_or_new(folder, new):
    """Whether what stands under a final name is all there, unless its folder is being replaced."""
    if folder.parent.name.startswith("."):
        return True
    own = new / folder.parent.name / folder.name
    return tree(folder) == tree(own) if folder.is_dir() else folder.read_bytes() == own.read_bytes()


@pytest.mark.soak
def test_a_killed_ray_worker(places, work):
    """Ray replaces a process that is killed; the bytes are the same."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *RUN, "--engine", "ray", "--workers", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    killed = 0
    while process.poll() is None and killed < 3:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if child.cmdline()[:1] == ["ray::_called"]:
                    child.kill()
                    killed += 1
            except psutil.Error:
                continue
    _, err = process.communicate(timeout=600)

    assert killed
    if process.returncode:  # the same item was struck twice
        assert "was killed twice" in err
        assert iepile(*RUN) == 0
    assert tree(work / "out") == tree(places.new)
