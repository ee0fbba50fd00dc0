"""Whether the addresses of a dataset still answer, asked without downloading anything."""

from collections.abc import Iterator
from typing import NamedTuple

import requests

from pipeline.catalog import Dataset, File
from pipeline.errors import FetchError
from pipeline.fetching.http import Network, reason, session
from pipeline.fetching.obtaining import parts

#: Answers that say that the file is not there; others may only say that HEAD is not liked.
GONE = (404, 410)


class Answer(NamedTuple):
    """What a server says of one address."""

    address: str
    #: Of the answer, as HTTP numbers it; None where there was none.
    status: int | None = None
    bytes: int | None = None
    #: The server that it sends us on to, where that is another one.
    sent_on_to: str | None = None
    problem: FetchError | None = None

    def __str__(self) -> str:
        size = "size unknown" if self.bytes is None else f"{self.bytes:,} bytes"
        moved = f", sent on to {self.sent_on_to}" if self.sent_on_to else ""
        return f"{self.address}: {size}{moved}"


def check(dataset: Dataset, network: Network) -> Iterator[Answer]:
    """Ask every address of a dataset once for its head."""
    files = (file for split in dataset.splits.values() for file in split.files)
    # Address -> the file that is downloaded from it, or None for an archive.
    asked: dict[str, File | None] = {}
    for file in files:
        for address in file.addresses:
            place, _, member = address.partition("#")
            asked.setdefault(place, None if member else file)
    with session(network) as web:
        for place, whole in asked.items():
            yield _ask(web, place, whole, network)


def _ask(web: requests.Session, place: str, file: File | None, network: Network) -> Answer:
    try:
        answer = web.head(place, allow_redirects=True, timeout=network.patience)
        if answer.status_code >= 400 and answer.status_code not in GONE:
            answer = web.get(place, stream=True, timeout=network.patience)
            answer.close()
    except requests.RequestException as problem:
        todo = "see whether this machine reaches the server, and try again later"
        what = f"cannot be reached: {reason(problem)}"
        return Answer(place, problem=FetchError(what, where=place, todo=todo))
    except FetchError as problem:
        return Answer(place, problem=problem)
    length = answer.headers.get("Content-Length", "")
    size = int(length) if length.isdigit() and answer.status_code == 200 else None
    host = parts(answer.url).netloc
    sent_on_to = host if host != parts(place).netloc else None
    todo = "look for another address, and correct the TOML"
    fault = None
    if answer.status_code != 200:
        fault = f"the server answers {answer.status_code} {answer.reason}"
    elif file and None not in (size, file.bytes) and size != file.bytes:
        fault = f"the file has {size:,} bytes there, declared are {file.bytes:,}"
    error = FetchError(fault, where=place, todo=todo) if fault else None
    return Answer(place, answer.status_code, size, sent_on_to, error)
