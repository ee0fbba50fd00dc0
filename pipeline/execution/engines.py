"""Run a function over many items: in this process, in several, or on a Ray cluster.

The same results in the same order either way, since an item is worked on by itself and what it
writes is put in place whole (see `atomic`). What may pass, such as a full disk, is tried a second
time and then named; a mistake in the data or in the program is named at once.
`cluster` has what is Ray's.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

from pipeline.errors import PipelineError, WorkError, explained, killed_twice, of_system
from pipeline.execution import tuning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Takes steps done, steps in all, and words for how many datasets are done.
Tell = Callable[[int, int, str], None]
Item = TypeVar("Item")
Result = TypeVar("Result")

#: Bytes of shards below which one process is done before others have started.
_SMALL: Final = 2_000_000
#: What the system will refuse a second time as well: a path that cannot be, or a missing right.
_LASTING = (
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE),
)
#: What this program or a library does wrong: the same data meet it again.
_FAULTS: Final = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError),
    *(NotImplementedError, RecursionError, TypeError, ValueError),
)
#: Of these, what the system is to blame for: Arrow's ArrowMemoryError, for one, is of both kinds.
_PASSING: Final = (OSError, MemoryError)
_PACKAGE: Final = Path(__file__).parents[1]


class Workers(NamedTuple):
    """Who does the work: processes of this machine, or a Ray cluster."""

    processes: int = 1
    engine: Literal["local", "ray"] = "local"
    #: Of an existing Ray cluster; without one, `processes` CPUs of this machine become a cluster.
    address: str | None = None
    #: Is told how far the work is.
    tell: Tell | None = None


def enough(workers: Workers | int, size: int) -> Workers:
    """The workers for shards of so many bytes: processes that take longer to start are not."""
    crew = Workers(workers) if isinstance(workers, int) else workers
    return crew._replace(processes=1) if crew.engine == "local" and size < _SMALL else crew


def run(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: Workers | int = 1,
    name: Callable[[Item], object] = str,
) -> Iterator[Result]:
    """Yield `function(item)` of every item, in the order of the items.

    With several workers both functions must be picklable; a number of workers means processes of
    this machine. `name` tells in an error which item it was. The first failure stops the others.
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
    """The result, at the second try where the first one may have met something that passes."""
    try:
        return function(item)
    except (PipelineError, ModuleNotFoundError):
        raise
    except Exception as problem:
        if told := _lasting(problem, name(item)):
            raise told from problem
    try:
        return function(item)
    except (PipelineError, ModuleNotFoundError):
        raise
    except Exception as problem:
        if told := _lasting(problem, name(item)) or explained(problem, name(item)):
            raise told from problem
        raise WorkError(
            f"this failed twice: {_account(problem)}",
            where=name(item),
            todo="what was done is not kept; run the same command again when the cause is gone",
        ) from problem


def _lasting(problem: Exception, where: object) -> WorkError | None:
    """What to raise where a second try would end in the same way."""
    if isinstance(problem, OSError) and problem.errno in _LASTING:
        return of_system(problem, where)
    if not isinstance(problem, _FAULTS) or isinstance(problem, _PASSING):
        return None
    return WorkError(
        f"this is a fault of the program: {_account(problem)}",
        where=where,
        todo="report these lines and the command; a second run would end in the same way",
    )


def _account(problem: Exception) -> str:
    """What was raised, and the last line of this package on the way there."""
    frames = traceback.extract_tb(problem.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)][1:]
    frame = (own or frames)[-1]
    place = Path(frame.filename)
    told = place.relative_to(_PACKAGE) if own else place.name
    return f"{type(problem).__name__}: {problem!s:.200} ({told}:{frame.lineno})"


def _in_processes(
    job: Callable[[Item], Result], items: Sequence[Item], count: int, name: Callable[[Item], object]
) -> Iterator[Result]:
    others = {*multiprocessing.active_children()}
    #: Takes the first failure of any item, whichever is waited for.
    failure: Future[Result] = Future()
    pool = _pool(count)
    try:
        futures = [_submitted(pool, job, item, failure) for item in items]
        for number, item in enumerate(items):
            wait([futures[number], failure], return_when=FIRST_COMPLETED)
            if failure.done():
                failure.result()
            try:
                result = futures[number].result()
            except BrokenProcessPool:
                # Nobody knows which item did it: the next one is tried alone, the rest together.
                sys.stderr.write(f"a process was killed; {name(item)} is tried again alone\n")
                pool.shutdown()
                pool = _pool(1)
                result = _alone(pool, job, item, name)
                pool.shutdown()
                pool = _pool(count)
                for later in range(number + 1, len(items)):
                    if isinstance(futures[later].exception(), BrokenProcessPool):
                        futures[later] = _submitted(pool, job, items[later], failure)
            yield result
    except BaseException:
        # Processes that still write would bring back the folder that the caller now removes.
        for child in {*multiprocessing.active_children()} - others:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _pool(count: int) -> ProcessPoolExecutor:
    # Forked from a server without Arrow's threads, which do not survive a fork; it starts once and
    # holds what takes long to import.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["pipeline.execution.shards", "pipeline.tables", "pyarrow.compute"]
    )
    return ProcessPoolExecutor(count, mp_context=context, initializer=_begin)


def _begin() -> None:
    """Ctrl-C reaches every process of a terminal; the parent alone answers it.

    Whose parent is killed ends as well: it would wait for work for ever, or write among the files
    of the next run.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tuning.skip_pandas()
    tuning.tune()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _submitted(
    pool: ProcessPoolExecutor, job: Callable[[Item], Result], item: Item, failure: Future[Result]
) -> Future[Result]:
    # A process that this starts is deaf to Ctrl-C from the first, not only from `_begin` on.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        future = pool.submit(job, item)
    except BrokenProcessPool as problem:
        future = Future()
        future.set_exception(problem)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    future.add_done_callback(partial(_watch, failure=failure))
    return future


def _watch(future: Future[Result], failure: Future[Result]) -> None:
    """Pass the failure of an item on; a killed process is none, its items are tried again."""
    problem = None if future.cancelled() else future.exception()
    if problem and not isinstance(problem, BrokenProcessPool) and not failure.done():
        failure.set_exception(problem)


def _alone(
    pool: ProcessPoolExecutor,
    job: Callable[[Item], Result],
    item: Item,
    name: Callable[[Item], object],
) -> Result:
    try:
        return _submitted(pool, job, item, Future()).result()
    except BrokenProcessPool:
        raise killed_twice(name(item)) from None
