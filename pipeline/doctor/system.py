"""Check Python, packages, programs, cores, memory and disk, for `iepile doctor`; print the checks.

Only the standard library is imported here, so that this works where packages are missing; packages
are looked for without importing them.
"""

import json
import re
import shutil
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.doctor import Check
from pipeline.execution.machine import cores

_INSTALL: Final = "in the project folder: pip install -c constraints.txt -e "


def installation(project: Path) -> Iterator[Check]:
    """Check Python and every required package.

    A clone of the project requires the versions of constraints.txt. An installed package without
    its project requires what its own metadata say.
    """
    pins: dict[str, str] = {}
    try:
        if is_clone := (project / "pyproject.toml").is_file():
            text = (project / "pyproject.toml").read_text(encoding="utf-8")
            pins = _pins((project / "constraints.txt").read_text(encoding="utf-8"))
            required = tomllib.loads(text)["project"]
        else:
            required = _metadata()
    except (OSError, metadata.PackageNotFoundError):
        detail = f"neither a clone of the project nor an installation: {project}"
        yield Check("packages", "wrong", detail, "run it from a clone, or install the package")
        return
    oldest = tuple(map(int, re.findall(r"\d+", required["requires-python"])))
    detail = f"{sys.version.partition(' ')[0]} in {sys.prefix}"
    if sys.version_info[: len(oldest)] >= oldest:
        yield Check("Python", "ok", detail)
    else:
        todo = f"make .venv again with Python {required['requires-python']}"
        yield Check("Python", "wrong", detail, todo)
    install = f"{_INSTALL}." if is_clone else ""
    yield from _packages("packages", required["dependencies"], pins, install, "wrong")
    for extra, names in required["optional-dependencies"].items():
        install = f"{_INSTALL}'.[{extra}]'" if is_clone else ""
        yield from _packages(f"extra {extra}", names, pins, install, "note")


def _metadata() -> dict[str, Any]:
    """Return the requirements of the installed package, as pyproject.toml has them."""
    installed = metadata.distribution("iepile-pipeline")
    extras: dict[str, list[str]] = {"": []}
    for line in installed.requires or []:
        extra = re.search(r"extra == [\"'](.+?)[\"']", line)
        extras.setdefault(extra[1] if extra else "", []).append(line)
    return {
        "requires-python": installed.metadata["Requires-Python"],
        "dependencies": extras.pop(""),
        "optional-dependencies": extras,
    }


def _pins(text: str) -> dict[str, str]:
    """Return package -> version, of the lines of constraints.txt."""
    lines = (line.partition("==") for line in text.splitlines())
    return {_package(name): version.strip() for name, equals, version in lines if equals}


def _package(requirement: str) -> str:
    """Return the package that a requirement names, in one spelling."""
    name = re.match(r"[\w.-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else requirement


def _packages(
    subject: str,
    requirements: Sequence[str],
    pins: dict[str, str],
    install: str,
    state_if_missing: Literal["note", "wrong"],
) -> Iterator[Check]:
    names = [_package(requirement) for requirement in requirements]
    installed = {name: version for name in names if (version := _version(name))}
    # "2.13.0+cpu" is a build of 2.13.0.
    other = [n for n, v in installed.items() if n in pins and v.partition("+")[0] != pins[n]]
    if missing := [name for name in names if name not in installed]:
        todo = install or f"pip install {' '.join(missing)}"
        yield Check(subject, state_if_missing, f"missing: {', '.join(missing)}", todo)
    if other:
        versions = ", ".join(f"{name} {installed[name]} (pinned: {pins[name]})" for name in other)
        todo = f"the corpus has the same bytes only with the pinned versions; {install}"
        yield Check(subject, "note", f"other versions than pinned: {versions}", todo)
    if right := [f"{name} {version}" for name, version in installed.items() if name not in other]:
        yield Check(subject, "ok", ", ".join(right))


def _version(name: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


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
    try:
        json.loads(rwlock.read_bytes() if rwlock.is_file() else "{}")
    except ValueError:
        return Check("DVC", "wrong", f".dvc/tmp/rwlock {cut}", "delete it; then `dvc repro`")
    number = len(re.findall(r"^  (\w+):$", text or "", re.MULTILINE))
    detail = f"has run {number} stage{'s' * (number > 1)}" if number else "has not run yet"
    return Check("DVC", "ok", detail)


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
