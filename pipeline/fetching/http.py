"""One file over HTTP, whatever the network does: resumed, retried, never waiting for ever.

`requests` downloads, its `Retry` repeats what fails before the first byte (as a 429 or 503 with its
Retry-After). A body that breaks off or stalls is resumed where it stopped, in this run or the next.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from pipeline.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CHUNK: Final = 1 << 14
#: Seconds for a connection to be made.
_CONNECT: Final = 15
_BUSY: Final = (429, 500, 502, 503, 504)
_MOST_BREAKS: Final = 100
_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class UnreachableError(FetchError):
    """A server never answered."""


class Network(NamedTuple):
    """How patient a download is."""

    #: Seconds without a byte after which a connection is given up.
    timeout: float = 60
    #: Attempts that may fail one after the other without a new byte.
    attempts: int = 5
    #: Seconds before the second attempt; each next one waits twice as long.
    wait: float = 1
    #: The longest Retry-After that is waited for.
    longest_wait: int = 600


def session(network: Network) -> requests.Session:
    """A session that repeats requests which a server asks to repeat."""
    retry = Retry(
        total=network.attempts,
        connect=0,  # what breaks is begun anew in `download`, where the bytes so far are known
        read=0,
        backoff_factor=network.wait,
        status_forcelist=_BUSY,
        allowed_methods=["GET"],
        retry_after_max=network.longest_wait,
    )
    own = requests.Session()
    for scheme in ("http://", "https://"):
        own.mount(scheme, HTTPAdapter(max_retries=retry))
    own.hooks["response"].append(_same_scheme)
    # Compressed on the way, a body could not be resumed at a byte of the file.
    own.headers["Accept-Encoding"] = "identity"
    return own


def _same_scheme(answer: requests.Response, **_: object) -> None:
    """Refuse to be sent from https to anything else, and from http to what is not the web."""
    if not answer.is_redirect:
        return
    target = urljoin(answer.url, answer.headers["location"])
    if urlsplit(target).scheme not in {"https", urlsplit(answer.url).scheme}:
        raise FetchError(
            f"the server sends us on to {target!r}",
            where=answer.url,
            todo="use --mirror, or correct the URL",
        )


def download(
    own: requests.Session,
    url: str,
    part: Path,
    network: Network,
    tell: Callable[[int, int | None], None],
    most: int | None = None,
) -> None:
    """Add to the file `part` what it lacks of the body of `url`, but never over `most` bytes.

    What it holds is trusted here: whoever calls must verify the whole.
    """
    idle, answered = 0, False
    for _ in range(_MOST_BREAKS):
        have = part.stat().st_size if part.exists() else 0
        try:
            if _attempt(own, url, part, network, tell, most):
                return
            why, answered = "the connection broke off", True
        except (requests.ConnectionError, requests.Timeout) as problem:
            why = _reason(problem)
        except requests.exceptions.ChunkedEncodingError:
            why = "the connection broke off"
        except requests.RequestException as problem:
            raise FetchError(
                _reason(problem),
                where=url,
                todo="try again later, or use --mirror; if the address is wrong, correct the TOML",
            ) from None
        grown = (part.stat().st_size if part.exists() else 0) > have
        answered |= grown
        if idle + 1 >= network.attempts and not grown:
            break
        time.sleep(network.wait * 2**idle)
        idle = 0 if grown else idle + 1
    raise (FetchError if answered else UnreachableError)(
        f"the download does not come through: {why}",
        where=url,
        todo="run the same command again, it goes on where it stopped; or use --mirror",
    )


def _attempt(
    own: requests.Session,
    url: str,
    part: Path,
    network: Network,
    tell: Callable[[int, int | None], None],
    most: int | None,
) -> bool:
    """One request; whether the file is complete after it."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    patience = (min(network.timeout, _CONNECT), network.timeout)
    with own.get(url, headers=headers, stream=True, timeout=patience) as answer:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status_code == 416:
            if found and found[2] == str(have):
                return True
            part.unlink()
            return False
        if answer.status_code not in (200, 206):
            raise FetchError(
                f"the server answers {answer.status_code} {answer.reason}",
                where=answer.url,
                todo="the file has moved: place it by hand, use --mirror, or correct the URL",
            )
        if answer.status_code == 200 or not found or found[1] != str(have):
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        with part.open("ab" if have else "wb") as stream:
            for chunk in answer.iter_content(_CHUNK):
                stream.write(chunk)
                have += len(chunk)
                if most is not None and have > most:
                    raise FetchError(
                        f"the server sends more than the {most:,} bytes that are declared",
                        where=url,
                        todo="the source has changed: use --mirror, or declare the new bytes",
                    )
                tell(have, total)
        return total is None or have == total


def _reason(problem: Exception) -> str:
    text = str(problem)
    if isinstance(problem, requests.Timeout) or "timed out" in text:
        return "the server sends nothing"
    if isinstance(problem, requests.exceptions.RetryError):
        return "the server is busy and stays so (429 or 5xx)"
    return f"{type(problem).__name__}: {text[:200]}"
