"""Digests of code, of a stage's modules and all that they import, and versions of packages.

Comments, docstrings and formatting do not count. The imports are read from the source, because a
list kept by hand would go out of date.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import xxhash

PACKAGE: Final = Path(__file__).parent.parent
_PREFIX: Final = f"{PACKAGE}{os.sep}"
#: Fields of the syntax tree that change nothing: type comments, a `u` before a string, and whether
#: a name is read or set, which follows from where it stands.
_IGNORED: Final = frozenset({"type_comment", "type_ignores", "kind", "ctx"})
_WITH_DOCSTRING: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


#: Packages whose modules have other names than they.
_NAMED_OTHERWISE: Final = {"faiss": "faiss-cpu", "ruamel": "ruamel.yaml", "sklearn": "scikit-learn"}


def digest(files: Iterable[Path]) -> str:
    """Return one digest of these files."""
    digests = {name(path): _read(path, _version(path))[0] for path in files}
    lines = "".join(f"{digests[file]}  {file}\n" for file in sorted(digests))
    return xxhash.xxh3_128_hexdigest(lines.encode())


def reached(start: Iterable[Path], silent: Iterable[str] = ()) -> set[Path]:
    """Return these files and the modules of this package that they import, directly or not.

    `silent` names modules that change no result, such as "errors" or "execution/engines".
    """
    skipped, files, waiting = {*silent}, set[Path](), [*start]
    while waiting:
        path = waiting.pop()
        if path not in files and _module(path) not in skipped:
            files.add(path)
            waiting += _read(path, _version(path))[1]
    return files


def versions(files: Iterable[Path]) -> dict[str, str]:
    """Return the versions of Python and of the packages that these files import.

    Of Python, the second number counts: with it, what Unicode says of a character may change.
    """
    modules = {module for path in files for module in _read(path, _version(path))[2]}
    packages = {_NAMED_OTHERWISE.get(module, module) for module in modules}
    python = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    return python | {name: number for name in sorted(packages) if (number := _installed(name))}


@cache
def _installed(package: str) -> str:
    """Return the version of a package without that of its build; "" if it is not installed."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""


def name(path: Path) -> str:
    """Return a file's path inside the package, the same on every machine."""
    inside = str(path).removeprefix(_PREFIX)
    return Path(inside).as_posix() if inside != str(path) else path.name


def _module(path: Path) -> str:
    """Return the name of a module, such as `text` or `clean/rules`; of a package, its folder."""
    return name(path.parent if path.name == "__init__.py" else path.with_suffix(""))


def _version(path: Path) -> tuple[int, int, int]:
    """Return what changes with every write, so that each file is parsed once per edit."""
    stat = path.stat()
    return stat.st_ino, stat.st_ctime_ns, stat.st_size


@cache
def _read(path: Path, written: tuple[int, int, int]) -> tuple[str, list[Path], set[str]]:
    """Return the digest of a file, the files of this package it imports, and others' modules."""
    del written
    content = path.read_bytes()
    if path.suffix != ".py":
        return xxhash.xxh3_128_hexdigest(content), [], set()
    words: list[str] = []
    imports: list[ast.Import | ast.ImportFrom] = []
    _walk(ast.parse(content), words, imports)
    digest = xxhash.xxh3_128_hexdigest("\n".join(words).encode("utf-8", "surrogatepass"))
    modules = {
        name.partition(".")[0]
        for node in imports
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
        if name
    }
    files = [file for node in imports if isinstance(node, ast.ImportFrom) for file in _files(node)]
    return digest, files, modules - {PACKAGE.name, *sys.stdlib_module_names}


def _walk(node: ast.AST, words: list[str], imports: list[ast.Import | ast.ImportFrom]) -> None:
    """Collect the words of a syntax tree, the same in every version of Python, and its imports."""
    kind = type(node)
    if kind in (ast.Import, ast.ImportFrom):
        imports.append(node)  # type: ignore[arg-type]
    elif kind is ast.If and getattr(node.test, "id", "") == "TYPE_CHECKING":  # type: ignore[attr-defined]
        return
    words.append(kind.__name__)
    for field in kind._fields:
        if field in _IGNORED or (value := getattr(node, field, None)) is None or value == []:
            continue
        words.append(field)
        parts = value if isinstance(value, list) else [value]
        docstring = field == "body" and kind in _WITH_DOCSTRING and _is_text(parts[0])
        for part in parts[docstring:]:
            if isinstance(part, ast.AST):
                _walk(part, words, imports)
            else:
                words.append(repr(part))
    words.append("/")


def _is_text(statement: ast.AST) -> bool:
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(getattr(value, "value", None), str)


def _files(node: ast.ImportFrom) -> Iterator[Path]:
    """Yield the files of this package that `from ... import ...` runs."""
    first, *rest = (node.module or "").split(".")
    if first == PACKAGE.name:
        module = PACKAGE.joinpath(*rest)
        for place in (module, *(module / alias.name for alias in node.names)):
            yield from (p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file())
