"""Start with less: leave out what a library imports only to look whether it is there.

Arrow imports pandas at its first array, NLTK imports scikit-learn and SciPy for what nobody here
uses. Every process of workers would wait for these again.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.abc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Parameters of mallopt(3), and bytes.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 64 << 20


class _Hidden(importlib.abc.MetaPathFinder):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        del path, target
        if name in self.names:
            raise ModuleNotFoundError(name, name=name)


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Inside the block these packages are not found, but for those that are imported already.

    Whoever wants them later gets them.
    """
    hidden = _Hidden(names)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)


def arrow() -> None:
    """Let Arrow look for pandas now, and not find it; `to_pandas` finds it all the same later."""
    if "pandas" in sys.modules:
        return
    with without("pandas"):
        import pyarrow as pa

        pa.array([0])


def settle() -> None:
    """Fit this process to tables of many rows, which changes nothing but the time that it takes.

    Python looks for cycles seldom: records are many small objects, and never one. The C library
    (glibc) keeps up to 64 MiB that arrays give back, for the next ones.
    """
    gc.set_threshold(100_000, 20, 100)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            mallopt(parameter, _KEPT)
