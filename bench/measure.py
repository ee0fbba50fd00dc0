"""Run a case in processes of its own and watch their memory; say what the machine is."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

import psutil

_EVERY = 0.05


def case(*arguments: object, watch: bool = True) -> dict:
    """What `python -m bench.cases ...` reports, with memory and time of its process tree.

    "peak" is the sum of the resident sets of all its processes in bytes, memory that they share
    counted once for each; "held" lists (moment, bytes that they hold for themselves), where the
    moment is that of `time.perf_counter`; "cpu" is the seconds that all of them computed. They are
    looked at every 50 ms, so that what a process does in its last moments is missed.
    """
    command = [sys.executable, "-m", "bench.cases", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        sizes, held, seconds, stop = [0], [], {}, threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, sizes, held, seconds, stop))
        watcher.start()
        output = process.communicate()[0]
        stop.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(process.returncode)
    reported = json.loads(output.splitlines()[-1])
    watched = {"peak": sizes[0], "held": held, "cpu": sum(seconds.values())} if watch else {}
    return {**watched, **reported}


def _watch(
    pid: int,
    sizes: list[int],
    held: list[tuple[float, int]],
    seconds: dict[psutil.Process, float],
    stop: threading.Event,
) -> None:
    """Keep the most memory seen, all that was held, and the last CPU time of each process."""
    root = psutil.Process(pid)
    while not stop.wait(_EVERY):
        total = unshared = 0
        try:
            for process in (root, *root.children(recursive=True)):
                try:
                    memory = process.memory_info()
                    total += memory.rss
                    unshared += memory.rss - memory.shared
                    seconds[process] = sum(process.cpu_times()[:2])
                except psutil.NoSuchProcess:
                    continue
        except psutil.NoSuchProcess:
            return
        sizes[0] = max(sizes[0], total)
        held.append((time.perf_counter(), unshared))


def machine(workers: int) -> str:
    """The machine as a line of Markdown."""
    model = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as stream:
            model = next(line.split(":")[1].strip() for line in stream if "model name" in line)
    except (OSError, StopIteration):
        pass
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "numpy"))
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB memory, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}, {packages}; "
        f"{workers} workers; load before the run {os.getloadavg()[0]:.1f}; "
        f"{time.strftime('%Y-%m-%d')}"
    )
