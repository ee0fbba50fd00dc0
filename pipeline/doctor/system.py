"""Check programs, cores, memory and disk, for `iepile doctor`; print the checks.

Only the standard library is imported here, so that this works where packages are missing.
"""

import json
import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.doctor import Check
from pipeline.execution.machine import cores

#: The peak of a run over 979,006 records with two processes, in bytes, see bench/RESULTS.md.
_MEMORY: Final = 2 << 30
#: Output per byte of raw files: 101 MB gave 193 MB, and DVC keeps a copy of them.
_OUTPUT_PER_INPUT: Final = 4


def programs(folder: Path) -> Iterator[Check]:
    """Check git, and the state of DVC in the project folder."""
    if git := shutil.which("git"):
        yield Check("git", "ok", git)
    elif (folder / "dvc.yaml").is_file():
        yield Check("git", "wrong", "not found", "install it, e.g. apt-get install git")
    yield _dvc(folder)


def _dvc(folder: Path) -> Check:
    if not (folder / "dvc.yaml").is_file():
        todo = "go to the project folder for `dvc repro`; `iepile run` works anywhere"
        return Check("DVC", "note", f"no dvc.yaml in {folder}", todo)
    if not (folder / ".dvc").is_dir():
        return Check("DVC", "wrong", "dvc.yaml without .dvc", "dvc init")
    if not any((place / ".git").exists() for place in (folder, *folder.resolve().parents)):
        todo = "`git init`, or clone the project; `iepile run` needs no repository"
        return Check("DVC", "wrong", "this is not a git repository, and DVC needs one", todo)
    lock, rwlock = folder / "dvc.lock", folder / ".dvc/tmp/rwlock"
    text = lock.read_text(encoding="utf-8", errors="replace") if lock.is_file() else None
    if text is not None and re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
        todo = "git checkout --ours dvc.lock, then `dvc repro`"
        return Check("DVC", "wrong", "dvc.lock holds the marks of an unfinished merge", todo)
    # DVC writes these two files in place: if it is killed meanwhile, they are cut, and it stops.
    cut = "is cut short: dvc was killed as it wrote it"
    if text is not None and not (text.startswith("schema:") and text.endswith("\n")):
        todo = "git checkout dvc.lock, or delete it; then `dvc repro`"
        return Check("DVC", "wrong", f"dvc.lock {cut}", todo)
    if rwlock.is_file() and not _is_json(rwlock):
        return Check("DVC", "wrong", f".dvc/tmp/rwlock {cut}", "delete it; then `dvc repro`")
    number = len(re.findall(r"^  (\w+):$", text or "", re.MULTILINE))
    return Check(
        "DVC", "ok", f"has run {number} stage{'s' * (number > 1)}" if number else "has not run yet"
    )


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def machine(out: Path, dictionaries: Path, raw_bytes: int, free: int) -> Iterator[Check]:
    """Check cores, memory (`free` bytes), and the disk space for the output of `raw_bytes`."""
    yield Check("cores", "ok", f"{cores()}")
    detail = f"{_size(free)} free"
    todo = "fewer --workers and smaller normalize.records_per_shard need less"
    yield Check("memory", "note", detail, todo) if free < _MEMORY else Check("memory", "ok", detail)
    yield from map(_writable, (out, dictionaries))
    room = shutil.disk_usage(_existing(out)).free
    need = raw_bytes * _OUTPUT_PER_INPUT
    detail = f"{_size(room)} free, about {_size(need)} needed for {_size(raw_bytes)} of raw files"
    todo = "free some space, or write elsewhere with --out"
    yield Check("disk", "wrong", detail, todo) if room <= need else Check("disk", "ok", detail)


def _existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.is_dir())


def _writable(folder: Path) -> Check:
    place = _existing(folder)
    if folder.exists() and not folder.is_dir():
        return Check(f"{folder}/", "wrong", "this is a file, not a folder", "move it away")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as problem:
        detail = f"{place} cannot be written to: {problem.strerror}"
        todo = "see who owns it and whether it is mounted for writing, or name another with --out"
        return Check(f"{folder}/", "wrong", detail, todo)
    return Check(f"{folder}/", "ok", "can be written" if place == folder.absolute() else "new")


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:,.1f} GB"


def report(checks: Sequence[Check]) -> Iterator[str]:
    """Yield the lines of all checks, each with what to do about it, as wide as the terminal."""
    width = shutil.get_terminal_size((100, 24)).columns
    for check in checks:
        mark = check.state.upper() if check.state == "wrong" else check.state
        lines = [f"{mark:7}{check.subject}: {check.found}"]
        lines += [f"{'':7}-> {check.todo}"] if check.todo else []
        for line in lines:
            yield textwrap.fill(line, width, subsequent_indent=" " * 10, break_on_hyphens=False)
