"""Connections that end: a server that sends next to nothing is given up like one that is silent.

The timeout of a socket begins anew with every byte, so that a byte a second would hold a download
for years, and a header as well. Here an answer must bring some bytes in every such time.
"""

import io
import time
from http.client import HTTPResponse
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Bytes a second, on average over the timeout, below which an answer is given up.
SLOWEST: Final = 1000


class _Paced(io.RawIOBase):
    """The bytes of a socket, for as long as enough of them come."""

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
        """Read the headers. Of what is no file the body is left: it would be read to its end."""
        super().begin()
        if self.status not in (200, 206):
            for name in ("Content-Length", "Transfer-Encoding"):
                del self.headers[name]
            self.chunked, self.length, self.will_close = False, 0, True


class _Connection(HTTPConnection):
    response_class = _Answer


class _SafeConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _SafeConnection


class Adapter(HTTPAdapter):
    """What `requests` connects with, here for such connections."""

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """As it is, with our connections."""
        super().init_poolmanager(*arguments, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}

    def proxy_manager_for(self, *arguments: Any, **more: Any) -> Any:
        """As it is, with our connections."""
        manager: Any = super().proxy_manager_for(*arguments, **more)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SafePool}
        return manager
