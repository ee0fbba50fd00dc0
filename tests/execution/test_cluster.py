"""A Ray cluster that runs already: the same bytes, killed workers, and what it may lack.

The clusters are started and stopped here, each a session of processes with a folder of its own.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from pipeline.execution import shards
from tests.conftest import ROOT
from tests.execution.test_engines import WORK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("ray"), reason="ray is not installed"),
]

SOME = "wnut2017"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}


def environment(*folders, **more):
    """This environment with another PYTHONPATH, and nothing that says where or who a cluster is."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return {**plain, "PYTHONPATH": os.pathsep.join(map(str, folders)), **more}


@contextmanager
def started(python, env):
    """The address of a cluster of one machine with two CPUs, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A short path, since it holds sockets, whose names may have 107 bytes.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    main = "from ray.scripts.scripts import main; main()"
    options = ["--num-cpus=2", "--object-store-memory=100000000", "--disable-usage-stats"]
    options += ["--include-dashboard=false", "--min-worker-port=0", "--max-worker-port=0"]
    command = [python, "-c", main, "start", "--head", "--block", *options]
    log = Path(folder) / "start.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, f"--port={port}", f"--temp-dir={folder}/r"],
            cwd=folder,
            env=env,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        for _ in range(1200):
            if "This command will now block" in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None, log.read_text()
        yield f"127.0.0.1:{port}"
    finally:
        try:
            stop(process)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def stop(process):
    """End every process of the session, and no other cluster's."""
    if process.poll() is None:
        process.terminate()
    for how in (signal.SIGTERM, signal.SIGKILL):
        left = [p for p in psutil.process_iter() if session(p) == process.pid]
        for member in left:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(how)
        psutil.wait_procs(left, timeout=20)
    process.wait(timeout=20)
    assert [p for p in psutil.process_iter() if session(p) == process.pid] == []


def session(process):
    try:
        return os.getsid(process.pid) if process.status() != psutil.STATUS_ZOMBIE else None
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with the functions of test_engines, which the cluster can import."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "engine_work.py").write_text(WORK, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(work):
    with started(sys.executable, environment(work, ROOT, **TOKEN)) as found:
        yield found


def iepile(*arguments, cwd, env):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.soak
def test_it_gives_the_bytes_of_one_and_of_two_processes(address, tmp_path):
    """From another folder, by relative paths, over several shards, with other hash seeds."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    small = params.replace("records_per_shard: 20000", "records_per_shard: 7")
    (tmp_path / "params.yaml").write_text(small, encoding="utf-8")
    shutil.copytree(ROOT / "raw" / "sample", tmp_path / "raw")
    ways = {
        "one": ["--workers", 1],
        "two": ["--workers", 2],
        "ray": ["--engine", "ray", "--address", address],
    }
    found = []
    for seed, (name, way) in enumerate(ways.items()):
        common = ["run", *SOME.split(","), "--raw", "raw", "--out", name]
        env = environment(ROOT, **TOKEN, PYTHONHASHSEED=str(seed))
        done = iepile(*common, *way, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        found.append(contents(tmp_path / name))

    one, *others = found
    assert len([name for name in one if "/NER/train-" in name]) > 1
    for other in others:
        assert sorted(other) == sorted(one)
        assert [name for name in one if other[name] != one[name]] == []


def scripted(text, folder, env):
    """The process of a script whose functions lie beside it."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(text), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(script)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, their children would inherit a deaf ear.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.mark.soak
def test_a_killed_worker_is_replaced_then_named(address, work, tmp_path):
    script = f"""
    import json
    from functools import partial
    import engine_work
    from pipeline.execution import engines
    from pipeline.errors import WorkError

    crew = engines.Workers(1, "ray", {address!r})
    once = partial(engine_work.killed, folder={str(tmp_path)!r}, fails={{2: 1}})
    always = partial(engine_work.killed, folder={str(tmp_path)!r}, fails={{7: 99}})
    found = list(engines.run(once, range(6), crew))
    try:
        list(engines.run(always, [6, 7, 8], crew, engine_work.named))
    except WorkError as problem:
        with open({str(tmp_path / "told.json")!r}, "w") as stream:
            json.dump([found, problem.what, problem.where], stream)
    """
    process = scripted(script, tmp_path, environment(work, ROOT, **TOKEN))
    _, errors = process.communicate(timeout=300)

    assert process.returncode == 0, errors
    assert json.loads((tmp_path / "told.json").read_text()) == [
        [0, 10, 20, 30, 40, 50],
        "the process that worked on this was killed twice",
        "toy/train-00007",
    ]
    assert sorted(path.name for path in tmp_path.glob("[27]-*")) == ["2-0", "2-1", "7-0", "7-1"]


