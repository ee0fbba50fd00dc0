"""One file or folder out of a tar or zip archive that nobody has looked at yet.

Only plain files are written, and only below the target: no link is made or followed, a name that
leads outside is an error, and an archive that unpacks to more than it may is one too.
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from lzma import LZMAError
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from pipeline.errors import FetchError, explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES: Final = 16 << 30
_TODO: Final = "get it again, or get the files from its authors and place them by hand"


class ArchiveError(FetchError):
    """The archive is broken, hostile, or lacks the member."""


def unpack(archive: Path, member: str, target: Path, most: int = MOST_BYTES) -> None:
    """Write the file `member`, or everything in the folder `member`, to `target`."""
    wanted = PurePosixPath(member)
    found = written = 0
    try:
        for name, size, stream in _files(archive):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name:
                raise ArchiveError(
                    f"the archive holds the path {name!r}", where=archive, todo=_TODO
                )
            if not path.is_relative_to(wanted):
                continue
            written += size
            if written > most:
                raise ArchiveError(
                    f"the archive unpacks to over {most:,} bytes", where=archive, todo=_TODO
                )
            place = target / path.relative_to(wanted)
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out:
                shutil.copyfileobj(stream, out)
            found += 1
    except OSError as problem:
        if explained(problem, target):
            raise  # it is not the archive that is to blame
        raise ArchiveError(f"cannot unpack: {problem}", where=archive, todo=_TODO) from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        LZMAError,
        EOFError,
        RuntimeError,
        NotImplementedError,
    ) as problem:
        raise ArchiveError(f"cannot unpack: {problem}", where=archive, todo=_TODO) from None
    if not found:
        raise ArchiveError(
            f"the archive has no {member!r}", where=archive, todo="correct `member` in the TOML"
        )


def _files(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """(name, size, content) of every plain file; folders, links and devices are passed over."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                # The upper half of the attributes is the Unix mode: a link is no plain file.
                if not entry.is_dir() and (entry.external_attr >> 28) in (0, 8):
                    with packed.open(entry) as content:
                        yield entry.filename, entry.file_size, content
        return
    with tarfile.open(archive) as packed_tar:
        for item in packed_tar:
            if item.isfile() and (stream := packed_tar.extractfile(item)):
                yield item.name.removeprefix("./"), item.size, stream
