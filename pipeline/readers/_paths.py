"""Paths: where something stands in a row of JSON, written as people write it.

    "label"             a field                "data.text"   a field in a field
    0                   a place in a list      "pos.0"       a place in the list of a field
    -1                  the last place         "1:"          the list without its first item
    "events.*.mention"  the lists `mention` of all events
    "labels.**"         the lists that are the values of an object, or the values that are no lists
    "^type"             the field `type` of what holds the item: of the event, for its mentions
    "^#"                the key or place by which it is held; "^^#" is that of the holder's holder
    ""                  the row itself

A path to a list may end in an object of lists of one length, as Hugging Face writes lists of
objects, or in one object in the place of a list of one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path as File
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.records import Record, Reject
from pipeline.text import some

#: The files of one split, or folders of them.
Files = Sequence[File]
#: (origin, raw row) of each row, or (origin, row as a layout has it).
Rows = Iterator[tuple[str, Any]]
Found = Iterator[Record | Reject]


class Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of `[reader]`: an unknown key in it is an error."""


class Joined(Table, frozen=True):
    """The options of a reader that joins tokens, or pieces of a mention, as their language does."""

    language: str


Path = str | int
Steps = tuple[str | int, ...]
#: (key, value) of each thing that holds an item, the innermost last.
Trail = tuple[tuple[Any, Any], ...]
EACH: Final = "*"
VALUES: Final = "**"
REST: Final = "1:"
_SHOWN: Final = 12
_NOTHING: Final = object()


class RowError(ValueError):
    """A row is not as the declared format has it. The message is for users."""

    def __init__(self, words: str, reason: str = "malformed_record") -> None:
        super().__init__(words)
        self.reason = reason


class Item(NamedTuple):
    """A value in a row, and what it stands in."""

    value: Any
    trail: Trail = ()


def steps(path: Path) -> Steps:
    """The steps of a path."""
    parts = str(path).split(".") if path != "" else []
    return tuple(int(part) if part.removeprefix("-").isdigit() else part for part in parts)


def finder(path: Path, *, required: bool = True) -> Callable[[Item], Any]:
    """What finds the value at a path; with `*` in it, a list of all values.

    Where there is none: `RowError`, or None if not required.
    """
    rest = str(path).lstrip("^")
    up = len(str(path)) - len(rest)
    if rest == "#":
        return lambda item: item.trail[-up][0]
    path_steps = steps(rest)
    if EACH in path_steps:
        return lambda item: [value for value, _ in _walked(item.value, item.trail, path_steps)]

    def find(item: Item) -> Any:
        value = item.trail[-up][1] if up else item.value
        for step in path_steps:
            if type(value) is dict and step in value:  # It nearly always is.
                value = value[step]
            elif (inner := _inside(value, step)) is not _NOTHING:
                value = inner
            elif required or not isinstance(value, dict | list | None):
                raise RowError(lacking(value, step))
            else:
                return None
        return value

    return find


def _inside(value: Any, step: str | int) -> Any:
    """A part of a value; `_NOTHING` where there is none."""
    if isinstance(value, dict):
        return value.get(step, value.get(str(step), _NOTHING))
    if isinstance(value, list):
        if step == REST:
            return value[1:]
        if isinstance(step, int) and -len(value) <= step < len(value):
            return value[step]
    return _NOTHING


def lacking(value: Any, step: str | int) -> str:
    """Return the message about a part that a value does not have."""
    if isinstance(value, dict):
        return f"no field {step!r}; there are {some([*map(repr, value)], _SHOWN) or 'none'}"
    if isinstance(value, list):
        return f"no part {step!r} in a list of {len(value)}"
    return f"no part {step!r} in {value!r:.60}"


def lister(path: Path) -> Callable[[Item], list[Item] | None]:
    """What finds the items of the list at a path; None where the list is missing or null.

    At "" it is the row itself that is the one item.
    """
    if path == "":
        return lambda item: [item]
    path_steps = steps(path)
    through = [number for number, step in enumerate(path_steps) if step in (EACH, VALUES)]
    bare = path_steps[: through[0]] if through else path_steps
    first, after = finder(".".join(map(str, bare)), required=False), path_steps[len(bare) :]

    def items(item: Item) -> list[Item] | None:
        value = first(item)
        if value is None:
            return None
        places = _walked(value, item.trail, after)
        keyed = after[-1:] == (VALUES,) != path_steps
        return [
            Item(part, trail)
            for inner, trail in places
            for part in ([inner] if keyed and not isinstance(inner, list) else listed(inner))
        ]

    return items


def _walked(value: Any, trail: Trail, path_steps: Steps) -> Iterator[tuple[Any, Trail]]:
    for number, step in enumerate(path_steps):
        if step in (EACH, VALUES):
            if not isinstance(value, list if step == EACH else dict):
                kind = "list" if step == EACH else "object"
                raise RowError(f"no {kind}: {value!r:.60}")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                yield from _walked(inner, (*trail, (key, inner)), path_steps[number + 1 :])
            return
        if (inner := _inside(value, step)) is _NOTHING:
            raise RowError(lacking(value, step))
        value = inner
    yield value, trail


def listed(value: Any) -> list[Any]:
    """The items of a list, of an object of lists, or of one object in a list's place."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise RowError(f"no list: {value!r:.60}")
    columns = list(value.values())
    if columns and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            raise RowError(f"lists of different lengths: {', '.join(map(repr, value))}")
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    return [value]


def unread(values: Iterable[Any], paths: Iterable[Steps]) -> Counter[str]:
    """Field that no path leads to -> in how many places of the values it is not empty."""
    read = _tree([*paths])
    return Counter(name for value in values for name in _others(value, read))


def _others(value: Any, read: dict[Any, Any], name: str = "") -> Iterator[str]:
    """The names of all non-empty fields of a value that are not read.

    `read` is a tree of steps (see `_tree`); a branch without further steps is read whole.
    """
    of_keys = isinstance(value, dict)
    if of_keys and [*read] == [EACH]:
        read = read[EACH]  # An object in the place of a list, or an object of lists.
    if not read or not isinstance(value, dict | list):
        return
    inner = read.get(VALUES if of_keys else EACH)
    # Items and values of one list or object have its name.
    new_name = of_keys and (inner is None or not name)
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        place = f"{name}.{key}" if name else str(key)
        if (branch := read.get(key, inner)) is not None:
            yield from _others(part, branch, place if new_name else name)
        elif part not in (None, "", [], {}):
            yield place


def _tree(paths: list[Steps]) -> dict[Any, Any]:
    """Paths as a tree of steps. Where one path ends, all that follows is read."""
    root: dict[Any, Any] = {}
    whole = {*paths}
    for path in paths:
        if any(path[:n] in whole for n in range(len(path))):
            continue
        branch = root
        for step in path:
            branch = branch.setdefault(step, {})
    return root
