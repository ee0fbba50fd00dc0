"""What readers share: lines and JSON with their origins, and tokens joined into text."""

import gzip
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader, BytesIO, TextIOWrapper
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import orjson

from pipeline.errors import RawFileError, explained
from pipeline.readers._paths import RowError
from pipeline.readers._tables import is_table, rows
from pipeline.records import Reject
from pipeline.text import BRACKETS, like

_T = TypeVar("_T")
EXCERPT: Final = 120
#: How much of a file is looked at to see what it is.
HEAD: Final = 1 << 16
#: How many characters of an array are read at a time.
_BLOCK: Final = 1 << 20
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_SCAN: Final = json.JSONDecoder().raw_decode
_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
#: Bytes at the start of files that are not read -> (what such a file is, what to do).
_OTHERS: Final = {
    b"[Content_Types].xml": ("a file of an office program", "save it as CSV or text"),
    b"\xd0\xcf\x11\xe0": ("a file of an office program", "save it as CSV or text"),
    b"\x00ustar": ("a tar archive", "unpack it with `tar xf FILE`"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it"),
    b"Rar!": ("a rar archive", "unpack it"),
    b"BZh": ("packed with bzip2", "unpack it with `bunzip2 -k FILE`"),
    b"\xfd7zXZ\x00": ("packed with xz", "unpack it with `unxz -k FILE`"),
    b"(\xb5/\xfd": ("packed with zstd", "unpack it with `unzstd FILE`"),
    b"%PDF-": ("a PDF", "annotations are wanted, in text"),
    b"mimetypeapplication/vnd.oasis": ("a file of an office program", "save it as CSV or text"),
    b"SQLite format 3": ("an SQLite database", "export its table as CSV"),
    b"\x80\x04": ("a Python pickle", "write it as JSON lines; a pickle is never loaded"),
    b"\x80\x05": ("a Python pickle", "write it as JSON lines; a pickle is never loaded"),
    b"\x89PNG": ("a picture", "annotations are wanted, in text"),
}
#: What Python and pandas write where a value is missing, and JSON does not have.
_NO_VALUE: Final = re.compile(rb"(?<=[\s:\[,])(?:NaN|-?Infinity)(?=\s*[,\]}])")
_ONTONOTES: Final = {**{f"/{sign}": sign for sign in ".?-"}, "-AMP-": "&", **BRACKETS}


def read_bytes(path: Path) -> bytes:
    """The bytes of a raw file, unpacked."""
    with unpacking(path):
        contents = [stream.read() for _, stream in opened(path)]
    if len(contents) != 1:
        what = f"this zip holds {len(contents)} files, where one is expected"
        raise RawFileError(what, where=path, todo="unpack it, and name the file that is meant")
    whole: bytes = contents[0]
    return whole


def opened(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (name, bytes) of a file; of each file in it by name, where it is a zip."""
    try:
        stream: Any = path.open("rb", buffering=HEAD)
    except OSError as problem:
        raise explained(problem, path) or RawFileError(
            f"cannot read: {problem.strerror}", where=path, todo="check the path in the declaration"
        ) from None
    if not hasattr(stream, "peek"):  # of a URL
        stream = BufferedReader(stream, HEAD)
    with stream:
        head = stream.peek(HEAD)
        for mark, (kind, todo) in _OTHERS.items():
            # Archives have their marks further inside.
            if head.startswith(mark) or (len(mark) > 5 and mark in head[:300]):
                todo = todo.replace("FILE", path.name)  # noqa: PLW2901
                raise RawFileError(f"this is {kind}", where=path, todo=todo)
        if head.startswith(_GZIP):
            yield path.name, BufferedReader(gzip.GzipFile(fileobj=stream), HEAD)
        elif head.startswith(_ZIP):
            with zipfile.ZipFile(stream) as packed:
                for name in sorted(packed.namelist()):
                    if not name.endswith("/") and not name.startswith("__MACOSX/"):
                        inner: Any
                        with packed.open(name) as inner:
                            unpacked = BufferedReader(inner, HEAD)
                            if unpacked.peek(HEAD).startswith((_ZIP, _GZIP)):
                                what = f"this zip holds a packed file, {name}"
                                raise RawFileError(what, where=path, todo="unpack it")
                            yield name, unpacked
        else:
            yield path.name, stream


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Say in words what is wrong with a packed file."""
    try:
        yield
    except (EOFError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, RuntimeError) as problem:
        todo = "get it again, or unpack it yourself"
        raise RawFileError(f"cannot unpack it: {problem}", where=path, todo=todo) from None


def decode(raw: bytes, encoding: str = "utf-8") -> str:
    """Text of raw bytes. A byte that is no UTF-8 becomes a surrogate, which `normalize` rejects."""
    try:
        return raw.decode(encoding, "surrogateescape")
    except LookupError:
        what = f"there is no encoding {encoding!r}"
        todo = "use one that Python knows, such as utf-8, gb18030 or latin-1"
        raise RawFileError(what, where="[reader] encoding", todo=todo) from None
    except UnicodeError as problem:
        what = f"these bytes are no {encoding}: {problem}"
        todo = "correct it; UTF-16 and its like are not read line by line"
        raise RawFileError(what, where="[reader] encoding", todo=todo) from None


def lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[str, str]]:
    """Yield (origin "<file>:<line>", line without its end). LF and CRLF; a leading BOM is cut.

    A file packed as gzip or zip is unpacked; the lines of a zip are those of all files in it.
    """
    with unpacking(path):
        for name, stream in opened(path):
            for number, text in enumerate(_decoded(stream, encoding), start=1):
                line = text.removeprefix("\ufeff") if number == 1 else text
                yield f"{name}:{number}", line.removesuffix("\n").removesuffix("\r")


def blocks(
    file: Path, starts: Callable[[str], bool] = lambda _: False
) -> Iterator[list[tuple[str, str]]]:
    """(origin, line) of the lines between empty ones; a line that starts a block is its first."""
    block: list[tuple[str, str]] = []
    for origin, line in lines(file):
        empty = not line.strip()
        if block and (empty or starts(line)):
            yield block
            block = []
        if not empty:
            block.append((origin, line))
    if block:
        yield block


def _decoded(stream: Any, encoding: str) -> Iterator[str]:
    """The lines of a file; of UTF-8, many are decoded at once."""
    if encoding == "utf-8":
        return TextIOWrapper(stream, encoding, "surrogateescape", newline="\n")
    return (decode(raw, encoding) for raw in stream)


def files_in(paths: Sequence[Path], ending: str) -> Iterator[Path]:
    """The files of a split; of a folder, all files below it whose names end so, sorted."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inner = [p for p in path.rglob(f"*{ending}") if p.is_file()]
        inner.sort(key=lambda p: p.parts)
        if not inner:
            todo = "check its path, or place the release there as the declaration says"
            raise RawFileError(f"no file in this folder ends in {ending}", where=path, todo=todo)
        yield from inner


def json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (origin, value) of JSON lines, of an array, of one object, or of the rows of a table.

    A broken line yields a `Reject`. The origin is "<file>:<line>" for lines, "<file>:<position>"
    (from 1) for arrays and tables (in Parquet or Arrow), "<file>" for an object of several lines.
    """
    if is_table(path):
        yield from ((f"{path.name}:{n}", row) for n, row in enumerate(rows(path), start=1))
        return
    with unpacking(path):
        for name, stream in opened(path):
            kind = shape(stream.peek(HEAD))
            if kind == "array":
                try:
                    for number, value in enumerate(_elements(stream), start=1):
                        yield f"{name}:{number}", value
                except (ValueError, RecursionError) as problem:
                    raise _no_document(problem, path) from None
                continue
            if kind == "object":
                content = stream.read()
                try:
                    yield name, parsed(content.removeprefix(_BOM))
                    continue
                except ValueError:  # They are lines, the first of them broken.
                    stream = BytesIO(content)  # noqa: PLW2901
            for number, text in enumerate(_decoded(stream, "utf-8"), start=1):
                if line := text.removeprefix("\ufeff" if number == 1 else "").strip():
                    yield _row(f"{name}:{number}", line)


def shape(head: bytes) -> Literal["lines", "array", "object"]:
    """Which kind of JSON file begins so. Lines may be arrays: then the second one is like it."""
    filled = filter(None, (line.strip() for line in BytesIO(head.removeprefix(_BOM))))
    first, *others = [*islice(filled, 2)] or [b""]
    if first[:1] == b"[":
        return "lines" if others and others[0][:1] == b"[" and first[-1:] == b"]" else "array"
    return "object" if others and first[:1] == b"{" and first[-1:] != b"}" else "lines"


def _elements(stream: Any) -> Iterator[Any]:
    """The values of an array. It is read in blocks, for it may be larger than memory.

    Each is parsed as a line of JSON is, so that no value of a repeated key is lost. Only before a
    comma or the end is a value whole: a number at the end of a block may go on in the next one.
    """
    texts = TextIOWrapper(stream, "utf-8", "surrogateescape")
    held, size = texts.read(HEAD), _BLOCK
    place = start = held.index("[") + 1
    while True:
        begin = _after_blanks(held, place)
        empty = place == start and held[begin : begin + 1] == "]"
        end = begin if empty else _end_of_value(held, begin)
        after = _after_blanks(held, end)
        if held[after : after + 1] in (",", "]"):
            if not empty:
                yield parsed(held[begin:end])
            if held[after] == "]":
                break
            place, start, size = after + 1, -1, _BLOCK
        elif block := texts.read(size):
            held, start = held[place:] + block, start - place
            place, size = 0, size * 2  # A long value is read in ever larger blocks.
        else:
            parsed(held[begin:])  # It nearly always says what is wrong.
            raise ValueError("the array has no end")
    if (held[after + 1 :] + texts.read()).strip():
        raise ValueError("something follows the end of the array")


def _after_blanks(text: str, place: int) -> int:
    return _BLANKS.match(text, place).end()  # type: ignore[union-attr]


def _end_of_value(text: str, begin: int) -> int:
    """Where a value of JSON ends; the end of the text where it is broken, or goes on."""
    try:
        return _SCAN(text, begin)[1]
    except ValueError:
        return len(text)


def _row(origin: str, line: str) -> tuple[str, Any]:
    try:
        return origin, parsed(line)
    except ValueError as problem:
        return origin, Reject(origin, "malformed_json", str(problem), line[:EXCERPT])


def parsed(raw: str | bytes) -> Any:
    """The value of JSON; ValueError where it is none, or where an object has a key twice.

    Of such keys a parser keeps one in silence, and what the other said would be lost. The strings
    show it: fewer come out than went in. Only then are the pairs looked at one by one.
    """
    before = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
    try:
        value = orjson.loads(raw)
    except ValueError:
        # Only in strings may these words mean something: json tells both apart.
        if not _NO_VALUE.search(before):
            raise
        try:
            value = json.loads(raw, parse_constant=lambda _: None)
        except RecursionError:
            raise ValueError("nested too deeply") from None
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
        return parsed(read_bytes(path).removeprefix(_BOM))
    except ValueError as problem:
        raise _no_document(problem, path) from None


def _no_document(problem: Exception, path: Path) -> RawFileError:
    message = f"not a JSON document: {problem}"
    return RawFileError(message, where=path, todo="check the file or the reader")


def attempt(origin: str, build: Callable[[Any], _T], row: Any) -> _T | Reject:
    """What `build` makes of a raw row, or a `Reject` where the row lacks its parts."""
    if isinstance(row, Reject):
        return row
    try:
        return build(row)
    except RowError as problem:
        reason, detail = problem.reason, str(problem)
    except KeyError as problem:
        reason, detail = "malformed_record", f"no field {problem}"
    except (TypeError, ValueError, IndexError, AttributeError):
        reason, detail = "malformed_record", "a part of it is not as the format has it"
    value = getattr(row, "value", row)
    excerpt = value if isinstance(value, str) else _beginning(value)
    return Reject(origin, reason, detail[:EXCERPT], excerpt[:EXCERPT])


def _beginning(value: Any) -> str:
    """Python's way to write a value; of large ones only the beginning, an excerpt or more."""
    if not isinstance(value, dict | list):
        return repr(value)
    of_keys = isinstance(value, dict)
    written = "{" if of_keys else "["
    for key in value:
        if len(written) >= EXCERPT:
            return written
        written += ", " if len(written) > 1 else ""
        written += f"{key!r}: {_beginning(value[key])}" if of_keys else _beginning(key)
    return written + ("}" if of_keys else "]")


def items(value: Any) -> list[Any]:
    """The value, which must be a list: "" or {} in its place would pass for no annotation."""
    if not isinstance(value, list):
        raise RowError(f"no list: {value!r:.80}")
    return value


def whole(value: Any) -> int:
    """The value, which must be a whole number: true in its place would pass for 1."""
    if type(value) is not int:
        raise RowError(f"no whole number: {value!r:.80}")
    return value


def label_of(value: Any) -> str:
    """The value, which must be a string: null in its place would pass for no entity."""
    if not isinstance(value, str):
        raise RowError(f"no label: {value!r:.80}")
    return value


def ontonotes_word(word: str) -> str:
    """A word of OntoNotes as it stood in the text; its quotation marks are those of the files."""
    if "\\" in word:
        word = word.replace("\\/", "/").replace("\\*", "*")
    return _ONTONOTES.get(word, word)


def places_of(string: str, text: str) -> list[int]:
    """Where a string begins in a text, all its places; they may overlap. An empty one has none."""
    places: list[int] = []
    at = text.find(string) if string else -1
    while at >= 0:
        places.append(at)
        at = text.find(string, at + 1)
    return places


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the blanks at its ends."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def join_tokens(tokens: Sequence[str], language: str) -> tuple[str, list[int]]:
    """The text of tokens joined (a space in English, nothing in Chinese) and where each starts."""
    gap = "" if like(language) == "zh" else " "
    width = len(gap)
    starts = [0, *accumulate(len(token) + width for token in tokens)]
    return gap.join(tokens), starts[:-1]
