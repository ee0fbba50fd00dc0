"""The files that a user brings: the split of each, and whether it can be read."""

import codecs
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.adding.excerpts import head_of
from pipeline.adding.json_lists import SPLITS
from pipeline.errors import DeclarationError, FetchError, RawFileError
from pipeline.readers._source import opened

Splits = dict[str, list[Path]]

#: Word in the names of files and folders -> the split that it names.
_SPLIT_OF: Final = {word: split for split, words in SPLITS.items() for word in words}
_HUB: Final = "hub:"
_HUB_FILES: Final = ("*.parquet", "*.arrow", "*.json", "*.jsonl", "*.csv", "*.tsv", "*.txt")
#: Files that often accompany data and hold none.
_ABOUT: Final = re.compile(
    r"(?i)(readme|licen[cs]e|copying|citation|changelog|dataset_infos?|state|manifest)\b.*"
)
_NO_DATA: Final = frozenset({".md", ".py", ".pdf", ".html", ".png", ".jpg", ".yaml", ".yml", ".sh"})
#: First bytes of the binary files that readers open: gzip, zip, Parquet, Arrow.
_READ: Final = (b"\x1f\x8b", b"PK\x03\x04", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
#: What files are in that are not in UTF-8, the strictest first: latin-1 accepts any bytes.
_ENCODINGS: Final = ("gb18030", "shift_jis", "cp1251", "latin-1")
#: Bytes of a row that are shown.
_EXCERPT: Final = 60
_NO_ASCII: Final = re.compile(rb"[\x80-\xff]+")


def splits_of(path: Path) -> Splits:
    """Return the splits of a file or folder by its names; `all` alone if no name has a split.

    Raises RawFileError if a folder holds no data file, or several kinds for one split.
    """
    if path.is_file():
        _refuse_packed_splits(path)
        return {_split_named(path) or "all": [path]}
    files = [p for p in sorted(path.rglob("*")) if p.is_file() and is_data(p)]
    if not files:
        raise RawFileError("no data file is in this folder", where=path, todo="check the path")
    # A folder of documents with their annotations is read as a whole.
    if any(p.suffix == ".ann" or p.name.endswith(".apf.xml") for p in files):
        folders = {_split_named(p): p for p in sorted(path.iterdir()) if p.is_dir()}
        named = {split: [p] for split, p in folders.items() if split}
        return named or {_split_named(path) or "all": [path]}
    splits: Splits = {}
    for file in files:
        if split := _split_named(file, path):
            splits.setdefault(split, []).append(file)
    splits = splits or {"all": files}
    for split, group in splits.items():
        kinds = Counter(p.suffix for p in group)
        if len(kinds) > 1:
            shown = ", ".join(f"{n} {kind or 'without an ending'}" for kind, n in kinds.items())
            what = f"this folder holds files of several kinds for one split: {shown}"
            todo = f"give those that are meant, as with --split {split}={group[0]}"
            raise RawFileError(what, where=path, todo=todo)
        for file in group:
            _refuse_packed_splits(file)
    return splits


def left_out(given: Sequence[Path], splits: Splits) -> list[Path]:
    """Return the files in the user's folders that are in no split."""
    taken = [path for paths in splits.values() for path in paths]
    below = (path for folder in given if folder.is_dir() for path in sorted(folder.rglob("*")))
    return [p for p in below if p.is_file() and not {p, *p.parents} & {*taken}]


def _refuse_packed_splits(path: Path) -> None:
    """Refuse a zip with several splits: its files would be read as one split."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            names = {_split_named(Path(name)) for name in packed.namelist()} - {None}
        if len(names) > 1:
            problem = f"this zip holds files of {', '.join(sorted(map(str, names)))}"
            todo = f"unpack it with `unzip {path.name} -d FOLDER`, and give the folder"
            raise RawFileError(problem, where=path, todo=todo)


def named(paths: Sequence[Path], said: Sequence[tuple[str, Path]] = ()) -> Splits:
    """Return the splits that a user said, and those of files and folders by their names.

    If no name has a split, all files belong to the split `all`. Raises RawFileError if a path is
    missing, DeclarationError if only some names have a split, or if `all` is not the only one.
    """
    by_name: list[tuple[str, Path]] = []
    for given in paths:
        path = fetched(str(given)) if str(given).startswith(_HUB) else given
        if not path.exists():
            raise RawFileError("there is no such file", where=path, todo="check the path")
        by_name += [(split, file) for split, files in splits_of(path).items() for file in files]
    unnamed = [file for split, file in by_name if split == "all"]
    if 0 < len(unnamed) < len(by_name):
        what = f"the name of {unnamed[0].name} tells no split, and others do"
        todo = "give every file with --split train=FILE, dev=FILE or test=FILE"
        raise DeclarationError(what, where=unnamed[0], todo=todo)
    splits: Splits = {}
    for split, path in (*said, *by_name):
        splits.setdefault(split, []).append(path)
    if "all" in splits and len(splits) > 1:
        todo = "give --split train=FILE (dev=, test=), or --split all=FILE"
        raise DeclarationError("all= stands alone", where="--split", todo=todo)
    return splits


def fetched(address: str) -> Path:
    """Return the folder of a dataset of the Hub, `hub:OWNER/NAME` or `hub:OWNER/NAME@REVISION`.

    Its data files are fetched, or taken from the cache of huggingface_hub. Raises FetchError if
    they cannot be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = address.removeprefix(_HUB).partition("@")
    try:
        folder = snapshot_download(
            name, repo_type="dataset", revision=revision or None, allow_patterns=[*_HUB_FILES]
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        at = f" at {revision!r}" if revision else ""
        what = f"the Hub has no dataset {name!r}{at} that can be read from here"
        todo = "check the name, the network and HF_ENDPOINT; log in where it is gated"
        raise FetchError(what, where=address, todo=todo) from None
    return Path(folder)


def is_data(path: Path) -> bool:
    """Whether a file may hold records, by its name."""
    hidden = any(part.startswith(".") for part in path.parts[-2:])
    return not (hidden or _ABOUT.fullmatch(path.name) or path.suffix.lower() in _NO_DATA)


def _split_named(path: Path, root: Path | None = None) -> str | None:
    """Return the split in the name of a file, else of its folders below `root`; None if none."""
    parts = [path.name, *(path.relative_to(root).parts[-2::-1] if root else ())]
    for part in parts:
        words = re.split(r"[^a-z\u4e00-\u9fff]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", part).lower())
        if splits := [_SPLIT_OF[word] for word in words if word in _SPLIT_OF]:
            return splits[0]
    return None


def refuse_binary(path: Path) -> None:
    """Refuse a file whose first bytes show that it is binary, except those that readers open."""
    head = head_of(path)
    if head.startswith(_READ) and not (head.startswith(_READ[0]) and tarfile.is_tarfile(path)):
        return
    next(opened(path))
    if tarfile.is_tarfile(path):
        todo = f"unpack it with `tar xf {path.name}`"
        raise RawFileError("this is a tar archive", where=path, todo=todo)
    strange = sum(byte < 9 or 13 < byte < 27 for byte in head)
    if strange > 8 and strange * 50 > len(head) and encoding(head) != "utf-16":
        problem = f"this is a binary file, it begins with {head[:8]!r}"
        raise RawFileError(problem, where=path, todo="bring the annotations as text or JSON")


def encoding(head: bytes) -> str | None:
    """Guess the encoding of a file from its first bytes; None for UTF-8.

    A few lines that are not UTF-8 are slips, and readers reject them. XML declares its encoding.
    """
    if head.startswith(_READ):
        return None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or head.count(0) * 3 > len(head):
        return "utf-16"
    rows = head.splitlines()
    strange = [row for row in rows if not row.isascii()]
    # CESU-8, which writes an emoji as two surrogates, counts as UTF-8.
    broken = [row for row in strange if not _valid(row, "utf-8", "surrogatepass")]
    if head.startswith(b"<?xml") or len(broken) * 2 <= len(strange) or len(broken) * 50 < len(rows):
        return None
    return next(name for name in (*_likely(broken), *_ENCODINGS) if _valid(head, name))


def _likely(rows: Sequence[bytes]) -> Iterator[str]:
    """Yield encodings that the bytes of rows look like."""
    runs = [run for row in rows for run in _NO_ASCII.findall(row)]
    high = b"".join(runs)
    if sum(byte < 0xA0 for byte in high) * 4 > len(high):
        yield "shift_jis"  # Its kana begin with 0x82 and 0x83, which are no letters of latin-1.
    elif len(high) < 2 * len(runs):
        yield "latin-1"  # An accented letter is one byte, a Chinese character is two.


def readings(head: bytes) -> dict[str, str]:
    """Return what the first strange row of a file reads like, in each encoding that it may have."""
    row = next((row for row in head.splitlines() if not row.isascii()), b"")
    names = [name for name in _ENCODINGS if _valid(head, name)]
    return {name: row[:_EXCERPT].decode(name, "ignore").strip() for name in names}


def _valid(raw: bytes, name: str, errors: str = "strict") -> bool:
    """Whether bytes, which may end within a character, are of an encoding."""
    try:
        codecs.getincrementaldecoder(name)(errors).decode(raw)
    except UnicodeDecodeError:
        return False
    return True
