"""Run commands of `iepile` again and again, each time with a fault at another moment.

    python tests/faults/driver.py JOBS.json      prints a line of JSON per job and per trial

A moment is the n-th operation on a file below the folder worked in: opened for writing, half
written, renamed, removed, a folder made. That repeats where a clock does not; and since a kill
before every operation shows every state in which the files ever are, it is also a watch over what
another process could see meanwhile. Each trial starts from a copy of the folder `before`, runs the
command with its fault in a forked child (everything is imported once), looks at what is left, runs
the command again without a fault, and compares all files and folders with those of an undisturbed
run. What several faults leave alike is run again once. The faults:

    kill        SIGKILL, as the kernel does when memory runs out
    interrupt   SIGINT, as Ctrl-C sends
    full        from here on the disk is full: what is written ends in the middle with ENOSPC
    closed      from here on the disk is read-only: every change fails with EROFS
    clock       the clock runs backwards, and all files are of 1970 or 2100

What a child could not stand in for - killed workers, a real disk that is full or read-only, two
runs at once - is tried with processes of their own in `test_processes.py`.
"""

import contextlib
import errno
import gc
import importlib
import io
import itertools
import json
import os
import pkgutil
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from tests import promises

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
GROWS = {"open", "write", "os.mkdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
#: What each fault makes of the command: its exit code (or minus the signal), and what it says.
SAYS = {
    "kill": (-signal.SIGKILL, ""),
    "interrupt": (130, "stopped; run the same command again to resume\n"),
    "full": (1, "there is no space left on this disk"),
    "closed": (1, "this disk is read-only"),
    "clock": (0, ""),
}


class Fault:
    """Counts the operations below a folder, and strikes at one of them."""

    def __init__(self, folder, kind=None, at=0):
        self.folder, self.kind, self.at = str(folder), kind, at
        self.seen = []

    def hook(self, event, arguments):
        """Audit hook: called by the interpreter before the operation."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int) or not (isinstance(flags, int) and flags & WRITING):
                return
        elif event in CHANGES:
            path = arguments[0]
            if event in {"os.remove", "os.rmdir"} and arguments[1] != -1:
                path = self.folder  # relative to a folder that rmtree has open
        else:
            return
        if str(Path.cwd() / os.fsdecode(path)).startswith(self.folder):
            self.tick(event, [os.fsdecode(a) for a in arguments[:2] if isinstance(a, str | Path)])

    def tick(self, event, what):
        self.seen.append([event, *what])
        if len(self.seen) == self.at and self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if len(self.seen) == self.at and self.kind == "interrupt":
            signal.raise_signal(signal.SIGINT)
        if self.at and len(self.seen) >= self.at:
            if self.kind == "full" and event in GROWS:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self.kind == "closed":
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def stream(self, path, mode):
        """What takes the place of Arrow's own files, so that a shard can end in its middle."""
        if "b" in mode and "w" in mode:
            return Pieces(path, self)
        return contextlib.nullcontext(path)


class Pieces(io.FileIO):
    """A file whose first piece of some size counts; half of it gets through before the fault."""

    def __init__(self, path, fault):
        super().__init__(path, "wb")
        self.fault = fault

    def write(self, data):
        data = memoryview(data).cast("B")
        if self.fault and len(data) > 100:
            half, fault, self.fault = len(data) // 2, self.fault, None
            super().write(data[:half])
            fault.tick("write", [str(self.name)])
            super().write(data[half:])
            return len(data)
        return super().write(data)


def warm():
    """Import and parse what any command does, so that a fork has it."""
    import datasets  # noqa: F401
    import faiss  # noqa: F401
    import jinja2  # noqa: F401
    import nltk.tokenize  # noqa: F401
    import pyarrow as pa
    import rich.progress  # noqa: F401
    import ruamel.yaml  # noqa: F401
    import scipy.sparse  # noqa: F401

    import pipeline
    from pipeline import catalog, text
    from pipeline.commands import wiring

    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        importlib.import_module(module.name)
    pa.set_cpu_count(1)  # every fork would start its own threads
    text.word_splitter("en")
    readers = {catalog.load(name).reader["name"] for name in catalog.ids()}
    for stage in wiring.STAGES:
        wiring.code_of(stage, readers)
    gc.collect()
    gc.freeze()  # a fork that collects garbage would copy every page


def run(job, work, fault, said):
    """Run the command in a fork; return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        from pipeline import catalog, cli
        from pipeline.execution import atomic

        for number in (1, 2):
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(work)
        if "declarations" in job:
            load = catalog.load
            catalog.load = lambda name: load(name, Path(job["declarations"]))
        if fault.kind == "clock":
            ticks = itertools.count(2_000_000_000, -1000)
            time.time = lambda: float(next(ticks))
        atomic.stream = fault.stream
        sys.addaudithook(fault.hook)
        code = cli.main(job["command"])
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if fault.kind is None:
            Path(f"{said}.seen").write_text(json.dumps(fault.seen), encoding="utf-8")
        os._exit(code)


def tree(folder):
    """Every file with its bytes, every folder and link, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def below(files, unit):
    return {path: files[path] for path in files if path == unit or path.startswith(f"{unit}/")}


def visible(files):
    return {path: files[path] for path in files if not hidden(path)}


def hidden(path):
    return any(part.startswith(".") for part in Path(path).parts)


class Trials:
    """The trials of one command."""

    def __init__(self, job, folder):
        self.job, self.before, self.folder = job, Path(job["before"]), folder
        self.work, self.said = folder / "work", folder / "said"
        self.old = tree(self.before)
        self.copy()
        if code := run(job, self.work, Fault(self.work), self.said):
            raise RuntimeError(f"undisturbed, it ends with {code}: {self.said.read_text()}")
        self.new = tree(self.work)
        self.moments = json.loads(Path(f"{self.said}.seen").read_text(encoding="utf-8"))
        folders = {p for files in (self.old, self.new) for p in files if files[p] is None}
        moved = [self.work / moment[2] for moment in self.moments if moment[0] == "os.rename"]
        #: Folders that are replaced as a whole.
        self.units = {u for m in moved if (u := os.path.relpath(m, self.work)) in folders}
        self.units = {u for u in self.units if not hidden(u)}
        #: What faults have left -> what was wrong after the run that followed.
        self.again = [(self.old, [])]

    def copy(self):
        """Link the files, since all that is written anew takes the place of what was there."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.before, self.work, symlinks=True, copy_function=os.link)

    def trial(self, kind, at):
        """Every way in which a promise was broken by one fault and the run after it."""
        self.copy()
        if kind == "clock":
            for number, path in enumerate(sorted(self.work.rglob("*"))):
                os.utime(path, (4_102_444_800, 4_102_444_800) if number % 2 else (0, 0))
        code = run(self.job, self.work, Fault(self.work, kind, at), self.said)
        text = self.said.read_text(encoding="utf-8")
        wrong, words = SAYS[kind]
        left = tree(self.work)
        problems = []
        if code == 0 and kind != "kill":  # it struck where that does not matter
            if visible(left) != visible(self.new):
                problems.append("it calls itself done, and is not")
        elif code != wrong or words not in text or "Traceback" in text:
            problems.append(f"exit code {code}, and it says: {text}")
        elif code == 1 and not promises.WHERE.search(text):
            problems.append(f"an error without where and to do: {text}")
        problems += self.half(left, gently=kind in {"interrupt", "full"})
        known = [said for files, said in self.again if files == left]
        if not known or kind == "clock":
            known = [self.rerun()]
            self.again.append((left, known[0]))
        return problems + known[0]

    def rerun(self):
        """Every way in which the run after a fault ends otherwise than an undisturbed one."""
        problems = []
        code = run(self.job, self.work, Fault(self.work), self.said)
        text = self.said.read_text(encoding="utf-8")
        if code and not any(words in text for words in self.job.get("again", [])):
            problems.append(f"the run after it ends with {code}: {text}")
        found = tree(self.work)
        problems += [f"left behind: {p}" for p in found if p not in self.new]
        problems += [f"never made again: {p}" for p in self.new if p not in found]
        problems += [f"other bytes: {p}" for p in found if found[p] != self.new.get(p, found[p])]
        return problems

    def half(self, left, *, gently):
        """What lies under its final name and is neither the old nor the new."""
        for unit in self.units:
            own = below(left, unit)
            if not own and not gently:
                continue  # between the two moves
            if own not in (below(self.old, unit), below(self.new, unit)):
                yield f"a half folder: {unit}"
        for path in left:
            if hidden(path):
                kept = path.startswith(self.job.get("keeps", "\0"))
                if gently and not kept and path not in self.old and path not in self.new:
                    yield f"a leftover: {path}"
            elif left[path] not in (None, self.old.get(path), self.new.get(path)):
                yield f"a half file: {path}"


def chosen(moments, most):
    """The numbers of the moments to try: all, or the last moves and an even share."""
    numbers = [*range(1, len(moments) + 1)]
    if len(numbers) <= most:
        return numbers
    moves = [n for n in numbers if moments[n - 1][0] == "os.rename"]
    even = [numbers[k * len(numbers) // most] for k in range(most // 2)]
    return sorted({*moves[-(most - most // 2) :], *even})


def tell(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main():
    jobs = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    warm()
    for job in jobs:
        folder = Path(sys.argv[1]).parent / f"trials-{job['name']}"
        folder.mkdir()
        told = {"name": job["name"]}
        try:
            trials = Trials(job, folder)
        except RuntimeError as problem:
            tell({**told, "kind": "none", "problems": [str(problem)]})
            continue
        size = sum(len(data) for data in trials.new.values() if data)
        tell({**told, "operations": len(trials.moments), "bytes": size})
        for kind, most in job["kinds"].items():
            for at in chosen(trials.moments, most):
                problems = trials.trial(kind, at)
                moment = trials.moments[at - 1]
                tell({**told, "kind": kind, "at": at, "moment": moment, "problems": problems})
        if tree(trials.before) != trials.old:
            tell({**told, "kind": "none", "problems": ["a file was written in place"]})
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
