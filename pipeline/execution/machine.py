"""How many cores and how much memory of this machine a process may use.

Only the standard library is imported here, because `iepile doctor` must run where no package is
installed.
"""

import math
import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/")


def cores(root: Path = _ROOT) -> int:
    """Return how many processes can work at a time.

    A process may be bound to some of the cores, and control groups (version 2 or 1) may grant a
    container only a share of their time.
    """
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    limits = [len(usable) or os.cpu_count() or 1]
    for group in _groups(root, "cpu"):
        quota = _text(group / "cpu.max")
        quota = quota or " ".join(_text(group / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
        if share := re.fullmatch(r"(\d+)\s+([1-9]\d*)\s*", quota):  # else "max" or -1: no limit
            limits.append(math.ceil(int(share[1]) / int(share[2])))
    return max(1, min(limits))


def memory(root: Path = _ROOT) -> int:
    """Return how many bytes this process may still use, by its machine, container and ulimit."""
    free = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if available := re.search(r"MemAvailable:\s*(\d+) kB", _text(root / "proc/meminfo")):
        free = [int(available[1]) << 10]
    ulimit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if ulimit != resource.RLIM_INFINITY:
        free.append(ulimit)
    for group in _groups(root, "memory"):
        for names in (("max", "current"), ("limit_in_bytes", "usage_in_bytes")):
            limit, used = (_text(group / f"memory.{name}").strip() for name in names)
            if limit.isdigit() and used.isdigit():
                # The system drops cached files when something else needs the memory.
                cached = re.findall(r"inactive_file (\d+)", _text(group / "memory.stat"))
                free.append(max(0, int(limit) - int(used) + max(map(int, cached), default=0)))
    return min(free)


def ensure_home() -> None:
    """Give a user without a home "/", as in containers, because NLTK's import needs one."""
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - `Path.home()` would raise an error
        os.environ["HOME"] = "/"


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups, from its own to the outermost."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if names else "")
        # In a container, the path may be the machine's while only the outermost folder exists.
        place = top / path.lstrip("/")
        yield from (place, *place.parents[: len(place.parts) - len(top.parts)])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
