"""What an answer asserts: the facts of one label's value, task by task, for the scorer to compare.

    NER  entity     (string)                     RE, SPO  relation  (subject, object)
    EET  trigger    (string)                     KG       attribute (head, attribute, value)
    EE   trigger    (string), argument (role, string)
    EEA  argument   (role, string): its triggers are given, so that they are no finding

The label is the key of the output under which a value stands; it is no part of the fact. An
argument is not tied to its trigger. "NAN", an empty string or list and null stand for nothing.
Values that a model writes loosely are read as they are meant: one string for a list of one, one
object for a list of one, `head` and `tail` for `subject` and `object`, a pair for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.tasks._events import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Task -> what is counted, in the order of the tables.
MEASURES: Final = {
    "NER": ("entity",),
    "RE": ("relation",),
    "SPO": ("relation",),
    "EE": ("trigger", "argument"),
    "EET": ("trigger",),
    "EEA": ("argument",),
    "KG": ("attribute",),
}
#: (number of the measure, its strings); None stands for something that is no fact of the task.
Fact = tuple[int, tuple[str, ...]] | None


def reader(task: str) -> Callable[[Any], Iterator[Fact]]:
    """The function that reads a value of this task."""
    return {
        "NER": _spans,
        "EET": _spans,
        "RE": _pairs,
        "SPO": _pairs,
        "EE": _events,
        "EEA": _arguments_of_events,
        "KG": _attributes,
    }[task]


def _strings(value: Any) -> list[str | None]:
    """The strings of a value that should be a string or a list of strings."""
    if isinstance(value, str):
        return [value] if value and value != NOTHING else []
    found: list[str | None] = []
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            if item and item != NOTHING:
                found.append(item)
        elif isinstance(item, list):
            left += reversed(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            found.append(str(item))
        elif item not in (None, {}):
            found.append(None)
    return found


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value in (None, "", NOTHING, {}) else [value]


def _spans(value: Any) -> Iterator[Fact]:
    for string in _strings(value):
        yield None if string is None else (0, (string,))


def _pairs(value: Any) -> Iterator[Fact]:
    for item in _items(value):
        ends: Any = item
        if isinstance(item, dict):
            ends = (
                item.get("subject", item.get("head")),
                item.get("object", item.get("tail")),
            )
        if not isinstance(ends, list | tuple) or len(ends) != 2:
            yield None
            continue
        named = [_strings(end) for end in ends]
        if len(named[0]) == 1 and len(named[1]) == 1 and named[0][0] and named[1][0]:
            yield (0, (named[0][0], named[1][0]))
        else:
            yield None


def _events(value: Any) -> Iterator[Fact]:
    for event in _items(value):
        if not isinstance(event, dict):
            yield None
            continue
        for trigger in _strings(event.get("trigger")):
            yield None if trigger is None else (0, (trigger,))
        yield from _arguments(event, 1)


def _arguments_of_events(value: Any) -> Iterator[Fact]:
    for event in _items(value):
        yield from _arguments(event, 0) if isinstance(event, dict) else iter((None,))


def _arguments(event: dict[str, Any], measure: int) -> Iterator[Fact]:
    roles = event.get("arguments")
    if not isinstance(roles, dict):
        if _items(roles):
            yield None
        return
    for role, fillers in roles.items():
        for string in _strings(fillers):
            yield None if string is None else (measure, (role, string))


def _attributes(value: Any) -> Iterator[Fact]:
    for heads in _items(value):
        if not isinstance(heads, dict):
            yield None
            continue
        for head, attributes in heads.items():
            if not isinstance(attributes, dict):
                if _items(attributes):
                    yield None
                continue
            for name, values in attributes.items():
                for string in _strings(values):
                    yield None if string is None else (0, (head, name, string))
