"""Run many commands quickly: a process that has loaded libraries, but nothing of ours, forks a
child for each. The child imports `pipeline` from the project it is told, as a fresh process would,
and may be stopped at its n-th change on disk.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

_LIBRARIES = ["datasets", "faiss", "jinja2", "msgspec", "nltk.tokenize", "numpy", "orjson"]
_LIBRARIES += [
    "pyarrow.compute",
    "pyarrow.parquet",
    "rich.console",
    "rich.table",
    "ruamel.yaml",
    "tomlkit",
]
_LIBRARIES += ["mmh3", "scipy.sparse", "threadpoolctl", "xxhash"]


class Done(NamedTuple):
    """What a command left: its exit code (negative: the signal), output, and changes on disk."""

    code: int
    out: str
    err: str
    changes: int


class Nursery:
    def __init__(self, scratch):
        self.scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, arguments, stop=None, cwd="."):
        """Run `iepile` of the project in `folder`.

        stop=(n, "SIGKILL") sends this signal before the n-th change on disk.
        """
        names = [str(self.scratch / name) for name in ("out", "err", "changes")]
        errand = {"argv": [*map(str, arguments)], "files": names, "stop": stop}
        errand |= {"project": str(folder), "cwd": str(folder / cwd)}
        self.process.stdin.write(json.dumps(errand) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        out, err, changes = (Path(name).read_text(encoding="utf-8") for name in names)
        return Done(code, out, err, int(changes or 0))

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def _serve():
    import importlib

    import jieba

    jieba.setLogLevel("ERROR")
    jieba.initialize()
    for name in _LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        errand = json.loads(line)
        for name in errand["files"]:
            Path(name).write_bytes(b"")
        pid = os.fork()
        if not pid:
            _child(errand)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _child(errand):
    code = 70
    changes = [0]
    try:
        for number, name in zip((1, 2), errand["files"], strict=False):
            os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), number)
        os.environ["PYTHONPATH"] = errand["project"]
        sys.path[:0] = [errand["project"]]
        os.chdir(errand["cwd"])
        _watch(changes, errand["stop"])
        from pipeline import cli

        code = cli.main(errand["argv"])
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # noqa: BLE001 - a traceback is what the tests look for
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    Path(errand["files"][2]).write_text(str(changes[0]), encoding="utf-8")
    os._exit(code)


def _watch(changes, stop):
    """Count what is made, moved and removed on disk, and stop at the n-th change."""

    def watched(function):
        def changing(*arguments, **options):
            changes[0] += 1
            if stop and changes[0] == stop[0]:
                os.kill(os.getpid(), getattr(signal, stop[1]))
            return function(*arguments, **options)

        return changing

    os.replace, os.mkdir, os.rmdir = map(watched, (os.replace, os.mkdir, os.rmdir))


if __name__ == "__main__":
    _serve()
