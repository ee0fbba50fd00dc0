"""Whether programs, disk and memory of this machine suffice: a part of `iepile doctor`.

Nothing but the standard library is imported here, and nothing heavy is imported to look whether it
is there, so that all of it works, and at once, where packages are missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.doctor import Check
from pipeline.doctor.packages import findable
from pipeline.execution.machine import cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What a run over 979,006 records took at its highest with two processes, see bench/RESULTS.md.
_MEMORY: Final = 2 << 30
#: Bytes per byte of raw files: 193 MB come of 101 MB, and DVC keeps a copy of them.
_TIMES: Final = 4
_PARTIAL: Final = re.compile(r"\..+\.(partial|retired)")


def programs(folder: Path) -> Iterator[Check]:
    """Git, DVC's state in the project folder, and the browser that one test needs."""
    if git := shutil.which("git"):
        yield Check("git", "ok", git)
    elif (folder / "dvc.yaml").is_file():
        yield Check("git", "wrong", "not found", "install it, e.g. apt-get install git")
    yield _dvc(folder)
    if findable("pytest"):
        lacking = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
        if lacking:
            todo = "apt-get install chromium chromium-driver; the test of the audit page needs it"
            yield Check("Chromium", "note", f"not found: {', '.join(lacking)}", todo)
        else:
            yield Check("Chromium", "ok", str(shutil.which("chromium")))


def _dvc(folder: Path) -> Check:
    if not (folder / "dvc.yaml").is_file():
        todo = "go to the project folder for `dvc repro`; `iepile run` works anywhere"
        return Check("DVC", "note", f"no dvc.yaml in {folder}", todo)
    if not (folder / ".dvc").is_dir():
        return Check("DVC", "wrong", "dvc.yaml without .dvc", "dvc init")
    if not any((place / ".git").exists() for place in (folder, *folder.resolve().parents)):
        todo = "`git init`, or clone the project; `iepile run` needs no repository"
        return Check("DVC", "wrong", "this is no git repository, which DVC expects", todo)
    lock = folder / "dvc.lock"
    text = lock.read_text(encoding="utf-8", errors="replace") if lock.is_file() else ""
    if lock.is_file():
        name = lock.name
        if re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
            todo = f"git checkout --ours {name}, then `dvc repro`"
            return Check("DVC", "wrong", f"{name} holds the marks of an unfinished merge", todo)
        # DVC writes these in their place: killed there, it leaves them empty or cut, and stops.
        if not text.startswith("schema:") or not text.endswith("\n"):
            todo = f"git checkout {name}, or delete it; then `dvc repro`"
            return Check(
                "DVC", "wrong", f"{name} is cut short: dvc was killed as it wrote it", todo
            )
    taken = folder / ".dvc/tmp/rwlock"
    if taken.is_file() and not _json(taken):
        found = ".dvc/tmp/rwlock is cut short: dvc was killed as it wrote it"
        return Check("DVC", "wrong", found, "delete it; then `dvc repro`")
    made = re.findall(r"^  (\w+):$", text, re.MULTILINE)
    return Check("DVC", "ok", f"has run {', '.join(made)}" if made else "nothing made yet")


def _json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def machine(out: Path, dictionaries: Path, raw_bytes: int, free: int) -> Iterator[Check]:
    """Cores, memory, and room on the disk for what comes out of so many raw bytes."""
    yield Check("cores", "ok", f"{cores()}")
    told = f"{_size(free)} free"
    todo = "fewer --workers and smaller normalize.records_per_shard need less"
    yield Check("memory", "note", told, todo) if free < _MEMORY else Check("memory", "ok", told)
    for folder in (out, dictionaries):
        yield _writable(folder)
    room = shutil.disk_usage(_there(out)).free
    need = raw_bytes * _TIMES
    told = f"{_size(room)} free, about {_size(need)} needed for {_size(raw_bytes)} of raw files"
    yield (
        Check("disk", "ok", told)
        if room > need
        else Check("disk", "wrong", told, "free some, or write elsewhere with --out")
    )


def _there(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.is_dir())


def _writable(folder: Path) -> Check:
    place = _there(folder)
    if folder.exists() and not folder.is_dir():
        return Check(f"{folder}/", "wrong", "this is no folder", "move it away")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as problem:
        found = f"{place} cannot be written to: {problem.strerror}"
        todo = "see who owns it and whether it is mounted for writing, or name another with --out"
        return Check(f"{folder}/", "wrong", found, todo)
    return Check(f"{folder}/", "ok", "can be written" if place == folder.absolute() else "new")


def leftovers(*folders: Path) -> Iterator[Check]:
    """What interrupted commands have left: half-written results, downloads, files to look at."""
    halves: list[Path] = []
    aside: list[Path] = []
    for folder in folders:
        for place, inner, files in os.walk(folder):
            names = [*inner, *files]
            halves += [Path(place, name) for name in names if _PARTIAL.fullmatch(name)]
            aside += [Path(place, name) for name in files if name.endswith(".unverified")]
            inner[:] = [name for name in inner if not _PARTIAL.fullmatch(name)]
    if halves:
        todo = "is nothing at work there? Then run the same command again, which clears it away"
        yield Check("leftovers", "note", _some(halves), todo)
    for path in sorted(aside):
        todo = f"look at it; if it is right, name it {path.stem}, and `iepile fetch` again"
        yield Check("unverified file", "note", str(path), todo)
    for folder in folders:
        if begun := sorted(path.name for path in (folder / ".fetch").glob("*")):
            todo = f"`iepile fetch {' '.join(begun)}` goes on where it stopped"
            yield Check("downloads", "note", f"unfinished: {', '.join(begun)}", todo)


def _some(paths: Sequence[Path], most: int = 3) -> str:
    told = ", ".join(map(str, sorted(paths)[:most]))
    return told + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"


def report(checks: Sequence[Check], width: int) -> Iterator[str]:
    """The lines of a table: what is right, what is not, and under it how to mend it."""
    first = max(len(check.subject) for check in checks)
    for check in checks:
        mark = check.state.upper() if check.state == "wrong" else check.state
        head = f"{mark:7}{check.subject:{first}}  "
        blank = " " * len(head)
        yield from _wrapped(check.found, width, head, blank)
        if check.todo:
            yield from _wrapped(check.todo, width, f"{blank}-> ", f"{blank}   ")


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Lines of a text; commands, paths and addresses stay whole, to be copied."""
    paragraph = textwrap.TextWrapper(
        max(width, len(rest) + 40),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return paragraph.wrap(text)
