"""Whether Python and the packages are those that the project wants: a part of `iepile doctor`.

Nothing but the standard library is imported here, and no package is imported to look for it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata, util
from typing import TYPE_CHECKING, Any, Final, Literal

from pipeline.doctor import Check

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_INSTALL: Final = "in the project folder: pip install -c constraints.txt -e "


def installation(project: Path) -> Iterator[Check]:
    """Python and every package that is wanted, in a clone of the project against constraints.txt.

    Of a package that was installed without the project, its own metadata say what it wants.
    """
    pins: dict[str, str] = {}
    try:
        if clone := (project / "pyproject.toml").is_file():
            text = (project / "pyproject.toml").read_text(encoding="utf-8")
            pins = _pins((project / "constraints.txt").read_text(encoding="utf-8"))
            about = tomllib.loads(text)["project"]
        else:
            about = _metadata()
    except (OSError, metadata.PackageNotFoundError):
        found = f"neither a clone of the project nor an installation: {project}"
        yield Check("packages", "wrong", found, "run it from a clone, or install the package")
        return
    least = tuple(map(int, re.findall(r"\d+", about["requires-python"])))
    fits = sys.version_info[: len(least)] >= least
    found = f"{sys.version.partition(' ')[0]} in {sys.prefix}"
    todo = "" if fits else f"make .venv anew with Python {about['requires-python']}"
    yield Check("Python", "ok" if fits else "wrong", found, todo)
    install = f"{_INSTALL}." if clone else ""
    yield from _packages("packages", about["dependencies"], pins, install, "wrong")
    for extra, names in about["optional-dependencies"].items():
        install = f"{_INSTALL}'.[{extra}]'" if clone else ""
        yield from _packages(f"extra {extra}", names, pins, install, "note")


def _metadata() -> dict[str, Any]:
    """What pyproject.toml says of packages, from the metadata of the installed one."""
    own = metadata.distribution("iepile-pipeline")
    extras: dict[str, list[str]] = {}
    for line in own.requires or []:
        extra = re.search(r"extra == [\"'](.+?)[\"']", line)
        extras.setdefault(extra[1] if extra else "", []).append(line)
    needed, least = extras.pop("", []), own.metadata["Requires-Python"]
    return {"requires-python": least, "dependencies": needed, "optional-dependencies": extras}


def _pins(text: str) -> dict[str, str]:
    lines = (line.partition("==") for line in text.splitlines())
    return {_plain(name): version.strip() for name, found, version in lines if found}


def _plain(requirement: str) -> str:
    """The name of a package in a requirement, as all spellings of it are compared."""
    found = re.match(r"[\w.-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else requirement


def _packages(
    subject: str,
    requirements: Sequence[str],
    pins: dict[str, str],
    install: str,
    lacking: Literal["note", "wrong"],
) -> Iterator[Check]:
    names = [_plain(requirement) for requirement in requirements]
    have = {name: version for name in names if (version := _version(name))}
    # "2.13.0+cpu" is a build of 2.13.0.
    other = [n for n, v in have.items() if n in pins and v.partition("+")[0] != pins[n]]
    if missing := [name for name in names if name not in have]:
        todo = install or f"pip install {' '.join(missing)}"
        yield Check(subject, lacking, f"missing: {', '.join(missing)}", todo)
    if other:
        told = ", ".join(f"{name} {have[name]} (pinned: {pins[name]})" for name in other)
        todo = f"the bytes of the corpus are known for the pinned ones; {install}"
        yield Check(subject, "note", f"other versions than pinned: {told}", todo)
    if right := [f"{name} {have[name]}" for name in have if name not in other]:
        yield Check(subject, "ok", ", ".join(right))


def _version(name: str) -> str | None:
    """The version of a package that is installed and can be found by `import`."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    files = [line.partition(",")[0] for line in (package.read_text("RECORD") or "").splitlines()]
    code = [file for file in files if file.endswith((".py", ".so")) and not file.startswith("..")]
    tops = {file.partition("/")[0].partition(".")[0] for file in code}
    return package.version if not tops or any(map(findable, sorted(tops))) else None


def findable(module: str) -> bool:
    """Whether `import` would find a module; it is not imported."""
    try:
        return module in sys.modules or util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
