"""What an answer asserts: the annotations in one label's value, for the scorer to compare.

    NER  entity     (string)                     RE, SPO  relation  (subject, object)
    EET  trigger    (string)                     KG       attribute (head, attribute, value)
    EE   trigger    (string), argument (role, string)
    EEA  argument   (role, string): its triggers are given, so they do not count

The label is the key of the value in the output, and is not part of the annotation. An argument is
not tied to its trigger. "NAN", an empty string or list and null stand for nothing.

Values that a model writes loosely are read as they are meant: one string for a list of one, one
object for a list of one, an object with a `text` for a string, `head` and `tail` for `subject` and
`object`, a pair for both, a list of {role, argument} for an object of roles, a list as a string of
JSON, and other words for nothing.
"""

import json
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, Final

from pipeline.tasks._events import NOTHING

#: (number of the measure, its strings); None stands for a value that the task does not know.
Annotation = tuple[int, tuple[str, ...]] | None
#: The strings that stand for nothing in the gold.
IN_GOLD: Final = frozenset({"", NOTHING})
#: The strings that models write for nothing; one that the gold holds counts as an answer.
IN_ANSWERS: Final = IN_GOLD | {
    *("NaN", "nan", "Nan", "NA", "N/A", "n/a", "None", "none", "NONE", "null", "Null", "NULL"),
    *("无", "空", "没有"),
}
#: The fields of an object that stands for a string: with offsets, or a role's filler.
_TEXT: Final = ("text", "argument", "value", "entity", "name")


def _flat(value: Any, nothing: Collection[str]) -> Iterator[Any]:
    """The strings, numbers and objects of a value, at any depth of lists, without `nothing`."""
    left = [_decoded(value)]
    if isinstance(left[0], list):
        left = left[0][::-1]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += reversed(item)
        elif isinstance(item, str):
            if item not in nothing:
                yield item
        elif item not in (None, False, {}) and item == item:  # noqa: PLR0124  NaN is not a number
            yield item


def _decoded(value: Any) -> Any:
    """The value, decoded where it is a list or object as a string of JSON."""
    if isinstance(value, str) and value[:1] in ("[", "{") and value[-1:] in ("]", "}"):
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return decoded if isinstance(decoded, list | dict) else value
    return value


def _strings(value: Any, nothing: Collection[str]) -> Iterator[str | None]:
    """The strings of a value that should be a string or a list of strings."""
    for item in _flat(value, nothing):
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            text = next((item[name] for name in _TEXT if isinstance(item.get(name), str)), None)
            yield text
        else:
            yield None if item is True else str(item)


def _nested(
    value: Any, nothing: Collection[str], depth: int, measure: int = 0, keys: tuple[str, ...] = ()
) -> Iterator[Annotation]:
    """The strings in objects of so many levels, behind the keys that lead to them."""
    if not depth:
        for string in _strings(value, nothing):
            yield None if string is None else (measure, (*keys, string))
        return
    for item in _flat(value, nothing):
        if not isinstance(item, dict):
            yield None
            continue
        for key, inner in item.items():
            yield from _nested(inner, nothing, depth - 1, measure, (*keys, key))


def placed(value: Any, nothing: Collection[str]) -> Iterator[tuple[str, str] | None]:
    """The entities of a value with their places, "start:end"; "" where none is given."""
    for item in _flat(value, nothing):
        place = ""
        match item:
            case {"start": int(start), "end": int(end)}:
                place = f"{start}:{end}"
        for string in _strings([item], nothing):
            yield None if string is None and not place else (string or "", place)


def _pairs(value: Any, nothing: Collection[str]) -> Iterator[Annotation]:
    value = _decoded(value)
    for item in value if isinstance(value, list) else [value]:
        ends: Any = item
        if isinstance(item, dict) and item:
            ends = (item.get("subject", item.get("head")), item.get("object", item.get("tail")))
        elif not isinstance(item, list):
            if [*_flat(item, nothing)]:
                yield None
            continue
        strings = [[*_strings(end, nothing)] for end in ends]
        if not any(strings):
            continue
        match strings:
            case [[str(subject)], [str(object_)]]:
                yield (0, (subject, object_))
            case _:
                yield None


def _events(value: Any, nothing: Collection[str], *, triggers: bool) -> Iterator[Annotation]:
    """The triggers of events as measure 0 and their arguments as 1, or the arguments alone as 0."""
    for event in _flat(value, nothing):
        if not isinstance(event, dict):
            yield None
            continue
        if triggers:
            yield from _nested(event.get("trigger"), nothing, 0)
        arguments = _decoded(event.get("arguments"))
        if isinstance(arguments, list):
            arguments = [*map(_role, _flat(arguments, nothing))]
        yield from _nested(arguments, nothing, 1, int(triggers))


def _role(item: Any) -> Any:
    """An item of a list of arguments as an object of roles."""
    if not isinstance(item, dict) or not isinstance(item.get("role"), str):
        return item
    return {item["role"]: next((item[name] for name in _TEXT if name in item), None)}


#: Task -> the function that reads a value, given the strings that stand for nothing.
READERS: Final[dict[str, Callable[[Any, Collection[str]], Iterator[Annotation]]]] = {
    "NER": partial(_nested, depth=0),
    "EET": partial(_nested, depth=0),
    "RE": _pairs,
    "SPO": _pairs,
    "EE": partial(_events, triggers=True),
    "EEA": partial(_events, triggers=False),
    "KG": partial(_nested, depth=2),
}
