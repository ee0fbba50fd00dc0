"""Run a function over many items: in this process, in several, or on a Ray cluster.

All three give the same results in the same order, because each item is worked on by itself and its
files appear whole (see `atomic`). What the system refuses, such as space on a full disk, is tried
once more; a mistake in the data or in the program is reported at once. `cluster` is for Ray.
"""

import errno
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final, Literal, NamedTuple, TypeVar

from pipeline.errors import PipelineError, WorkError, explained, killed_twice, of_system
from pipeline.execution import tuning

#: Called with the steps done, the steps in all, and how many datasets are done, in words.
Tell = Callable[[int, int, str], None]
Item = TypeVar("Item")
Result = TypeVar("Result")

#: With fewer bytes of input than this, one process finishes before others have started.
_SMALL: Final = 2_000_000
#: What the system would refuse a second time as well: an impossible path, a missing permission.
_LASTING = (
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE),
)
_PACKAGE: Final = Path(__file__).parents[1]


class Workers(NamedTuple):
    """Who does the work: processes of this machine, or a Ray cluster."""

    processes: int = 1
    engine: Literal["local", "ray"] = "local"
    #: The address of a running Ray cluster; None starts one on this machine, of `processes` CPUs.
    address: str | None = None
    #: Called with the progress of the work.
    tell: Tell | None = None


def enough(workers: Workers | int, size: int) -> Workers:
    """Return the workers for `size` bytes of input: one process if starting more would not pay."""
    crew = Workers(workers) if isinstance(workers, int) else workers
    return crew._replace(processes=1) if crew.engine == "local" and size < _SMALL else crew


def run(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: Workers | int = 1,
    name: Callable[[Item], object] = str,
) -> Iterator[Result]:
    """Yield `function(item)` of every item, in the order of the items.

    A number of workers means processes on this machine. With more than one worker, both functions
    must be picklable. `name` gives the words for an item in errors. The first failure of any item
    stops the others. Raises `PipelineError` as the function does, or `WorkError`.
    """
    crew = Workers(workers) if isinstance(workers, int) else workers
    job = partial(_tried, function=function, name=name)
    if crew.engine == "ray":
        from pipeline.execution import cluster

        yield from cluster.run(job, items, crew.processes, crew.address, name)
    elif crew.processes <= 1 or len(items) <= 1:
        yield from map(job, items)
    else:
        yield from _in_processes(job, items, min(crew.processes, len(items)), name)


def _tried(
    item: Item, function: Callable[[Item], Result], name: Callable[[Item], object]
) -> Result:
    """Return the result; try once more what the system refused, if that may pass."""
    again = False
    while True:
        try:
            return function(item)
        except (PipelineError, ModuleNotFoundError):
            raise
        except (OSError, MemoryError) as problem:
            where = name(item)
            if isinstance(problem, OSError) and problem.errno in _LASTING:
                raise of_system(problem, where) from problem
            if again:
                raise explained(problem, where) or WorkError(
                    f"this failed twice: {_summary(problem)}",
                    where=where,
                    todo="remove the cause and run the same command again; this item was not "
                    "finished",
                ) from problem
            again = True
        except Exception as problem:
            raise WorkError(
                f"this is a bug in the program: {_summary(problem)}",
                where=name(item),
                todo="report these lines and the command; a second run would fail in the same way",
            ) from problem
        finally:
            tuning.release()


def _summary(problem: Exception) -> str:
    """Return the exception in words, and the last line of this package that it came from."""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)][1:]
    frame = (ours or frames)[-1]
    path = Path(frame.filename)
    file = path.relative_to(_PACKAGE) if ours else path.name
    return f"{type(problem).__name__}: {problem!s:.200} ({file}:{frame.lineno})"


def _in_processes(
    job: Callable[[Item], Result], items: Sequence[Item], count: int, name: Callable[[Item], object]
) -> Iterator[Result]:
    other_children = {*multiprocessing.active_children()}
    pool, number = _pool(count), 0
    try:
        try:
            futures = _submitted(pool, job, items)
            running = {*futures}
            for future in futures:
                while not future.done():
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for other in done:
                        other.result()  # raises the first failure of any item
                yield future.result()
                number += 1
        except BrokenProcessPool:
            # It is not known which item did it: those that are left are tried one by one, which
            # also leaves each of them more memory.
            sys.stderr.write(f"a process was killed; one goes on from {name(items[number])}\n")
            pool = _pool(1)
            for item in items[number:]:
                try:
                    (future,) = _submitted(pool, job, [item])
                    result = future.result()
                except BrokenProcessPool:
                    raise killed_twice(name(item)) from None
                yield result
    except BaseException:
        # A process that is still writing would bring back the folder that the caller now removes.
        for child in {*multiprocessing.active_children()} - other_children:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _pool(count: int) -> ProcessPoolExecutor:
    # Workers are forked from a server process that has imported the slow modules once, but has
    # started none of Arrow's threads, which do not survive a fork.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["pipeline.execution.shards", "pipeline.tables", "pyarrow.compute"]
    )
    return ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    """Prepare a worker process. It ignores Ctrl-C, which its parent handles for all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tuning.skip_pandas()
    tuning.tune()
    Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent dies, lest this worker waits forever or writes into the next run."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _submitted(
    pool: ProcessPoolExecutor, job: Callable[[Item], Result], items: Sequence[Item]
) -> list[Future[Result]]:
    # Workers that this starts must ignore Ctrl-C at once, not only from `_start_worker` on.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return [pool.submit(job, item) for item in items]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
