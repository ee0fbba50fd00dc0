"""Tune a process for this work. Only time and memory change, never a result."""

import ctypes
import gc
import sys
from typing import Final

#: Parameters of mallopt(3), and how many freed bytes the C library keeps.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 64 << 20


def skip_pandas() -> None:
    """Hide pandas from Arrow's first look for it; `to_pandas` still finds it later.

    Arrow imports pandas when it makes its first array, and every worker would wait for that.
    """
    if "pandas" in sys.modules:
        return
    from pipeline.text import without

    with without("pandas"):
        import pyarrow as pa

        pa.array([0])


def tune() -> None:
    """Tune this process for tables of many rows.

    Python rarely searches for reference cycles: records are many small objects without any. The C
    library (glibc) keeps up to 64 MiB of freed memory for the next arrays.
    """
    gc.set_threshold(100_000, 20, 100)
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            mallopt(parameter, _KEPT)


def release() -> None:
    """Give memory back that Arrow keeps for its next arrays, for there may be other work now."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
