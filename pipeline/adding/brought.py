"""What a user brings: which file is which split, what kind of file it is, and its first rows.

Readers are tried on a small copy of the first rows, so that a file of any size is judged at once.
"""

from __future__ import annotations

import codecs
import json
import re
import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline.errors import DeclarationError, FetchError, RawFileError
from pipeline.readers._source import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Splits = dict[str, list[Path]]

#: Words in the names of files and folders that name a split.
_NAMES: Final = {
    "train": ("train", "training", "trn"),
    "dev": ("dev", "devel", "development", "valid", "validation", "val", "testa"),
    "test": ("test", "testing", "tst", "testb"),
}
_SPLIT_OF: Final = {word: split for split, words in _NAMES.items() for word in words}
_HUB: Final = "hub:"
_HUB_FILES: Final = ("*.parquet", "*.arrow", "*.json", "*.jsonl", "*.csv", "*.tsv", "*.txt")
#: Files that lie beside data and hold none.
_ABOUT: Final = re.compile(
    r"(?i)(readme|licen[cs]e|copying|citation|changelog|dataset_infos?|state|manifest)\b.*"
)
_NO_DATA: Final = frozenset({".md", ".py", ".pdf", ".html", ".png", ".jpg", ".yaml", ".yml", ".sh"})
#: First bytes of what readers open: gzip, zip, Parquet, Arrow.
_READ: Final = (b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
#: First bytes -> (what it is, what to do).
_BINARY: Final = {
    b"BZh": ("packed with bzip2", "unpack it with `bunzip2 -k FILE`"),
    b"\xfd7zXZ\x00": ("packed with xz", "unpack it with `unxz -k FILE`"),
    b"(\xb5/\xfd": ("packed with zstd", "unpack it with `unzstd FILE`"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it"),
    b"Rar!": ("a rar archive", "unpack it"),
    b"%PDF": ("a PDF document", "annotations are wanted, in text"),
    b"\xd0\xcf\x11\xe0": ("an old Office document", "save it as CSV or text"),
    b"SQLite format 3": ("an SQLite database", "export its table as CSV"),
    b"\x80\x04": ("a Python pickle", "write it as JSON lines; a pickle is never loaded"),
    b"\x80\x05": ("a Python pickle", "write it as JSON lines; a pickle is never loaded"),
    b"\x89PNG": ("a picture", "annotations are wanted, in text"),
}
_BOM: Final = b"\xef\xbb\xbf"
_HEAD: Final = 1 << 16
#: Files up to this size are tried as they are; of larger ones, as many bytes at most are.
_TRIED: Final = 1 << 20
_ROWS: Final = 400
_NO_ASCII: Final = re.compile(rb"[\x80-\xff]+")


def splits_of(path: Path) -> Splits:
    """The splits of a file or folder, by the names in it; all in `all` where no name tells.

    Raises RawFileError where a folder holds no data file.
    """
    if path.is_file():
        return {_split_named(path) or "all": [path]}
    files = [p for p in sorted(path.rglob("*")) if p.is_file() and is_data(p)]
    if not files:
        raise RawFileError("no data file is in this folder", where=path, todo="check the path")
    # A folder of documents beside their annotations is read whole.
    if any(p.suffix == ".ann" or p.name.endswith(".apf.xml") for p in files):
        folders = {_split_named(p): p for p in sorted(path.iterdir()) if p.is_dir()}
        named = {split: [p] for split, p in folders.items() if split}
        return named or {_split_named(path) or "all": [path]}
    found: Splits = {}
    for file in files:
        if split := _split_named(file, path):
            found.setdefault(split, []).append(file)
    return found or {"all": files}


def named(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """(split, file) of files and folders whose names tell the splits.

    Several files of which none tells a split have none of their own. Raises RawFileError where a
    path is missing.
    """
    found: Splits = {}
    for given in paths:
        path = fetched(str(given)) if str(given).startswith(_HUB) else given
        if not path.exists():
            raise RawFileError("there is no such file", where=path, todo="check the path")
        for split, files in splits_of(path).items():
            found.setdefault(split, []).extend(files)
    if "all" in found and len(found) > 1:
        raise DeclarationError(
            f"the name of {found['all'][0].name} tells no split, and others do",
            where=found["all"][0],
            todo="give every file with --split train=FILE, dev=FILE or test=FILE",
        )
    return [(split, file) for split, files in found.items() for file in files]


def fetched(address: str) -> Path:
    """The folder of a dataset of the Hub, `hub:OWNER/NAME` or `hub:OWNER/NAME@REVISION`.

    Its data files are fetched, or taken from the cache of huggingface_hub. Raises FetchError where
    they cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = address.removeprefix(_HUB).partition("@")
    try:
        folder = snapshot_download(
            name, repo_type="dataset", revision=revision or None, allow_patterns=[*_HUB_FILES]
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        raise FetchError(
            f"the Hub has no dataset {name!r}{f' at {revision!r}' if revision else ''} that can be "
            "read from here",
            where=address,
            todo="check the name, the network and HF_ENDPOINT; log in where it is gated",
        ) from None
    return Path(folder)


def is_data(path: Path) -> bool:
    """Whether a file may hold records, as its name says."""
    hidden = any(part.startswith(".") for part in path.parts[-2:])
    return not (hidden or _ABOUT.fullmatch(path.name) or path.suffix.lower() in _NO_DATA)


def _split_named(path: Path, root: Path | None = None) -> str | None:
    """The split that the name of a file tells, or of the folders that it lies in below `root`."""
    parts = [path.name, *(path.relative_to(root).parts[-2::-1] if root else ())]
    for part in parts:
        words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", part).lower())
        if found := [_SPLIT_OF[word] for word in words if word in _SPLIT_OF]:
            return found[0]
    return None


def refuse_binary(path: Path) -> None:
    """Refuse a file whose first bytes say that it is no text, but for those that readers open."""
    head = head_of(path)
    if head.startswith(_READ):
        return
    for start, (what, todo) in _BINARY.items():
        if head.startswith(start):
            named = todo.replace("FILE", path.name).replace("NEW", f"{path.stem}.jsonl")
            raise RawFileError(f"this file is {what}", where=path, todo=named)
    strange = sum(byte < 9 or 13 < byte < 27 for byte in head)
    if strange > 8 and strange * 50 > len(head) and encoding(head) != "utf-16":
        told = f"this is a binary file, it begins with {head[:8]!r}"
        raise RawFileError(told, where=path, todo="bring the annotations as text or JSON")


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(_HEAD)


def encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a file look like; None for UTF-8.

    A few lines that are no UTF-8 are slips, which readers reject; XML names its encoding itself.
    """
    if head.startswith(_READ):
        return None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(0) * 3 > len(head):
        return "utf-16"
    rows = head.splitlines()
    strange = [row for row in rows if not row.isascii()]
    broken = [row for row in strange if not _is_utf8(row)]
    if head.startswith(b"<?xml") or len(broken) * 2 <= len(strange) or len(broken) * 50 < len(rows):
        return None
    # A Chinese character is two bytes, of which most are no ASCII; a letter with an accent is one.
    runs = [len(run) for row in broken for run in _NO_ASCII.findall(row)]
    return "gb18030" if sum(runs) >= 2 * len(runs) else "latin-1"


def _is_utf8(raw: bytes) -> bool:
    """Whether bytes are UTF-8, or CESU-8; they may end within a character."""
    try:
        codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(raw)
    except UnicodeDecodeError:
        return False
    return True


def first_rows(paths: Sequence[Path], folder: Path) -> list[Path]:
    """The same files, each cut to its first rows where it is large; copies lie in `folder`."""
    cut = []
    for number, path in enumerate(paths):
        place = folder / str(number) / path.name
        if path.is_dir() or path.stat().st_size <= _TRIED:
            cut.append(path)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        cut_file(path, place, _ROWS, _TRIED)
        cut.append(place)
    return cut


def cut_file(path: Path, to: Path, rows: int, most: int) -> None:
    """Write the first rows of a text file: whole elements of a JSON array, whole sentences.

    Of one JSON object the first entries of all its long lists and objects are taken.
    """
    with path.open("rb") as stream:
        raw = stream.read(most)
    if raw.startswith(_READ):
        shutil.copyfile(path, to)
        return
    whole = len(raw) == path.stat().st_size
    start = raw.removeprefix(_BOM).lstrip()[:1]
    if is_array(raw):
        elements = [*islice(_elements(decode(raw)), rows)]
        to.write_text("[\n" + ",\n".join(elements) + "\n]\n", "utf-8", "surrogateescape")
    elif start == b"{" and _is_one_object(raw):
        _cut_object(path, to, rows)
    elif whole:
        shutil.copyfile(path, to)
    else:
        ends = [raw.rfind(mark) for mark in (b"\n\n", b"\n\r\n", b"\n")]
        # What stands after the last empty line is half a sentence, where empty lines part them.
        sentences = raw.count(b"\n\n") * 200 > raw.count(b"\n")
        end = max(ends[:2]) if sentences and max(ends[:2]) > 0 else ends[2]
        to.write_bytes(raw[: end + 1])


def is_array(head: bytes) -> bool:
    """Whether a file that begins so is one array of JSON; text and JSON lines may begin with [."""
    raw = head.removeprefix(_BOM).lstrip()
    if raw[:1] != b"[":
        return False
    first, _, rest = raw.partition(b"\n")
    if rest.strip():
        try:
            json.loads(first)
        except ValueError:
            pass
        else:
            return False
    return next(_elements(decode(raw)), None) is not None


def _elements(text: str) -> Iterator[str]:
    """The elements of a JSON array as they are written, as far as the text goes."""
    decoder = json.JSONDecoder()
    place = text.index("[") + 1
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        if place >= len(text) or text[place] == "]":
            return
        try:
            _, end = decoder.raw_decode(text, place)
        except ValueError:
            return
        yield text[place:end]
        place = end


def _is_one_object(raw: bytes) -> bool:
    """Whether a file that begins with { is one object over many lines, and no JSON lines."""
    first = raw.lstrip().splitlines()[0]
    try:
        json.loads(first)
    except ValueError:
        return True
    return raw.strip().count(b"\n") == 0


def _cut_object(path: Path, to: Path, rows: int) -> None:
    try:
        value = orjson.loads(path.read_bytes().removeprefix(_BOM))
    except ValueError:
        shutil.copyfile(path, to)
        return
    to.write_bytes(orjson.dumps(_shorter(value, max(10, rows // 10), 2)))


def _shorter(value: Any, most: int, depth: int) -> Any:
    """A value whose long lists and objects have only their first entries."""
    if isinstance(value, dict):
        kept = list(value.items())[: 4 * most]
        return {k: _shorter(v, most, depth - 1) if depth else v for k, v in kept}
    return value[:most] if isinstance(value, list) else value


def checked_splits(given: Sequence[tuple[str, Path]]) -> Splits:
    """The splits that a user named, each with its files.

    Raises DeclarationError where none is named, or `all` beside others.
    """
    splits: Splits = {}
    for split, path in given:
        splits.setdefault(split, []).append(path)
    if not splits or ("all" in splits and len(splits) > 1):
        raise DeclarationError(
            "no files" if not splits else "all= stands alone",
            where="--split",
            todo="give --split train=FILE (dev=, test=), or --split all=FILE",
        )
    return splits
