"""Where the files of a dataset can be had: its URLs, a mirror, or what a person must do."""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from pipeline.catalog import Dataset, File
from pipeline.errors import FetchError


class Source(NamedTuple):
    """Where a file can be had; `member` is its path inside the archive that stands there."""

    place: str
    member: str | None


def sources_of(dataset: Dataset, file: File, mirror: str | None) -> list[Source]:
    """Where to look for a file, in this order.

    That is its addresses; with a mirror, the file as it lies in a raw folder there, or its archive.
    """
    declared = [_source(address) for address in file.addresses]
    if mirror is None:
        return declared
    archives = [(parts(s.place).path.rpartition("/")[2], s.member) for s in declared if s.member]
    mirrored = [(file.path, None), *archives]
    if parts(mirror).scheme in ("http", "https"):
        base = f"{mirror.rstrip('/')}/{dataset.id}"
        return [Source(f"{base}/{quote(path)}", member) for path, member in mirrored]
    places = [(Path(mirror) / dataset.id / path, member) for path, member in mirrored]
    return [Source(str(place), member) for place, member in places if place.exists()]


def _source(address: str) -> Source:
    place, _, member = address.partition("#")
    return Source(place, member or None)


def parts(address: str) -> SplitResult:
    """The parts of a URL; a path has parts as well."""
    try:
        return urlsplit(address)
    except ValueError as problem:
        raise FetchError(
            f"this is no address: {problem}", where=address, todo="correct the URL"
        ) from None


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
    return FetchError(
        words[dataset.access], where=names, todo=f"{dataset.how_to_get()} It belongs in {folder}."
    )
