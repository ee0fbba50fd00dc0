"""Digests of code: what a stage's modules import, without comments, docstrings and formatting.

The modules are found in the source and not listed by hand: a list would be forgotten.
"""

from __future__ import annotations

import ast
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE: Final = Path(__file__).parent.parent
_PREFIX: Final = f"{PACKAGE}{os.sep}"
#: Type comments, and `u` before a string.
_OF_TYPES: Final = ("type_comment", "type_ignores", "kind")
_DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def digest(start: Iterable[Path], silent: Iterable[str] = ()) -> str:
    """One digest over these files and the modules of this package that they import.

    `silent` names modules, such as "errors" or "execution/engines", that change no result.
    """
    files = {name(path): _read(path, _version(path))[0] for path in reached(start, silent)}
    lines = "".join(f"{own}  {file}\n" for file, own in sorted(files.items()))
    return xxhash.xxh3_128_hexdigest(lines.encode())


def reached(start: Iterable[Path], silent: Iterable[str] = ()) -> set[Path]:
    """These files and the modules of this package that they import, directly or not."""
    quiet, found, waiting = {*silent}, set[Path](), [*start]
    while waiting:
        path = waiting.pop()
        if path not in found and _module(path) not in quiet:
            found.add(path)
            waiting += _read(path, _version(path))[1]
    return found


def name(path: Path) -> str:
    """A file's path inside the package, the same on every machine."""
    inside = str(path).removeprefix(_PREFIX)
    return Path(inside).as_posix() if inside != str(path) else path.name


def _module(path: Path) -> str:
    """`text`, `terminal` (a package by its folder), `clean/rules`."""
    return name(path.parent if path.name == "__init__.py" else path.with_suffix(""))


def _version(path: Path) -> tuple[int, int, int]:
    """What changes whenever a file is written, so that it is parsed once and no edit is missed."""
    stat = path.stat()
    return stat.st_ino, stat.st_ctime_ns, stat.st_size


@cache
def _read(path: Path, version: tuple[int, int, int]) -> tuple[str, list[Path]]:
    """The digest of what a file says, and the files of this package that it imports."""
    del version
    content = path.read_bytes()
    if path.suffix != ".py":
        return xxhash.xxh3_128_hexdigest(content), []
    said: list[str] = []
    imports: list[ast.ImportFrom] = []
    _walk(ast.parse(content), said, imports)
    digest = xxhash.xxh3_128_hexdigest("\n".join(said).encode("utf-8", "surrogatepass"))
    return digest, [file for node in imports for file in _files(node)]


def _walk(node: ast.AST, said: list[str], imports: list[ast.ImportFrom]) -> None:
    """Tell what a piece of code says, the same in every version of Python; collect its imports."""
    kind = type(node)
    if kind is ast.ImportFrom:
        imports.append(node)  # type: ignore[arg-type]
    elif kind is ast.If and getattr(node.test, "id", "") == "TYPE_CHECKING":  # type: ignore[attr-defined]
        return
    said.append(kind.__name__)
    for field in kind._fields:
        value = getattr(node, field, None)
        if value is None or value == [] or field in _OF_TYPES:
            continue
        said.append(field)
        if isinstance(value, list):
            documented = field == "body" and kind in _DOCUMENTED and _is_text(value[0])
            for part in value[documented:]:
                _walk(part, said, imports) if isinstance(part, ast.AST) else said.append(repr(part))
        elif isinstance(value, ast.AST):
            _walk(value, said, imports)
        else:
            said.append(repr(value))
    said.append("/")


def _is_text(statement: ast.AST) -> bool:
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(getattr(value, "value", None), str)


def _files(node: ast.ImportFrom) -> Iterator[Path]:
    """The files of this package that `from ... import ...` runs."""
    first, *rest = (node.module or "").split(".")
    if first == PACKAGE.name:
        module = PACKAGE.joinpath(*rest)
        for place in (module, *(module / alias.name for alias in node.names)):
            yield from (p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file())
