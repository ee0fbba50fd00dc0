"""What readers share: lines and JSON with their origins, and tokens joined into text."""

from __future__ import annotations

import json
from collections import Counter
from io import TextIOWrapper
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.errors import RawFileError, explained
from pipeline.records import Reject
from pipeline.text import like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record

EXCERPT = 120


def read_bytes(path: Path) -> bytes:
    """The bytes of a raw file."""
    try:
        return path.read_bytes()
    except OSError as problem:
        raise explained(problem, path) or RawFileError(
            f"cannot read: {problem.strerror}", where=path, todo="check the path in the declaration"
        ) from None


def decode(raw: bytes, encoding: str = "utf-8") -> str:
    """Text of raw bytes. A byte that is no UTF-8 becomes a surrogate, which `normalize` rejects.

    `encoding="cesu-8"` reads astral characters that were written as two surrogates of three bytes;
    half of such a pair stays a surrogate, for `normalize` to reject.
    """
    if encoding == "cesu-8":
        try:
            halves = raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
            return halves.decode("utf-16", "surrogatepass")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "surrogateescape")
    try:
        return raw.decode(encoding, "surrogateescape")
    except LookupError:
        raise RawFileError(
            f"there is no encoding {encoding!r}",
            where="[reader] encoding",
            todo="use one that Python knows, such as utf-8, gb18030 or latin-1",
        ) from None
    except UnicodeError as problem:
        raise RawFileError(
            f"these bytes are no {encoding}: {problem}",
            where="[reader] encoding",
            todo="correct it; UTF-16 and its like are not read line by line",
        ) from None


def lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[str, str]]:
    """Yield (origin "<file>:<line>", line without its end). LF and CRLF; a leading BOM is cut."""
    name = path.name
    with _opened(path) as stream:
        for number, text in enumerate(_decoded(stream, encoding), start=1):
            yield f"{name}:{number}", text.removeprefix("\ufeff") if number == 1 else text


def _decoded(stream: Any, encoding: str) -> Iterator[str]:
    """The lines of a file without their ends; of UTF-8, many are decoded at once."""
    if encoding == "utf-8":
        texts = TextIOWrapper(stream, encoding, "surrogateescape", newline="\n")
        return (text.removesuffix("\n").removesuffix("\r") for text in texts)
    return (decode(raw.removesuffix(b"\n").removesuffix(b"\r"), encoding) for raw in stream)


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as problem:
        raise explained(problem, path) or RawFileError(
            f"cannot read: {problem.strerror}", where=path, todo="check the path in the declaration"
        ) from None


def json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (origin, value) of a JSON array, or of JSON lines. A broken line yields a `Reject`.

    The origin is "<file>:<line>" for lines and "<file>:<position>" (from 1) for an array.
    """
    with _opened(path) as stream:
        head = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] == b"[":
        values = json_document(path)
        yield from ((f"{path.name}:{n}", value) for n, value in enumerate(values, start=1))
        return
    for origin, line in lines(path):
        if not line.strip():
            continue
        try:
            yield origin, parsed(line)
        except ValueError as problem:
            yield origin, Reject(origin, "malformed_json", str(problem), line[:EXCERPT])


def parsed(raw: str | bytes) -> Any:
    """The value of JSON; ValueError where it is none, or where an object has a key twice.

    Of such keys a parser keeps one in silence, and what the other said would be lost. The strings
    show it: fewer come out than went in. Only then are the pairs looked at one by one.
    """
    value = orjson.loads(raw)
    before = raw.encode() if isinstance(raw, str) else raw
    parts = value if isinstance(value, list) else [value]
    try:
        kept = sum(_string_marks(orjson.dumps(part)) for part in parts)
    except orjson.JSONEncodeError:
        raise ValueError("nested too deeply") from None
    if _string_marks(before) > kept:
        json.loads(raw, object_pairs_hook=_without_twins)
    return value


def _string_marks(written: bytes) -> int:
    """How many quotation marks begin or end a string of JSON."""
    return written.replace(rb"\\", b"").replace(rb"\"", b"").count(b'"')


def _without_twins(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        twin = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"the key {twin!r:.80} stands twice in one object")


def json_document(path: Path) -> Any:
    """The value of a file that is one JSON document."""
    try:
        return parsed(read_bytes(path).removeprefix(b"\xef\xbb\xbf"))
    except ValueError as problem:
        raise RawFileError(
            f"not a JSON document: {problem}", where=path, todo="check the file or the reader"
        ) from None


def attempt(origin: str, build: Callable[[Any], Record | Reject], row: Any) -> Record | Reject:
    """The record that `build` makes of a raw row, or a `Reject` where the row lacks its parts."""
    if isinstance(row, Reject):
        return row
    try:
        return build(row)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
        detail = f"{type(problem).__name__}: {problem}"
        return Reject(origin, "malformed_record", detail[:EXCERPT], str(row)[:EXCERPT])


def listed(row: Any, key: str) -> list[Any]:
    """The list in a field of a row that could not be read, to count what is lost with it."""
    found = row.get(key) if isinstance(row, dict) else None
    return found if isinstance(found, list) else []


def items(value: Any) -> list[Any]:
    """The value, which must be a list: "" or {} in its place would pass for no annotation."""
    if not isinstance(value, list):
        raise TypeError(f"no list: {value!r:.80}")
    return value


def whole(value: Any) -> int:
    """The value, which must be a whole number: true in its place would pass for 1."""
    if type(value) is not int:
        raise TypeError(f"no whole number: {value!r:.80}")
    return value


def label_of(value: Any) -> str:
    """The value, which must be a string: null in its place would pass for no entity."""
    if not isinstance(value, str):
        raise TypeError(f"no label: {value!r:.80}")
    return value


def join_tokens(tokens: Sequence[str], language: str) -> tuple[str, list[int]]:
    """The text of tokens joined (a space in English, nothing in Chinese) and where each starts."""
    gap = "" if like(language) == "zh" else " "
    width = len(gap)
    starts = [0, *accumulate(len(token) + width for token in tokens)]
    return gap.join(tokens), starts[:-1]
