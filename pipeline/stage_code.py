"""What the output of a stage follows from, besides its input: its code, its words, its parameters.

`iepile code` writes that into `output/code/<stage>`, for DVC to run again what has changed and
nothing else. The code is what the module of the stage imports, directly or not, found in the source
and not listed by hand: a list would be forgotten.
"""

from __future__ import annotations

import ast
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline import raw_files, shards

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.config import Settings

_HERE: Final = Path(__file__).parent
#: Modules that say how work is done, or what went wrong, and change no byte of a result; what
#: `config` reads stands in the file itself.
_SILENT: Final = frozenset(
    {"atomic", "cluster", "config", "engines", "errors", "light", "ownership", "terminal"}
)
#: Stage -> files that are read or imported by name.
_NAMED: Final = {
    "normalize": ("catalog/splits/*.txt",),
    "clean": ("cleaning/stop_words/*.txt",),
    "dedupe": (),
    "negatives": ("tasks/*.py",),
    "instruct": ("tasks/*.py", "corpus/templates.toml", "dictionary/interchange.py"),
    "publish": (),
    "report": ("tasks/*.py", "audit/page/*"),
}
STAGES: Final = tuple(_NAMED)
_EACH: Final = ("normalize", "clean", "instruct")


def write(settings: Settings, out: Path) -> None:
    """Write `out/<stage>` for every stage: a line per file of code, then the parameters as YAML.

    What a reader is made of is in `out/readers/<reader>`: a change reruns its own datasets only.
    """
    for path in _matching(["readers/[!_]*.py"]):
        shards.write_text(_lines(_digests(_reached([path]))), out / "readers" / path.stem)
    parameters = msgspec.to_builtins(settings)
    for stage in STAGES:
        # The stages over all datasets depend on which there are; the card names all parameters.
        own = {stage, "no_relation_label", *(() if stage in _EACH else ("datasets",))}
        told = parameters if stage == "publish" else own
        chosen = {name: value for name, value in parameters.items() if name in told}
        lines = _lines(code(stage))
        if stage == "publish":
            lines += f"{version()}  all code of the corpus, which its card names\n"
        shards.write_text(lines + msgspec.yaml.encode(chosen).decode(), out / stage)


def code(*stages: str) -> dict[str, str]:
    """The files that stages follow from, relative to the project, each with its sha256."""
    paths = [_HERE / "run.py", *(_HERE / "stages" / f"{stage}.py" for stage in stages)]
    return _digests(
        _reached([*paths, *_matching(pattern for stage in stages for pattern in _NAMED[stage])])
    )


def _reached(waiting: list[Path]) -> set[Path]:
    """These files and those that they import, directly or not."""
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found or _module(path) in _SILENT:
            continue
        found.add(path)
        # `run` calls every stage: what it imports is no concern of this one.
        if path.suffix == ".py" and path.name != "run.py":
            waiting += _imported(path)
    return found


def version() -> str:
    """The sha256 over the code and the declarations that the bytes of a corpus follow from."""
    before = (stage for stage in STAGES if stage != "report")
    files = code(*before) | _digests(_matching(["readers/*.py", "catalog/*.toml"]))
    users = (path for folder in raw_files.catalogs()[1:] for path in folder.glob("*.toml"))
    return _over(files | {f"catalog/{path.name}": raw_files.digest(path) for path in users})


def package() -> str:
    """The sha256 over the package and its words: what the machines of a cluster must have alike."""
    return _over(_digests(_matching(["**/*.py", "**/*.toml", "**/*.txt"])))


def _matching(patterns: Iterable[str]) -> list[Path]:
    return [path for pattern in patterns for path in _HERE.glob(pattern) if path.is_file()]


def _digests(paths: Iterable[Path]) -> dict[str, str]:
    return {
        Path(os.path.relpath(path, _HERE.parent)).as_posix(): raw_files.digest(path)
        for path in sorted(paths)
    }


def _over(files: dict[str, str]) -> str:
    return hashlib.sha256(_lines(dict(sorted(files.items()))).encode()).hexdigest()


def _lines(files: dict[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in files.items())


def _module(path: Path) -> str:
    """`text`, `terminal` (a package by its folder), `cleaning/rules`."""
    inside = path.parent if path.name == "__init__.py" else path.with_suffix("")
    return Path(os.path.relpath(inside, _HERE)).as_posix()


def _imported(path: Path) -> Iterator[Path]:
    """The files of this package that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pipeline":
            module = _HERE.joinpath(*(node.module or "").split(".")[1:])
            for place in (module, *(module / alias.name for alias in node.names)):
                yield from (
                    p for p in (place.with_suffix(".py"), place / "__init__.py") if p.exists()
                )
