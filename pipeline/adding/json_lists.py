"""Find lists and fields in rows of JSON, at any depth, for `json_shape` to judge."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

_TABLES: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("field_names.toml").read_text(encoding="utf-8")
)
#: Field that says whether a row is approved -> the values that say so.
APPROVED: Final[dict[str, list[str]]] = _TABLES.pop("approved")
#: Split -> the words for it in the names of files and folders.
SPLITS: Final[dict[str, list[str]]] = _TABLES.pop("splits")
#: What a field holds -> what it is called, the likeliest name first.
FIELDS: Final[dict[str, list[str]]] = _TABLES


_DEEPEST: Final = 3


class Items:
    """The lists at one path of all rows: each item as (text or tokens of its row, item).

    The fields of the items are told apart by what they hold over all items.
    """

    def __init__(self, path: str, items: list[tuple[Any, Any]]) -> None:
        self.path, self.items = path, items
        #: Fields of strings of the text; then, as labels, of other strings, or of lists of them.
        self.strings: list[str] = []
        self.labels: list[str] = []
        self.numbers: list[str] = []
        #: Fields of strings or numbers.
        self.ids: list[str] = []
        #: Fields of lists of lists, which may be starts and ends.
        self.pieces: list[str] = []
        values: dict[str, list[tuple[Any, Any]]] = {}
        for text, item in items:
            for field, value in leaves(item):
                if value is not item:
                    values.setdefault(field, []).append((text, value))
        # Thousands of items may share the words of one document: they are joined once.
        shared = {id(text): text for text, _ in items}
        words = {key: _words(text) for key, text in shared.items()}
        for field, pairs in values.items():
            kept = [(text, v) for text, v in pairs if v is not None]
            if len(kept) * 2 < len(items) and len(kept) < 5:
                continue
            if all(type(v) is int for _, v in kept):
                self.numbers.append(field)
                self.ids.append(field)
            elif all(isinstance(v, str) for _, v in kept):
                self.ids.append(field)
                standing = sum(v != "" and v in words[id(text)] for text, v in kept)
                (self.strings if standing * 2 > len(kept) else self.labels).append(field)
            elif all(v and are_strings(v) for _, v in kept):
                self.labels.append(field)
            elif all(isinstance(v, list) and v and isinstance(v[0], list) for _, v in kept):
                self.pieces.append(field)

    def values(self, path: str) -> list[Any]:
        """Return the value at a path of every item, None where there is none."""
        return [value_at(item, path) for _, item in self.items]


def _words(text: Any) -> str:
    """Return a text, or its tokens as one string; "" for anything else."""
    return " ".join(text) if are_strings(text) else text if isinstance(text, str) else ""


def are_strings(value: Any) -> bool:
    """Whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def leaves(value: Any, path: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) for all but objects below a value; short lists also item by item.

    An object in a list is one of several, and none of its fields is a field of the value.
    """
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            if _is_field(key) and not (path and _numbered(value)):
                yield from leaves(inner, _joined(path, key), depth - 1)
        return
    yield path, value
    if isinstance(value, list) and 0 < len(value) <= 8 and depth:
        for place, inner in enumerate(value):
            if not isinstance(inner, list | dict):
                yield _joined(path, place), inner


def documents(value: Any, path: str = "", depth: int = 2) -> Iterator[tuple[str, list[Any]]]:
    """Yield (path, rows): lists of objects in a document, or objects of objects with equal keys."""
    inner = [*value.values()] if isinstance(value, dict) else value
    if isinstance(inner, list) and len(inner) > 1 and all(isinstance(v, dict) for v in inner):
        if isinstance(value, list):
            yield path, inner
        elif len({frozenset(row) for row in inner}) == 1:
            yield _joined(path, "**"), inner
    for key, part in value.items() if isinstance(value, dict) and depth else ():
        if "." not in str(key):
            yield from documents(part, _joined(path, key), depth - 1)


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) for all below a value, at any depth; items get their list's path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, _joined(path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from fields(item, path)
    else:
        yield path, value


def value_at(row: Any, path: str) -> Any:
    """Return the value at a path of names and indexes, or None."""
    for step in path.split(".") if path else ():
        if isinstance(row, dict):
            row = row.get(step)
        elif isinstance(row, list) and step.isdigit() and int(step) < len(row):
            row = row[int(step)]
        else:
            return None
    return row


def lists(rows: Sequence[Any], text: str, *, tokens: bool) -> Iterator[Items]:
    """Yield every list of objects or lists in the rows, each item with the text of its row."""
    items_of_path: dict[str, list[tuple[Any, Any]]] = {}
    for row in rows:
        words = value_at(row, text)
        if tokens and isinstance(words, list) and words and isinstance(words[0], list):
            words = [token for sentence in words for token in sentence]
        for path, values in _inside(row):
            items_of_path.setdefault(path, []).extend((words, item) for item in values)
    for path, items in items_of_path.items():
        if items:
            yield Items(path, items)


def _inside(value: Any, path: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, list[Any]]]:
    """Yield (path, list) for every list of objects or lists below a value."""
    if isinstance(value, dict) and depth:
        if path:
            yield from _turned(value, path)
        for key, inner in value.items():
            if _is_field(key):
                yield from _inside(inner, _joined(path, key), depth - 1)
    elif isinstance(value, list):
        objects = all(isinstance(item, dict) for item in value)
        if objects and any(
            str(key).lower() in FIELDS["annotator"] for item in value for key in item
        ):
            return  # Annotations of one text by several users are not one annotation.
        if value and all(isinstance(item, dict | list) for item in value):
            yield path, value
        for place, item in enumerate(value if objects or depth else ()):
            if not isinstance(item, dict):
                # In a list of mixed values, the path of an object ends in its index.
                continue
            if not objects:
                yield from _inside(item, _joined(path, place), depth - 1)
            for key, inner in item.items() if objects else ():
                if isinstance(inner, list):
                    yield from _inside(inner, f"{path}.*.{key}", depth - 1)


def _turned(value: dict[Any, Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield lists made from objects: columns of equal length, label -> string -> places, others.

    In any other object the key of an item is its id, its label, or its string.
    """
    columns = [*value.values()]
    parts = [
        (key, part)
        for key, inner in value.items()
        for part in (inner if isinstance(inner, list) else [inner])
    ]
    yield f"{path}.**", [{"^#": str(key), **_by_name(part)} for key, part in parts]
    if columns and all(isinstance(column, list) for column in columns):
        plain = not any(isinstance(cell, dict) for column in columns for cell in column)
        if plain and len({len(column) for column in columns}) == 1:
            rows = zip(*columns, strict=True)
            yield path, [dict(zip(value, row, strict=True)) for row in rows]
    elif columns and all(isinstance(column, dict) for column in columns):
        spans = [
            {"0": place[0], "1": place[1], "^#": string, "^^#": label}
            for label, strings in value.items()
            for string, places in strings.items()
            for place in (places if isinstance(places, list) else ())
            if isinstance(place, list) and len(place) == 2
        ]
        yield f"{path}.**.**", spans


def _by_name(part: Any) -> dict[str, Any]:
    if isinstance(part, list):
        return {str(place): value for place, value in enumerate(part)}
    return part if isinstance(part, dict) else {"": part}


def _numbered(value: dict[Any, Any]) -> bool:
    """Whether the keys of an object are ids of the objects that it holds, such as T1 and T2."""
    sides = {*FIELDS["head"], *FIELDS["tail"]}
    ids = (str(key)[-1:].isdigit() and str(key).lower() not in sides for key in value)
    return all(isinstance(part, dict) for part in value.values()) and all(ids)


def _is_field(key: Any) -> bool:
    """Whether a path can name this field; fields that hold predictions do not count."""
    name = str(key).lower()
    return not ("." in name or name in FIELDS["predicted"] or name.startswith("predict"))


def _joined(path: str, step: Any) -> str:
    return f"{path}.{step}" if path else str(step)
