"""One file from the first of its sources that has it: copied, unpacked, verified.

What is not finished lies in the work folder, where the next call resumes it.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from pipeline.catalog import Dataset, File, raw_files
from pipeline.catalog.declaration import pinned
from pipeline.errors import FetchError
from pipeline.execution import atomic
from pipeline.fetching import archives
from pipeline.fetching.http import Network, UnreachableError, download, session, stated_hash


class Source(NamedTuple):
    """Where a file can be had; `member` is its path inside the archive that stands there."""

    place: str
    member: str | None


def sources_of(dataset: Dataset, file: File, mirror: str | None) -> list[Source]:
    """Where to look for a file, in this order.

    That is its addresses; with a mirror, the file as it lies in a raw folder there, or its archive.
    """
    parted = (address.partition("#") for address in file.addresses)
    declared = [Source(place, member or None) for place, _, member in parted]
    if mirror is None:
        return declared
    archives = [(parts(s.place).path.rpartition("/")[2], s.member) for s in declared if s.member]
    mirrored = [(file.path, None), *archives]
    if parts(mirror).scheme in ("http", "https"):
        base = f"{mirror.rstrip('/')}/{dataset.id}"
        return [Source(f"{base}/{quote(path)}", member) for path, member in mirrored]
    places = [(Path(mirror) / dataset.id / path, member) for path, member in mirrored]
    return [Source(str(place), member) for place, member in places if place.exists()]


def parts(address: str) -> SplitResult:
    """The parts of a URL; a path has parts as well."""
    try:
        return urlsplit(address)
    except ValueError as problem:
        todo = "correct the URL"
        raise FetchError(f"this is no address: {problem}", where=address, todo=todo) from None


def instruction(
    dataset: Dataset, files: list[File], folder: Path, mirror: str | None
) -> FetchError:
    """How to get the files that nothing here can bring."""
    names = f"{dataset.id}: {', '.join(file.path for file in files)}"
    if mirror is not None:
        todo = f"lay it out as a raw folder is: {mirror}/{dataset.id}/{files[0].path}"
        return FetchError("the mirror has no such file", where=names, todo=todo)
    words = {
        "open": "no address is known for this",
        "licensed": "this is handed out under a license",
        "unavailable": "this cannot be had",
    }
    todo = f"{dataset.how_to_get()} It belongs in {folder}."
    return FetchError(words[dataset.access], where=names, todo=todo)


class Errand(NamedTuple):
    """What one call works with: a dataset, and the raw folder that its files belong in."""

    dataset: Dataset
    folder: Path
    network: Network
    #: The place that is asked instead of the addresses of the files.
    mirror: str | None
    #: Called for every piece with the path, the bytes so far, and the bytes in all.
    tell: Callable[[str, int, int | None], None]
    #: Servers that never answered: they are not asked again.
    silent: set[str]
    #: Places that were brought whole in this call.
    complete: set[str]

    @property
    def work(self) -> Path:
        """The folder of what is not finished."""
        return self.folder.parent / ".fetch" / self.folder.name


class OtherBytesError(FetchError):
    """The download is not the declared file."""


def obtain(file: File, sources: Iterable[Source], staged: Path, errand: Errand) -> bool:
    """Put the file at `staged`; return whether it could be verified.

    Raises FetchError where no source has it.
    """
    problems: dict[str, FetchError] = {}
    for source in sources:
        part = errand.work / f"{short_name(source.place)}.part"
        if file.verified_by is None and source.place not in errand.complete:
            # Only what can be verified is resumed from an earlier call.
            atomic.remove(part)
        # Should these turn out wrong, the file is taken once more from its start.
        for _ in range(1 + part.exists()):
            atomic.remove(staged)
            try:
                _copy(source, file, part, errand)
                return _verified(source, file, part, staged, errand.network)
            except (archives.ArchiveError, OtherBytesError) as problem:
                problems[source.place] = problem
                errand.complete.discard(source.place)
                atomic.remove(part)
            except FetchError as problem:
                problems[source.place] = problem
                break
        atomic.remove(staged)
    first, *others = problems.values()
    if not others:
        raise first
    reasons = "; ".join(f"{place}: {problem.what}" for place, problem in problems.items())
    what = f"none of its {len(problems)} addresses has the file: {reasons}"
    raise FetchError(what, where=file.path, todo=first.todo)


def _verified(source: Source, file: File, part: Path, staged: Path, network: Network) -> bool:
    """Make the file from the download; return whether it was compared with a hash.

    Raises OtherBytesError where it differs, and ArchiveError.
    """
    whole = file.archive_sha256 if source.member else None
    if whole and (actual := raw_files.digest(part)) != whole:
        raise _other(source, f"sha256 of the archive is {actual}, declared is {whole}")
    if source.member:
        archives.unpack(part, source.member, staged)
    else:
        atomic.copied(part, staged)
    if not (file.sha256 or file.git) and pinned(source.place):
        with session(network) as web:
            stated = stated_hash(web, source.place, network)
        file = msgspec.structs.replace(file, **stated)
    if difference := raw_files.mismatch(staged, file):
        raise _other(source, difference)
    return bool(whole or file.sha256 or file.git)


def _other(source: Source, difference: str) -> OtherBytesError:
    todo = "it is another edition: use another --mirror, or declare these bytes"
    return OtherBytesError(f"{difference}: these are other bytes", where=source.place, todo=todo)


def _copy(source: Source, file: File, part: Path, errand: Errand) -> None:
    """Bring the bytes of a source to `part`, unless this call has done so already."""
    if source.place in errand.complete:
        return
    if parts(source.place).scheme in ("http", "https"):
        host = parts(source.place).netloc
        if host in errand.silent:
            todo = "see whether this machine reaches it, and try again later; or use --mirror"
            raise UnreachableError("this server does not answer", where=source.place, todo=todo)
        most = None if source.member else file.bytes
        tell = partial(errand.tell, file.path)
        try:
            with session(errand.network) as web:
                download(web, source.place, part, errand.network, tell, most)
        except UnreachableError:
            errand.silent.add(host)
            raise
    else:
        atomic.remove(part)
        if problem := raw_files.shut(Path(source.place)):
            raise problem
        atomic.copied(Path(source.place), part)
    errand.complete.add(source.place)


def short_name(place: str) -> str:
    """Return a short name that is unique to a path or an address."""
    return f"{hashlib.sha256(place.encode()).hexdigest()[:12]}-{Path(place).name[:60]}"
