"""Start Arrow without pandas: half of what a small stage, or a worker process, takes to start.

Arrow imports pandas at its first array, only to look whether the array is pandas'. Nothing of ours
is, `dvc repro` runs 150 small stages, and every worker would wait for it again.
"""

from __future__ import annotations

import importlib.abc
import sys


class _NoPandas(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: object, target: object = None) -> None:
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


def arrow() -> None:
    """Let Arrow look for pandas now, and not find it.

    Whoever else wants pandas later gets it, Arrow's own `to_pandas` included. Does nothing where
    Arrow has looked before.
    """
    if "pandas" in sys.modules:
        return
    hidden = _NoPandas()
    sys.meta_path.insert(0, hidden)
    try:
        import pyarrow as pa

        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)
