"""Fit a process to this work, which changes nothing but the time and memory that it takes."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Final

#: Parameters of mallopt(3), and bytes.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 64 << 20


def skip_pandas() -> None:
    """Let Arrow look for pandas now, and not find it; `to_pandas` finds it all the same later.

    Arrow imports pandas at its first array, and every worker process would wait for that.
    """
    if "pandas" in sys.modules:
        return
    from pipeline.text import without

    with without("pandas"):
        import pyarrow as pa

        pa.array([0])


def tune() -> None:
    """Fit this process to tables of many rows.

    Python looks for cycles seldom: records are many small objects, and never one. The C library
    (glibc) keeps up to 64 MiB that arrays give back, for the next ones.
    """
    gc.set_threshold(100_000, 20, 100)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            mallopt(parameter, _KEPT)
