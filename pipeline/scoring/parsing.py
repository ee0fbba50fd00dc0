r"""What a language model wrote, read as the JSON object that it was asked for.

`parse` is robust to what models add or get wrong: thoughts before the answer, a Markdown fence,
prose around the object, single quotes, trailing commas, Python's None, repeated keys (their values
are put together). What is cut off in the middle is no object: it is not guessed how it would end.

    parse('Sure: ```json\n{"person": ["Ada"]}\n``` Done.')     {"person": ["Ada"]}
    parse("{'person': ['O'Neil', "Ada"],}")                  {"person": ["O'Neil", "Ada"]}
    parse('{"person": ["Ada"], "person": ["Bo"]}')               {"person": ["Ada", "Bo"]}
"""

from __future__ import annotations

import json
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

#: Braces of prose before the answer that are tried before a text counts as unreadable.
_TRIES: Final = 20
_BLANKS: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"[^\s,:\[\]{}'\"]+")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_CONSTANTS: Final = {"null": None, "None": None, "true": True, "True": True}
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Parsed(NamedTuple):
    """The object, and whether the text was that object and nothing else."""

    value: dict[str, Any]
    strict: bool


def parse(text: str | None, keys: Collection[str] = ()) -> Parsed | None:
    """The object that a text holds, or None where it holds none.

    The first object that is empty or has one of `keys` counts: a model may repeat the question.
    Without such a one, the first that the text begins with; not a part of a broken answer.
    """
    if not text:
        return None
    try:
        value = _STRICT.decode(text)
        if isinstance(value, dict):
            return Parsed(value, strict=True)
    except (ValueError, RecursionError):
        pass
    text = text.rpartition("</think>")[2]
    start = text.find("{")
    first = None
    for number in range(_TRIES):
        if start < 0:
            break
        value, stop = _object(text, start)
        if value is not None and (not value or any(k in keys for k in value)):
            return Parsed(value, strict=False)
        if not number and value is not None:
            first = Parsed(value, strict=False)
        start = text.find("{", max(stop, start + 1))
    return first


def _object(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """(The object that begins at `start` or None, where reading it came to an end)."""
    try:
        value, stop = _STRICT.raw_decode(text, start)
    except (ValueError, RecursionError):
        try:
            value, stop = _lenient(text, start)
        except _BrokenError as problem:
            return None, problem.place
        except (ValueError, RecursionError):  # ValueError: a number of thousands of digits
            return None, len(text)
    return value, stop


def merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its pairs; the values of a repeated key are put together."""
    out = dict(pairs)
    if len(out) == len(pairs):
        return out
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {key: _together(own) for key, own in values.items()}


def _together(values: list[Any]) -> Any:
    """The values of one key: objects become one object, anything else one list.

    All at once, not one after the other: a model that loops repeats a key thousands of times.
    """
    objects = [*takewhile(lambda value: isinstance(value, dict), values)]
    if len(objects) > 1:
        values = [merged([p for o in objects for p in o.items()]), *values[len(objects) :]]
    if len(values) == 1:
        return values[0]
    lists = (v if isinstance(v, list) else [] if v in (None, "", {}) else [v] for v in values)
    return [item for own in lists for item in own]


_STRICT: Final = json.JSONDecoder(object_pairs_hook=merged, strict=False)


class _BrokenError(Exception):
    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def _skip(text: str, at: int) -> int:
    """The first place from `at` that is no white space; beyond the end, the text is cut off."""
    match = _BLANKS.match(text, at)
    at = match.end() if match else at
    if at >= len(text):
        raise _BrokenError(at)
    return at


def _lenient(text: str, at: int) -> tuple[Any, int]:
    """(value, end) of JSON that is written like Python, or not quite right."""
    at = _skip(text, at)
    opening = text[at]
    if opening in "{[":
        return _container(text, at + 1, "}" if opening == "{" else "]")
    if opening in _QUOTES:
        return _string(text, at)
    word = _WORD.match(text, at)
    if word is None:
        raise _BrokenError(at)
    value, stop = word.group(), word.end()
    if value in _CONSTANTS:
        return _CONSTANTS[value], stop
    if _NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value), stop
    raise _BrokenError(at)


def _container(text: str, at: int, closing: str) -> tuple[Any, int]:
    pairs: list[tuple[str, Any]] = []
    items: list[Any] = []
    while text[at := _skip(text, at)] != closing:
        item, at = _lenient(text, at)
        if closing == "}":
            at = _skip(text, at)
            if not isinstance(item, str) or text[at] != ":":
                raise _BrokenError(at)
            value, at = _lenient(text, at + 1)
            pairs.append((item, value))
        else:
            items.append(item)
        at = _skip(text, at)
        if text[at] == ",":
            at += 1
        elif text[at] != closing:
            raise _BrokenError(at)
    return (merged(pairs) if closing == "}" else items), at + 1


def _string(text: str, at: int) -> tuple[str, int]:
    """A string ends at the quote that a comma, a colon or a bracket follows: 'O'Neil' is one."""
    quote = _QUOTES[text[at]]
    out: list[str] = []
    at += 1
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            after = text[at + 1]
            code = text[at + 2 : at + 6]
            if after == "u" and re.fullmatch("[0-9a-fA-F]{4}", code):
                out.append(chr(int(code, 16)))
                at += 4
            else:
                out.append(_ESCAPES.get(after, after))
            at += 2
            continue
        if char == quote:
            after = text[at + 1 : at + 40].lstrip()[:1]
            if after and after in ",:]}":
                return _joined(out), at + 1
        out.append(char)
        at += 1
    raise _BrokenError(at)


def _joined(characters: list[str]) -> str:
    """The string; a character beyond 16 bits may have been written as two escapes."""
    joined = "".join(characters)
    if not any("\ud800" <= c <= "\udfff" for c in joined):
        return joined
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
