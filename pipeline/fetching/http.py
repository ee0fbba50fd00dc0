"""Download one file over HTTP: resume it, retry, and never wait forever.

`requests` downloads. Its `Retry` repeats a request that fails before the first byte, such as with
429 or 503, after the pause that Retry-After names. A body that breaks off or stalls is resumed
where it stopped, in this run or the next.
A server that sends next to nothing counts as silent. The timeout of a socket starts again with
every byte, so that one byte a second could hold up a download, or its headers, for years. Here an
answer must bring a fair number of bytes within every timeout (see `SLOWEST`).
"""

import io
import re
import shutil
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.connection import HTTPConnection, HTTPSConnection

from pipeline.errors import FetchError, WorkError

#: Bytes a second, on average over the timeout, below which an answer is given up.
SLOWEST: Final = 1000


class _Paced(io.RawIOBase):
    """Reads from a socket; times out if it brings too few bytes."""

    def __init__(self, raw: io.RawIOBase, seconds: float | None) -> None:
        self._raw, self._seconds = raw, seconds or float("inf")
        self._since, self._bytes = time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._raw.readinto(buffer)
        self._bytes += count or 0
        if (now := time.monotonic()) - self._since > self._seconds:
            if self._bytes < SLOWEST * self._seconds:
                raise TimeoutError("timed out")
            self._since, self._bytes = now, 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, sock: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        stream: Any = self.fp
        self.fp = io.BufferedReader(_Paced(stream.detach(), sock.gettimeout()))

    def begin(self) -> None:
        """Read the headers. Skip the body of an error or a redirect: nobody needs it."""
        super().begin()
        if self.status not in (200, 206):
            for name in ("Content-Length", "Transfer-Encoding"):
                del self.headers[name]
            self.chunked, self.length, self.will_close = False, 0, True


class _Connection(HTTPConnection):
    response_class = _Answer


class _SafeConnection(HTTPSConnection):
    response_class = _Answer


