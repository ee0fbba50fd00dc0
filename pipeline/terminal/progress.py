"""How far the work is: a bar on a terminal, and a line for every stage when it ends."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.errors import counted
from pipeline.execution.engines import Tell


@contextmanager
def watch(stage: str) -> Iterator[tuple[Tell, Callable[[str], None]]]:
    """Yield what to call for every step, and what to call with the words for the last line."""
    begun, ended = time.monotonic(), [""]
    with _bar(stage) as tell:
        yield tell, ended.append
    line = f"{stage:10} {time.monotonic() - begun:7.1f} s  {ended[-1]}"
    sys.stderr.write(f"{line.rstrip()}\n")


@contextmanager
def _bar(stage: str) -> Iterator[Tell]:
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[steps]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(stage, total=None, steps="")

        def tell(done: int, total: int, parts: str) -> None:
            speed = progress.tasks[0].speed
            rate = f"{speed:.1f} a second" if speed else ""
            words = ", ".join(filter(None, (parts, f"{done} of {counted(total, 'steps')}", rate)))
            progress.update(bar, completed=done, total=total, steps=words)

        yield tell
