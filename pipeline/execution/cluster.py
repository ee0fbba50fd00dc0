"""Run a function over many items on a Ray cluster. The only file that imports ray.

A cluster that runs already is asked first whether its machines have what this one has: another
version of the package, or of what it uses, might give other bytes, on some shards only.
"""

from __future__ import annotations

import os
import re
import socket
from collections import deque
from importlib.metadata import PackageNotFoundError, requires
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline.errors import WorkError, killed_twice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds until a machine that does not answer is given up.
_PATIENCE: Final = 10
#: Seconds for the items under way to end by themselves after a failure: to leave takes longer.
_GRACE: Final = 1
_START: Final = 120
_SAME: Final = (
    "install the same package in the same folder on every machine, with the versions of "
    "constraints.txt, and start its ray with that Python"
)


def run(
    job: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    address: str | None,
    name: Callable[[Item], object],
) -> Iterator[Result]:
    """Yield `job(item)` of every item, in order. Without an address, on a cluster of this machine.

    `job` tries twice what fails with a Python error; a process that is killed is replaced once.
    Two items per CPU are under way at a time. The first failure of any of them waits a moment for
    the others, then leaves the cluster, which ends what still runs. They are not cancelled one by
    one: a task that ends just as it is cancelled makes ray 2.60 abort the whole process.
    """
    ray = _joined(processes, address)
    shared = ray.put(job)
    call: Any = ray.remote(max_retries=1, num_cpus=1)(_called)
    waiting = iter(items)
    unread: deque[Any] = deque()
    running: dict[Any, Item] = {}
    done: dict[Any, Result] = {}
    try:
        while True:
            room = 2 * max(1, int(ray.cluster_resources().get("CPU", 1))) - len(running)
            for item in islice(waiting, max(0, room)):
                unread.append(call.remote(shared, item))
                running[unread[-1]] = item
            if not unread:
                return
            if unread[0] in done:
                yield done.pop(unread.popleft())
                continue
            for reference in ray.wait([*running])[0]:
                item = running.pop(reference)
                done[reference] = _result(ray, reference, name(item))
    except BaseException as problem:
        patience = _GRACE if isinstance(problem, Exception) else 0
        if running and ray.wait([*running], num_returns=len(running), timeout=patience)[1]:
            ray.shutdown()
        raise


def _result(ray: Any, reference: Any, where: object) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as problem:
        raise problem.cause from None
    except ray.exceptions.RayError as problem:
        raise killed_twice(where, f" ({type(problem).__name__})") from None


def _called(job: Callable[[Item], Result], item: Item) -> Result:
    return job(item)


def _joined(processes: int, address: str | None) -> Any:
    """Ray, as part of the cluster at the address, or of one of this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address:
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "2")
    try:
        import ray
    except ImportError:
        raise WorkError(
            "ray is not installed",
            where="--engine ray",
            todo="in the project folder: pip install -c constraints.txt -e '.[ray]'",
        ) from None
    if ray.is_initialized():
        return ray
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            _reach(address)
            ray.init(address, **quiet)
        else:
            ray.init("local", num_cpus=processes, include_dashboard=False, **quiet)
    except (OSError, RuntimeError, ValueError) as problem:
        raise _unjoined(problem, address) from None
    if address:
        _compare(ray, address)
    return ray


def _reach(address: str) -> None:
    """Fail at once where nobody listens; ray alone would try for minutes."""
    host, _, port = address.rpartition(":")
    if "/" not in address and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


def _unjoined(problem: Exception, address: str | None) -> WorkError:
    where = f"--address {address}" if address else "--engine ray"
    if "AuthToken" in f"{problem} {problem.__cause__}":
        return WorkError(
            "the Ray cluster wants a token",
            where=where,
            todo="export RAY_AUTH_MODE=token, and the cluster's token as RAY_AUTH_TOKEN or in "
            "~/.ray/auth_token",
        )
    return WorkError(
        f"cannot join the Ray cluster: {problem}",
        where=where,
        todo="give the address that `ray start --head` printed, on a machine of the cluster that "
        "has the same version of ray",
    )


def _compare(ray: Any, address: str) -> None:
    """Fail where a machine of the cluster would not run the same code."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    nodes = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise WorkError(
            "no machine of the cluster offers a CPU",
            where=f"--address {address}",
            todo="start its ray with --num-cpus, on the machines that shall work",
        )
    facts = _facts(_required())
    ask = ray.remote(num_cpus=0)(facts)
    asked = [ask.options(scheduling_strategy=On(n["NodeID"], soft=False)).remote() for n in nodes]
    own, different = facts(), []
    for node, reference in zip(nodes, asked, strict=True):
        try:
            found = ray.get(reference, timeout=_START)
        except (ray.exceptions.RayError, TimeoutError) as problem:
            raise WorkError(
                f"this machine of the cluster cannot work: {type(problem).__name__}",
                where=node["NodeManagerHostname"],
                todo="see the logs of its ray",
            ) from None
        lines = [f"{key} is {found[key]}, here {own[key]}" for key in own if found[key] != own[key]]
        if lines:
            different.append(f"{node['NodeManagerHostname']}: {'; '.join(lines)}")
    if different:
        what = "\n  ".join(["machines of the cluster differ from this one:", *different])
        raise WorkError(what, where=f"--address {address}", todo=_SAME)


def _required() -> list[str]:
    """The packages that this one is made with, but for those of its extras."""
    try:
        told = requires("iepile-pipeline") or []
    except PackageNotFoundError:  # run from its folder; `iepile doctor` tells
        told = ["numpy", "pyarrow"]
    return [re.split(r"[^\w.-]", line)[0] for line in told if "extra ==" not in line]


def _facts(packages: Sequence[str]) -> Callable[[], dict[str, str]]:
    """A function that tells with what a machine would do the work.

    It is made here, not at the top, because only such a function travels as a whole: a machine
    that lacks this package could not import it.
    """

    def facts() -> dict[str, str]:
        import sys
        from importlib.metadata import PackageNotFoundError, version

        found = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}"}
        for package in packages:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = "missing"
        try:
            from pipeline.execution import code
        except ImportError as problem:
            found["pipeline"] = f"missing ({problem})"
        else:
            files = (p for p in code.PACKAGE.rglob("*") if p.suffix in (".py", ".toml", ".txt"))
            found["pipeline"] = f"{code.digest(files)[:12]} in {code.PACKAGE.resolve()}"
        return found

    return facts
