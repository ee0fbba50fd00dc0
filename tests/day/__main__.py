"""`python -m tests.day --seed 3 --operations 50`: a day of use, the same one for the same seed."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.day import play


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.day", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--operations", type=int, default=50)
    parser.add_argument("--dvc", action="store_true", help="run the stages by DVC as well")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where (default: a folder that goes)"
    )
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="day-"))
    start = time.perf_counter()
    compared = play(folder, arguments.seed, arguments.operations, dvc=arguments.dvc, say=print)
    print(f"{time.perf_counter() - start:.0f} s:", *(f"{n:,} {k}," for k, n in compared.items()))
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


sys.exit(main())