class Adapter(HTTPAdapter):
    """Makes `requests` use the connections above."""

    def get_connection_with_tls_context(self, *arguments: Any, **more: Any) -> Any:
        """Return the pool of connections to a server or a proxy, with ours in it."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **more)
        pool.ConnectionCls = _SafeConnection if pool.scheme == "https" else _Connection
        return pool


_CHUNK: Final = 1 << 14
#: Seconds for a connection to be made.
_CONNECT: Final = 15
#: Status codes after which a request is repeated.
_BUSY: Final = (429, 500, 502, 503, 504)
#: How often a download may break off.
_MOST_BREAKS: Final = 100
#: The most bytes of a file that declares no size.
MOST: Final = 4 << 30
#: Bytes that are left free on the disk.
_SPARE: Final = 100 << 20
_BROKEN: Final = "the connection broke off"
_SILENT: Final = "the server sends nothing, or hardly anything"
_HASH: Final = re.compile(r'(?:W/)?"([0-9a-f]{40}|[0-9a-f]{64})"')
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

    @property
    def patience(self) -> tuple[float, float]:
        """Seconds for a connection to be made, and for bytes to come."""
        return min(self.timeout, _CONNECT), self.timeout


def session(network: Network) -> requests.Session:
    """A session that repeats requests which a server asks to repeat."""
    retry = Retry(
        total=network.attempts,
        connect=0,  # `download` repeats these itself, from the bytes that it has
        read=0,
        backoff_factor=network.wait,
        status_forcelist=_BUSY,
        allowed_methods=["GET", "HEAD"],
        retry_after_max=network.longest_wait,
    )
    web = requests.Session()
    for scheme in ("http://", "https://"):
        web.mount(scheme, Adapter(max_retries=retry))
    web.hooks["response"].append(_same_scheme)
    # Compressed on the way, a body could not be resumed at a byte of the file.
    web.headers["Accept-Encoding"] = "identity"
    return web


def _same_scheme(answer: requests.Response, **_: object) -> None:
    """Refuse redirects from https to anything else, and from http to anything but http(s)."""
    if not answer.is_redirect:
        return
    target = urljoin(answer.url, answer.headers["location"])
    if urlsplit(target).scheme not in {"https", urlsplit(answer.url).scheme}:
        todo = "use --mirror, or correct the URL"
        raise FetchError(f"the server redirects to {target!r}", where=answer.url, todo=todo)


def download(
    web: requests.Session,
    url: str,
    part: Path,
    network: Network,
    tell: Callable[[int, int | None], None],
    most: int | None = None,
) -> None:
    """Append the missing part of the body of `url` to the file `part`.

    `part` never grows over `most` bytes, the declared size, or over `MOST` without one. Bytes that
    it holds already are taken as they are, so the caller must verify the whole file. Raises
    FetchError if the server refuses, and UnreachableError if it never answers.
    """
    idle, answered = 0, False
    for _ in range(_MOST_BREAKS):
        size_before = _size(part)
        try:
            if _attempt(web, url, part, network, tell, most):
                return
            why, answered = _BROKEN, True
        except (requests.ConnectionError, requests.Timeout) as problem:
            why = reason(problem)
        except requests.exceptions.ChunkedEncodingError:
            why = _BROKEN
        except requests.RequestException as problem:
            todo = "try again later, or use --mirror; if the address is wrong, correct the TOML"
            raise FetchError(reason(problem), where=url, todo=todo) from None
        new_bytes = _size(part) - size_before
        progressed = new_bytes >= (SLOWEST * network.timeout if why == _SILENT else 1)
        answered |= new_bytes > 0
        if idle + 1 >= network.attempts and not progressed:
            break
        time.sleep(network.wait * 2**idle)
        idle = 0 if progressed else idle + 1
    what = f"the download fails again and again: {why}"
    todo = "run the same command again, it resumes where it stopped; or use --mirror"
    raise FetchError if answered else UnreachableError(what, where=url, todo=todo)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def stated_hash(web: requests.Session, url: str, network: Network) -> dict[str, str]:
    """Return the hash that the Hugging Face Hub states for a file at a commit: `sha256` or `git`.

    Large files are stored under their sha256, the others under their Git blob id. Empty where the
    server states neither, or speaks of another commit.
    """
    try:
        last = web.head(url, allow_redirects=True, timeout=network.patience)
    except requests.RequestException as problem:
        what = f"the server does not state the hash of this file: {reason(problem)}"
        todo = "run the same command again; or use --mirror"
        raise FetchError(what, where=url, todo=todo) from None
    for answer in (*last.history, last):
        commit = answer.headers.get("X-Repo-Commit")
        tag = answer.headers.get("X-Linked-Etag") or answer.headers.get("ETag", "")
        if commit and commit in url and (match := _HASH.fullmatch(tag)):
            return {"sha256" if len(match[1]) == 64 else "git": match[1]}
    return {}


def _attempt(
    web: requests.Session,
    url: str,
    part: Path,
    network: Network,
    tell: Callable[[int, int | None], None],
    most: int | None,
) -> bool:
    """Make one request; return whether the file is complete after it."""
    have = _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    with web.get(url, headers=headers, stream=True, timeout=network.patience) as answer:
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status_code == 416:
            if match and match[2] == str(have):
                return True
            part.unlink()
            return False
        if answer.status_code not in (200, 206):
            what = f"the server answers {answer.status_code} {answer.reason}"
            todo = "the file has moved: place it by hand, use --mirror, or correct the URL"
            raise FetchError(what, where=answer.url, todo=todo)
        if answer.status_code == 200 or not match or match[1] != str(have):
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        # Of a file that is compressed, a server may say that the transfer is: store what it sends.
        answer.raw.headers.pop("Content-Encoding", None)
        with part.open("ab" if have else "wb") as stream:
            _check(url, part, have, total, most)
            for chunk in answer.iter_content(_CHUNK):
                stream.write(chunk)
                have += len(chunk)
                _check(url, part, have, total, most)
                tell(have, total)
        return total is None or have == total


def _check(url: str, part: Path, have: int, total: int | None, most: int | None) -> None:
    """Refuse more bytes than are declared, more than `MOST`, or more than the disk can hold."""
    if max(have, total or 0) > (MOST if most is None else most):
        part.unlink()
        if most is None:
            what = f"the server sends more than {MOST:,} bytes, the most that is taken of a file"
            todo = "get the file by hand, or use --mirror"
        else:
            what = f"the server sends more than the {most:,} bytes that are declared"
            todo = "the source has changed: use --mirror, or declare the new bytes"
        raise FetchError(what, where=url, todo=todo)
    free = shutil.disk_usage(part.parent).free
    if max(0, (total or 0) - have) > free - _SPARE:
        what = f"no room for {url}: {free:,} bytes are free on this disk"
        todo = "free some, then run the same command again"
        raise WorkError(what, where=part.parent, todo=todo)


def reason(problem: Exception) -> str:
    """Why a request failed, in words."""
    text = str(problem)
    if isinstance(problem, requests.Timeout) or "timed out" in text:
        return _SILENT
    if isinstance(problem, requests.exceptions.RetryError):
        return "the server stays busy (429 or 5xx)"
    return f"{type(problem).__name__}: {text[:200]}"
