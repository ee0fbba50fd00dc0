"""Check Python and the installed packages, for `iepile doctor`.

Only the standard library is imported here; packages are looked for without importing them.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

from pipeline.doctor import Check

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