@pytest.mark.soak
def test_an_interrupt_leaves_no_half_shard(address, tmp_path):
    """Ctrl-C in the middle of a stage: the old folder stays, and nobody goes on writing."""
    out = tmp_path / "out"
    shards.write_text("old", out / "result" / "a.txt")
    script = f"""
    import time
    from functools import partial
    from pathlib import Path
    from pipeline.execution import atomic, engines, shards

    def slow(item, folder):
        for n in range(2000):
            shards.write_text("half", folder / f"{{item}}-{{n}}.txt")
            time.sleep(0.05)

    with atomic.replacing(Path({str(out)!r}) / "result") as folder:
        crew = engines.Workers(1, "ray", {address!r})
        list(engines.run(partial(slow, folder=folder), range(4), crew))
    """
    process = scripted(script, tmp_path, environment(ROOT, **TOKEN))
    for _ in range(1200):
        if len([*out.glob(".result.partial/*")]) > 4 or process.poll() is not None:
            break
        time.sleep(0.1)
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    time.sleep(0.3)

    assert process.returncode != 0
    assert contents(out) == {"result/a.txt": b"old"}
    assert [path.name for path in out.iterdir()] == ["result"]


def started_with(address, folder, env):
    arguments = ["--params", ROOT / "params.yaml", "--raw", ROOT / "raw" / "sample"]
    arguments += ["--out", "out", "--engine", "ray", "--address", address]
    return iepile("normalize", SOME, *arguments, cwd=folder, env=env)


def test_a_cluster_that_wants_a_token_says_so(address, tmp_path):
    done = started_with(address, tmp_path, environment(ROOT))

    assert done.returncode == 1
    assert "error: cannot join the Ray cluster" in done.stderr
    assert "export RAY_AUTH_MODE=token" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["127.0.0.1:1", "rubbish"])
def test_a_wrong_address_is_one_line(where, tmp_path):
    """Nobody listens there; ray alone would try for minutes, and this call is given less."""
    done = started_with(where, tmp_path, environment(ROOT))

    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert told[0].startswith("error: cannot join the Ray cluster: ")
    assert told[1] == f"  where: --address {where}"


@pytest.mark.soak
@pytest.mark.parametrize("has_this_package", [True, False])
def test_a_cluster_without_the_same_packages_is_named(tmp_path, has_this_package):
    """Its Python sees other versions of two packages, and perhaps not this one at all."""
    lone = tmp_path / "lone"
    for package in ("pyarrow", "jieba"):
        older = lone / f"{package}-1.0.0.dist-info"
        older.mkdir(parents=True)
        told = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n"
        (older / "METADATA").write_text(told)
    # A folder of PYTHONPATH is searched, but its .pth files, which lead here, are not read.
    folders = [lone, Path(pa.__file__).parent.parent, *([ROOT] if has_this_package else [])]
    env = environment(*folders, RAY_AUTH_MODE="disabled")
    with started(sys._base_executable, env) as address:
        done = started_with(address, tmp_path, environment(ROOT, RAY_AUTH_MODE="disabled"))

    assert done.returncode == 1
    if has_this_package:
        assert "error: machines of the cluster differ from this one:" in done.stderr
        assert f"pyarrow is 1.0.0, here {pa.__version__}" in done.stderr
        assert "jieba is 1.0.0, here 0." in done.stderr
        assert "scipy" not in done.stderr
    else:
        assert "error: this machine of the cluster cannot work:" in done.stderr
    assert "the same package" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "normalize" / "wnut2017").exists()
