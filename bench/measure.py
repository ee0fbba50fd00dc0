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


def case(*arguments: object, peak: bool = True) -> dict:
    """What `python -m bench.cases ...` reports, with the peak memory of its process tree.

    The peak is the sum of the resident sets of all its processes, memory they share counted once
    for each, looked at every 50 ms.
    """
    command = [sys.executable, "-m", "bench.cases", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        most, stop = [0], threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, most, stop))
        watcher.start()
        output = process.communicate()[0]
        stop.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(process.returncode)
    own = json.loads(output.splitlines()[-1])
    return {**own, "peak": most[0]} if peak else own


def _watch(pid: int, peak: list[int], stop: threading.Event) -> None:
    root = psutil.Process(pid)
    while not stop.wait(_EVERY):
        total = 0
        try:
            for process in (root, *root.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
        except psutil.NoSuchProcess:
            return
        peak[0] = max(peak[0], total)


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
