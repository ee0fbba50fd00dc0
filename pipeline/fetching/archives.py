"""One file or folder out of a tar or zip archive that nobody has looked at yet.

Only plain files are written, and only below the target. A name that leads outside, a link or a
device among what is wanted, and an archive that unpacks to more than it may are errors.
"""

import bz2
import gzip
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from pipeline.errors import FetchError, explained

MOST_BYTES: Final = 16 << 30
#: How many times its size an archive may unpack to, unless that is little.
MOST_TIMES: Final = 200
LITTLE: Final = 64 << 20
MOST_FILES: Final = 1_000_000
#: What a tar file holds of one header in memory.
_MOST_HEADER: Final = 1 << 20
#: How a compressed file begins, and what opens it.
_OPENERS: Final[dict[bytes, Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7z": lzma.open}


class ArchiveError(FetchError):
    """The archive is broken, hostile, or lacks the member."""


def unpack(archive: Path, member: str, target: Path, most: int = MOST_BYTES) -> None:
    """Write the file `member`, or everything in the folder `member`, to `target`."""
    wanted = PurePosixPath(member)
    most = min(most, max(LITTLE, MOST_TIMES * archive.stat().st_size))
    members = written = 0
    try:
        for number, (name, size, stream) in enumerate(_entries(archive, most)):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
                what = f"the archive holds the path {name!r}"
                raise ArchiveError(what, where=archive, todo=_TODO)
            if not path.is_relative_to(wanted):
                continue
            if stream is None:
                what = f"{name!r} in the archive is a link or a device, no plain file"
                raise ArchiveError(what, where=archive, todo=_TODO)
            written += size
            if written > most or number >= MOST_FILES:
                raise _bomb(archive, most)
            place = target / path.relative_to(wanted)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out:
                shutil.copyfileobj(stream, out)
            members += 1
    except _BROKEN as problem:
        if isinstance(problem, OSError) and explained(problem, target):
            raise  # it is not the archive that is to blame
        what = f"cannot unpack: {problem or type(problem).__name__}"
        raise ArchiveError(what, where=archive, todo=_TODO) from None
    if not members:
        todo = "correct `member` in the TOML"
        raise ArchiveError(f"the archive has no {member!r}", where=archive, todo=todo)


_TODO: Final = "get it again, or get the files from its authors and place them by hand"
#: What the libraries raise at archives that are cut off, changed, encrypted or made up.
_BROKEN: Final = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, ValueError, OverflowError, OSError),
)


def _bomb(archive: object, most: int) -> ArchiveError:
    what = f"the archive unpacks to over {most:,} bytes or {MOST_FILES:,} files"
    return ArchiveError(what, where=archive, todo="unpack it by hand, if you trust it")


def _entries(archive: Path, most: int) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """(name, size, content) of every file; None for what is no plain file. Folders are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                # The upper half of the attributes is the Unix mode: a link is no plain file.
                if not entry.filename or entry.is_dir():
                    continue
                if (entry.external_attr >> 28) not in (0, 8):
                    yield entry.filename, 0, None
                    continue
                with packed.open(entry) as content:
                    yield entry.filename, entry.file_size, content
        return
    with archive.open("rb") as raw:
        head = raw.read(3)
    opener: Any = next((o for magic, o in _OPENERS.items() if head.startswith(magic)), open)
    with opener(archive, "rb") as stream:
        bounded: Any = _Bounded(stream, archive, most)
        with tarfile.open(fileobj=bounded, mode="r:") as packed_tar:
            headers: Any = packed_tar
            for item in packed_tar:
                name = item.name.removeprefix("./")
                if item.isfile() and (plain := packed_tar.extractfile(item)):
                    yield name, item.size, plain
                elif not item.isdir():
                    yield name, 0, None
                headers.members.clear()  # else all headers stay in memory


class _Bounded:
    """An unpacked tar file of limited size, of which little is read at once.

    `tarfile` takes headers of any size into memory, and unpacks what is not wanted to skip it.
    """

    def __init__(self, stream: IO[bytes], archive: Path, most: int) -> None:
        self._stream, self._archive, self._most = stream, archive, most
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        """Some bytes."""
        if not 0 <= size <= _MOST_HEADER:
            raise _bomb(self._archive, self._most)
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, place: int) -> int:
        """Go on elsewhere."""
        self._check(place)
        return self._stream.seek(place)

    def _check(self, place: int) -> None:
        # Headers and the filling between files come on top of what is written.
        if place > 2 * self._most + LITTLE:
            raise _bomb(self._archive, self._most)
