r"""Read the text of a language model as the JSON object that it was asked for.

`parse` is robust to what models add or get wrong: thoughts before the answer, a Markdown fence,
prose around the object, single quotes, trailing commas, comments, full-width commas and colons,
Python's None, doubled braces, JSON encoded twice, one object per label in a list or a line each,
repeated keys (their values are merged). Text that is cut off in the middle is not an object:
`parse` does not guess how it would end. `reason` says why a text cannot be read.

    parse('Sure: ```json\n{"person": ["Ada"]}\n``` Done.')     {"person": ["Ada"]}
    parse("{'person': ['O'Neil', "Ada"],}")                  {"person": ["O'Neil", "Ada"]}
    parse('{"person": ["Ada"], "person": ["Bo"]}')               {"person": ["Ada", "Bo"]}
    parse('[{"person": ["Ada"]}, {"place": []}]')                {"person": ["Ada"], "place": []}
"""

import json
import re
from collections.abc import Collection
from itertools import takewhile
from typing import Any, Final, NamedTuple

#: Braces that are tried, from the first on, before a text counts as unreadable.
_TRIES: Final = 20
#: White space and comments.
_BLANKS: Final = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD: Final = re.compile(r"[^\s,:，：\[\]{}'\"]+")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_CONSTANTS: Final = {
    **dict.fromkeys(("null", "None", "NaN", "nan", "NAN"), None),
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_AFTER_STRING: Final = re.compile(r"\s{0,40}(?:[,:，：\]}]|//|/\*)")
_ESCAPE_OR_QUOTE: Final = {q: re.compile(rf"\\.|{q}", re.DOTALL) for q in _QUOTES.values()}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Parsed(NamedTuple):
    """The object, and whether the text was that object and nothing else."""

    value: dict[str, Any]
    strict: bool


def parse(text: str | None, keys: Collection[str] = ()) -> Parsed | None:
    """The object that a text holds, or None where it holds none.

    A model may repeat the question, or write an object for each label. Objects that answer
    different `keys` are merged. Where two answer the same key, only the object with the most keys
    counts, the first of several such. Where no object has any of the keys, the first empty one
    counts, else the one at the first brace; never a part of a broken answer.
    """
    if not text:
        return None
    try:
        value = _STRICT.decode(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return Parsed(value, strict=True)
    if isinstance(value, str):  # encoded twice
        again = parse(value, keys)
        return again and again._replace(strict=False)
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        whole = merged([pair for item in value for pair in item.items()])
        if any(key in keys for key in whole):
            return Parsed(whole, strict=False)
    text = _after_thoughts(text)
    answer = _chosen(text, keys)
    if answer is None or not any(key in keys for key in answer):
        # Braces doubled as in a template, and quotes escaped as inside a string.
        plainer = [text.replace("{{", "{").replace("}}", "}")] if "{{" in text else []
        plainer += [text.replace('\\"', '"')] if '\\"' in text else []
        for plain in plainer:
            of_plain = _chosen(plain, keys)
            if of_plain is not None and any(key in keys for key in of_plain):
                answer = of_plain
    return None if answer is None else Parsed(answer, strict=False)


def reason(text: str | None) -> str:
    """Why `parse` finds no object in a text, in a word or two."""
    if text is None or not text.strip():
        return "empty"
    if "<think>" in text.rpartition("</think>")[2] and not _after_thoughts(text).strip():
        return "thoughts_without_end"
    return "cut_off_or_broken" if "{" in text else "no_object"


def _after_thoughts(text: str) -> str:
    """A text without the thoughts before the answer, and without thoughts that never end."""
    return text.rpartition("</think>")[2].partition("<think>")[0]


def _chosen(text: str, keys: Collection[str]) -> dict[str, Any] | None:
    """The object of a text that counts, see `parse`; objects with different keys are merged."""
    first = empty = None
    answers: list[dict[str, Any]] = []
    start = text.find("{")
    for number in range(_TRIES):
        if start < 0:
            break
        value, stop = _object(text, start)
        if value is not None:
            if any(key in keys for key in value):
                answers.append(value)
            elif not value and empty is None:
                empty = value
            if not number:
                first = value
        start = text.find("{", max(stop, start + 1))
    if not answers:
        return first if empty is None else empty
    answered = [[key for key in answer if key in keys] for answer in answers]
    if len({key for its_keys in answered for key in its_keys}) == sum(map(len, answered)):
        return merged([pair for answer in answers for pair in answer.items()])
    return answers[max(range(len(answers)), key=lambda n: len(answered[n]))]


def _object(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """(the object that begins at `start` or None, where reading it stopped)."""
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
    """Make an object of pairs; the values of a repeated key are merged."""
    out = dict(pairs)
    if len(out) == len(pairs):
        return out
    values: dict[str, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return {key: _together(repeated) for key, repeated in values.items()}


def _together(values: list[Any]) -> Any:
    """The values of one key: objects become one object, anything else one list.

    They are merged in one pass, because a model that loops repeats a key thousands of times.
    """
    objects = [*takewhile(lambda value: isinstance(value, dict), values)]
    if len(objects) > 1:
        values = [merged([p for o in objects for p in o.items()]), *values[len(objects) :]]
    if len(values) == 1:
        return values[0]
    lists = (v if isinstance(v, list) else [] if v in (None, "", {}) else [v] for v in values)
    return [item for items in lists for item in items]


_STRICT: Final = json.JSONDecoder(object_pairs_hook=merged, strict=False)


class _BrokenError(Exception):
    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def _skip(text: str, at: int) -> int:
    """The first place from `at` that is not white space; _BrokenError at the end of the text."""
    match = _BLANKS.match(text, at)
    at = match.end() if match else at
    if at >= len(text):
        raise _BrokenError(at)
    return at


def _lenient(text: str, at: int) -> tuple[Any, int]:
    """(value, end) of JSON that is written like Python, or is slightly broken."""
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
            if not isinstance(item, str) or text[at] not in ":：":
                raise _BrokenError(at)
            value, at = _lenient(text, at + 1)
            pairs.append((item, value))
        else:
            items.append(item)
        at = _skip(text, at)
        if text[at] in ",，":
            at += 1
        elif text[at] != closing:
            raise _BrokenError(at)
    return (merged(pairs) if closing == "}" else items), at + 1


def _string(text: str, at: int) -> tuple[str, int]:
    """Read a string; it ends at a quote before a comma, colon or bracket: 'O'Neil' is one."""
    quote = _QUOTES[text[at]]
    for match in _ESCAPE_OR_QUOTE[quote].finditer(text, at + 1):
        if match[0] == quote and _AFTER_STRING.match(text, match.end()):
            string = _ESCAPE.sub(_escaped, text[at + 1 : match.start()])
            # A character beyond 16 bits may have been written as two escapes.
            whole = string.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole, match.end()
    raise _BrokenError(len(text))


def _escaped(match: re.Match[str]) -> str:
    """The character that an escape stands for."""
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)
