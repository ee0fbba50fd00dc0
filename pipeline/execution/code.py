"""Digests of code, of a stage's modules and all that they import, and versions of packages.

Comments, docstrings and formatting do not count. The imports are read from the source, because a
list kept by hand would go out of date.
"""

import ast
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

import msgspec
import xxhash

PACKAGE: Final = Path(__file__).parent.parent
_PREFIX: Final = f"{PACKAGE}{os.sep}"
#: With other code here, a module may be parsed to something else.
_THIS: Final = Path(__file__).read_bytes()
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
    digest, imports = _parsed(content, Path(f"{cache_from_source(str(path))}.digest"))
    files = [file for module, names in imports for file in _files(module, names)]
    modules = {module.partition(".")[0] for module, _ in imports if module}
    return digest, files, modules - {PACKAGE.name, *sys.stdlib_module_names}


def _parsed(content: bytes, kept: Path) -> tuple[str, list[tuple[str, list[str]]]]:
    """Return the digest of a module's code, and its imports: modules, and the names from them.

    Parsing takes 0.3 s per stage, so the result is kept beside Python's own byte code, with the
    digest of what it was parsed from.
    """
    source = xxhash.xxh3_128_hexdigest(content + _THIS)
    try:
        known = msgspec.json.decode(kept.read_bytes(), type=_Parsed)
        if known.source == source:
            return known.digest, known.imports
    except (OSError, msgspec.DecodeError):
        pass
    code = _Code()
    tree = ast.dump(code.visit(ast.parse(content)))
    digest, imports = xxhash.xxh3_128_hexdigest(tree.encode()), code.imports
    if not sys.dont_write_bytecode:
        partial = kept.with_suffix(f".{os.getpid()}")
        with suppress(OSError):  # in a folder that is read-only, each process parses
            partial.write_bytes(msgspec.json.encode(_Parsed(source, digest, imports)))
            partial.replace(kept)
    return digest, imports


class _Parsed(msgspec.Struct):
    """What is kept of a parsed module."""

    source: str
    digest: str
    imports: list[tuple[str, list[str]]]


class _Code(ast.NodeTransformer):
    """Removes docstrings, and what is for type checkers alone; notes imports."""

    def __init__(self) -> None:
        self.imports: list[tuple[str, list[str]]] = []

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if getattr(node.test, "id", "") == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST:
        self.imports += [(alias.name, []) for alias in node.names]
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        self.imports.append((node.module or "", [alias.name for alias in node.names]))
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        return super().generic_visit(node)


def _files(module: str, names: Sequence[str]) -> Iterator[Path]:
    """Yield the files of this package that `from module import names` runs."""
    first, *rest = module.split(".")
    if first == PACKAGE.name and names:
        place = PACKAGE.joinpath(*rest)
        for path in (place, *(place / name for name in names)):
            yield from (p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file())
