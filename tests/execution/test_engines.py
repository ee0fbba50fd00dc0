"""Engines: order, retries, killed workers, interrupts, and the same bytes on each of them."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import pyarrow as pa
import pytest

from pipeline import cli, hashing
from pipeline.errors import DeclarationError, WorkError
from pipeline.execution import engines, shards
from pipeline.execution.engines import Workers
from tests.conftest import ROOT

ENGINES = [1, 2, pytest.param(Workers(2, "ray"), marks=pytest.mark.slow)]
#: Both languages.
SOME = ["wnut2017", "duie2"]

# Functions cross processes by name, so they lie in a module that workers can import.
WORK = '''
import os, signal, time
from pathlib import Path
from pipeline.errors import DeclarationError

def times(item, folder, fails):
    """How often an item has been worked on; fails so many times before."""
    seen = len(list(Path(folder).glob(f"{item}-*")))
    (Path(folder) / f"{item}-{seen}").touch()
    if seen < fails.get(item, 0):
        raise OSError("the mount is lost")
    return item * 10

def killed(item, folder, fails):
    seen = len(list(Path(folder).glob(f"{item}-*")))
    (Path(folder) / f"{item}-{seen}").touch()
    if seen < fails.get(item, 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return item * 10

def refused(item):
    raise DeclarationError("this is wrong", where=item, todo="mend it")

def slow_first(item, folder):
    """Item 0 works for long; item 1 is refused once item 0 is at work."""
    begun = Path(folder) / "begun"
    if item == 0:
        begun.touch()
        time.sleep(30)
        raise DeclarationError("this is told too late", where=item, todo="mend it")
    while not begun.exists():
        time.sleep(0.01)
    raise DeclarationError("this is wrong", where=item, todo="mend it")

def faulty(item, folder, kind):
    (Path(folder) / f"{item}-{len(list(Path(folder).iterdir()))}").touch()
    raise kind("of ours")

def named(item):
    return f"toy/train-{item:05d}"
'''


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A module of functions that other processes can import too."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "engine_work.py").write_text(WORK, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{ROOT}")
        patch.setenv("PYTHONHASHSEED", "5")  # of processes that are started from now on
        import engine_work

        yield engine_work
        if "ray" in sys.modules:
            sys.modules["ray"].shutdown()


@pytest.mark.parametrize("workers", ENGINES)
def test_results_come_in_the_order_of_the_items(workers, work, tmp_path):
    job = partial(work.times, folder=str(tmp_path), fails={})

    assert [*engines.run(job, range(7), workers)] == [n * 10 for n in range(7)]


@pytest.mark.parametrize("workers", ENGINES)
def test_a_failure_is_tried_again_then_named(workers, work, tmp_path):
    once = partial(work.times, folder=str(tmp_path), fails={3: 1})
    twice = partial(work.times, folder=str(tmp_path), fails={5: 2})

    assert [*engines.run(once, range(4), workers)] == [0, 10, 20, 30]
    with pytest.raises(WorkError, match="failed twice: OSError: the mount is lost") as caught:
        list(engines.run(twice, [4, 5, 6], workers, work.named))
    assert caught.value.where == "toy/train-00005"
    assert len([*tmp_path.glob("5-*")]) == 2


@pytest.mark.parametrize("workers", ENGINES)
def test_a_mistake_in_the_data_is_not_tried_again(workers, work):
    # Often enough to meet a task that ends while others are given up: ray aborted the process then.
    for _ in range(100 if isinstance(workers, Workers) else 1):
        with pytest.raises(DeclarationError, match="this is wrong"):
            list(engines.run(work.refused, [1, 2, 3], workers))


@pytest.mark.parametrize("workers", ENGINES)
@pytest.mark.parametrize(
    "kind", [KeyError, TypeError, AttributeError, AssertionError, IndexError, pa.ArrowInvalid]
)
def test_a_fault_of_the_program_is_no_passing_trouble(kind, workers, work, tmp_path):
    job = partial(work.faulty, folder=str(tmp_path), kind=kind)

    with pytest.raises(WorkError, match="bug in the program") as caught:
        list(engines.run(job, [3], workers, work.named))

    assert "of ours" in caught.value.what
    assert re.search(r"\(engine_work\.py:\d+\)$", caught.value.what)
    assert caught.value.where == "toy/train-00003"
    assert "report" in caught.value.todo
    assert "when the cause is gone" not in caught.value.todo
    assert len([*tmp_path.iterdir()]) == 1


def test_a_fault_is_placed_in_this_package():
    with pytest.raises(WorkError, match=r"AttributeError: .* \(hashing\.py:\d+\)"):
        list(engines.run(hashing.hashes, [[1]]))


@pytest.mark.parametrize("kind", [MemoryError, pa.ArrowMemoryError])
def test_memory_that_ran_out_is_tried_again_then_told(kind, work, tmp_path):
    job = partial(work.faulty, folder=str(tmp_path), kind=kind)

    with pytest.raises(WorkError, match="not enough memory") as caught:
        list(engines.run(job, [3], 1, work.named))

    assert caught.value.where == "toy/train-00003"
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize("workers", ENGINES[1:])
def test_a_killed_worker_is_replaced_then_named(workers, work, tmp_path):
    once = partial(work.killed, folder=str(tmp_path), fails={2: 1})
    always = partial(work.killed, folder=str(tmp_path), fails={7: 99})

    assert [*engines.run(once, range(6), workers)] == [n * 10 for n in range(6)]
    with pytest.raises(WorkError, match="killed twice") as caught:
        list(engines.run(always, [6, 7, 8], workers, work.named))
    assert caught.value.where == "toy/train-00007"


def test_an_interrupt_leaves_no_half_shard(tmp_path):
    """Ctrl-C in the middle of a stage: the old folder stays, and no process or partial file."""
    out = tmp_path / "out"
    shards.write_text("old", out / "result" / "a.txt")
    script = tmp_path / "stage.py"
    script.write_text(
        textwrap.dedent(f"""
        import time
        from functools import partial
        from pathlib import Path
        from pipeline.execution import atomic, engines, shards

        def slow(item, folder):
            for n in range(200):
                shards.write_text("half", folder / f"{{item}}-{{n}}.txt")
                time.sleep(0.05)

        if __name__ == "__main__":
            with atomic.replacing(Path({str(out)!r}) / "result") as folder:
                list(engines.run(partial(slow, folder=folder), range(4), 2))
        """),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        # Where the tests run in the background, their children would inherit a deaf ear.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    partial_folder = out / ".result.partial"
    for _ in range(600):
        if partial_folder.is_dir() and len([*partial_folder.iterdir()]) > 4:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    process.communicate(timeout=30)
    time.sleep(0.3)

    assert process.returncode != 0
    assert [p.relative_to(out).as_posix() for p in sorted(out.rglob("*"))] == [
        "result",
        "result/a.txt",
    ]


def test_a_worker_that_starts_is_deaf_to_ctrl_c(tmp_path):
    """A terminal sends it to every process; those that still import would print their traces."""
    script = tmp_path / "stage.py"
    script.write_text(
        textwrap.dedent("""
        import os, time
        from pathlib import Path
        from pipeline.execution import engines

        here = Path(__file__).parent
        if __name__ == "__main__":
            print(*engines.run(str, range(4), 2))
        else:
            (here / f"starts-{os.getpid()}").touch()
            while not (here / "go").exists():
                time.sleep(0.05)
        """),
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    while not (starting := [*tmp_path.glob("starts-*")]):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(int(starting[0].name.partition("-")[2]), signal.SIGINT)
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=100)

    assert (process.returncode, out, err) == (0, "0 1 2 3\n", "")


@pytest.mark.slow
@pytest.mark.usefixtures("work")
def test_ray_gives_the_same_bytes_as_local(tmp_path, monkeypatch):
    """Every stage, over several shards, with another hash seed, by the cluster that runs here."""
    monkeypatch.chdir(ROOT)
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    small = params.replace("records_per_shard: 20000", "records_per_shard: 5")
    (tmp_path / "params.yaml").write_text(small, encoding="utf-8")
    found = []
    for engine in (["--workers", "1"], ["--workers", "2", "--engine", "ray"]):
        out = tmp_path / engine[-1]
        given = ["--params", str(tmp_path / "params.yaml"), "--out", str(out)]
        assert cli.main(["run", *SOME, *engine, *given]) == 0
        found.append(
            {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        )
    one, other = found
    assert len([name for name in one if "/NER/train-" in name]) > 3
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []


# The last that needs Ray, since it ends the cluster.
@pytest.mark.parametrize("workers", ENGINES[1:])
def test_a_failure_is_told_while_an_earlier_item_is_at_work(workers, work, tmp_path):
    job = partial(work.slow_first, folder=str(tmp_path))

    with pytest.raises(DeclarationError, match="this is wrong"):
        list(engines.run(job, [0, 1, 2], workers))


def test_an_address_without_its_engine_is_one_line():
    command = [sys.executable, "-m", "pipeline.cli", "clean", "wnut2017", "--address", "x:1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("error: --address needs a Ray cluster")
