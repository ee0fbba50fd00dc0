"""What a process may use of this machine: the cores and the memory that are left to it.

Nothing but the standard library is imported here: `iepile doctor` asks where nothing is installed.
"""

from __future__ import annotations

import math
import os
import re
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path("/")


def cores(root: Path = _ROOT) -> int:
    """How many processes can work at a time: cores that this one may run on, and their share.

    A container is given a share of the machine's time, by version 2 or 1 of control groups.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = [own]
    for group in _groups(root, "cpu"):
        told = _text(group / "cpu.max")
        told = told or " ".join(_text(group / f"cpu.cfs_{n}_us") for n in ("quota", "period"))
        if share := re.fullmatch(r"(\d+)\s+([1-9]\d*)\s*", told):  # else max, or -1: no limit
            most.append(math.ceil(int(share[1]) / int(share[2])))
    return max(1, min(most))


def memory(root: Path = _ROOT) -> int:
    """Bytes that this process may still take: of the machine, its container and its own limit."""
    free = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if found := re.search(r"MemAvailable:\s*(\d+) kB", _text(root / "proc/meminfo")):
        free = [int(found[1]) << 10]
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    if own != resource.RLIM_INFINITY:
        free.append(own)
    for group in _groups(root, "memory"):
        for limit, used in (("max", "current"), ("limit_in_bytes", "usage_in_bytes")):
            most, now = (_text(group / f"memory.{name}").strip() for name in (limit, used))
            if most.isdigit() and now.isdigit():
                # What is kept of files in memory is given up when something else needs the room.
                kept = re.findall(r"inactive_file (\d+)", _text(group / "memory.stat"))
                free.append(max(0, int(most) - int(now) + max(map(int, kept), default=0)))
    return min(free)


def ensure_home() -> None:
    """Give a user without a home "/", as containers do: NLTK cannot even be imported without."""
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path has no answer, but an error
        os.environ["HOME"] = "/"


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the control groups around this process, from its own to the outermost."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if names else "")
        # A container often sees its own group as the outermost, under the path of the machine.
        place = top / path.lstrip("/")
        yield from (place, *place.parents[: len(place.parts) - len(top.parts)])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
