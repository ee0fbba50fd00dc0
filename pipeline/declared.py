"""Read what users declare, TOML and YAML, as typed values; errors name file and likely slip.

TOML refuses a key that stands twice; YAML takes the last, silently, so that is refused here.
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.errors import DeclarationError, explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_UNKNOWN: Final = re.compile(r"unknown field `(.*?)`", re.DOTALL)
_DEEPEST: Final = 100
_DEEP: Final = "values are nested too deeply"
_TODO: Final = "correct the file"


def toml(path: Path, kind: Any) -> Any:
    """The content of a TOML file as `kind`."""
    try:
        content = tomllib.loads(_text(path))
    except (ValueError, RecursionError) as problem:
        raise _wrong(problem, path) from None
    return _typed(content, kind, path)


def yaml(path: Path, kind: Any, todo: str = _TODO) -> Any:
    """The content of a YAML file as `kind`; an empty file is one that sets nothing."""
    import yaml as library

    class Loader(getattr(library, "CSafeLoader", library.SafeLoader)):  # type: ignore[misc]
        pass

    def mapping(loader: Any, node: Any) -> Any:
        keys = [key.value for key, _ in node.value if isinstance(key, library.ScalarNode)]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            line = node.start_mark.line + 1
            what = f"the key {twice!r} stands twice in the mapping of line {line}"
            raise DeclarationError(what, where=path, todo="keep one of them")
        return library.SafeLoader.construct_yaml_map(loader, node)

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    text, depth = _text(path), 0
    try:
        # The C loader would recurse until the stack ends; its events come one after the other.
        for event in library.parse(text, Loader):
            depth += isinstance(event, library.CollectionStartEvent)
            depth -= isinstance(event, library.CollectionEndEvent)
            if depth > _DEEPEST:
                break
        if depth > _DEEPEST:
            raise DeclarationError(_DEEP, where=path, todo=todo)
        content = library.load(text, Loader)  # noqa: S506 - it is a safe loader
    except (library.YAMLError, ValueError, RecursionError) as problem:
        raise _wrong(problem, path, todo=todo) from None
    return _typed({} if content is None else content, kind, path, todo)


def meant(word: object, known: Iterable[str]) -> str:
    """What a misspelled word stands for, to be put behind it: ", did you mean 'x'?", or nothing."""
    close = get_close_matches(str(word), [*known], 1)
    return f", did you mean {close[0]!r}?" if close else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        raise explained(problem, path) or DeclarationError(
            f"cannot read: {problem.strerror}", where=path, todo="check the path"
        ) from None
    except UnicodeDecodeError as problem:
        raise DeclarationError(
            f"byte {problem.start} is no UTF-8", where=path, todo="save the file as UTF-8"
        ) from None


def _typed(content: Any, kind: Any, path: Path, todo: str = _TODO) -> Any:
    try:
        return msgspec.convert(content, kind)
    except (msgspec.ValidationError, RecursionError) as problem:
        found = _UNKNOWN.search(str(problem))
        hint = meant(found[1], _fields(msgspec.inspect.type_info(kind))) if found else ""
        raise _wrong(problem, path, hint, todo) from None


def _wrong(problem: Exception, path: Path, hint: str = "", todo: str = _TODO) -> DeclarationError:
    told = _DEEP if isinstance(problem, RecursionError) else f"{problem}{hint}"
    return DeclarationError(told, where=path, todo=todo)


def _fields(kind: Any) -> Iterator[str]:
    """The names of all fields of a type, and of the types in it."""
    for field in getattr(kind, "fields", ()):
        yield field.encode_name
        yield from _fields(field.type)
    for inner in (*getattr(kind, "types", ()), getattr(kind, "value_type", None)):
        yield from _fields(inner) if inner is not None else ()
    if (item := getattr(kind, "item_type", None)) is not None:
        yield from _fields(item)
