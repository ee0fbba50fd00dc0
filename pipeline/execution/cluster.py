"""Run a function over many items on a Ray cluster. The only file that imports ray.

Before work starts on a cluster that is already running, its machines are compared with this one:
another version of this package, or of one it uses, might give other bytes on some shards only.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from pipeline.errors import WorkError, killed_twice
from pipeline.execution import code

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds to wait for the address to answer, and for a machine to run a first task.
_CONNECT_TIMEOUT: Final = 10
_TASK_TIMEOUT: Final = 120
#: Seconds that running items have to end by themselves after a failure: leaving takes longer.
_GRACE: Final = 1


def run(
    job: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    address: str | None,
    name: Callable[[Item], object],
) -> Iterator[Result]:
    """Yield `job(item)` of every item, in order. Without an address, start a cluster here.

    Ray replaces a killed process once; `job` itself handles what fails with a Python error. After
    the first failure the others have a moment to end; then we leave the cluster, which stops them.
    They are not cancelled one by one: a task that ends just as it is cancelled makes ray 2.60 abort
    the whole process.
    """
    ray = _join(processes, address)
    shared = ray.put(job)
    call: Any = ray.remote(max_retries=1, num_cpus=1)(_called)
    running = {call.remote(shared, item): item for item in items}
    done: dict[Any, Result] = {}
    try:
        for reference in [*running]:
            while reference not in done:
                for ready in ray.wait([*running])[0]:
                    done[ready] = _result(ray, ready, name(running.pop(ready)))
            yield done.pop(reference)
    except BaseException as problem:
        grace = _GRACE if isinstance(problem, Exception) else 0
        if running and ray.wait([*running], num_returns=len(running), timeout=grace)[1]:
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


def _join(processes: int, address: str | None) -> Any:
    """Join the cluster at the address, or start one on this machine; return the ray module."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address:
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "2")
    import ray

    if ray.is_initialized():
        return ray
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            _check_address(address)
            ray.init(address, **quiet)
        else:
            ray.init("local", num_cpus=processes, include_dashboard=False, **quiet)
    except (OSError, RuntimeError, ValueError) as problem:
        raise WorkError(
            f"cannot join the Ray cluster: {problem}",
            where=f"--address {address}" if address else "--engine ray",
            todo="use the address that `ray start --head` printed, on a machine of the cluster, "
            "with the same version of ray; if the cluster wants a token, export "
            "RAY_AUTH_MODE=token, and put it into RAY_AUTH_TOKEN or ~/.ray/auth_token",
        ) from None
    if address:
        _check_machines(ray, address)
    return ray


def _check_address(address: str) -> None:
    """Fail at once if nothing listens there; ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if "/" not in address and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT).close()


def _check_machines(ray: Any, address: str) -> None:
    """Fail if a machine of the cluster would not run the same code as this one."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

    nodes = [n for n in ray.nodes() if n["Alive"] and n["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise WorkError(
            "no machine of the cluster offers a CPU",
            where=f"--address {address}",
            todo="start ray with --num-cpus on the machines that are to do the work",
        )
    ask = ray.remote(num_cpus=0)(_versions)
    answers = [ask.options(scheduling_strategy=On(n["NodeID"], soft=False)).remote() for n in nodes]
    here, differences = _versions(), []
    for node, reference in zip(nodes, answers, strict=True):
        try:
            there = ray.get(reference, timeout=_TASK_TIMEOUT)
        except (ray.exceptions.RayError, TimeoutError) as problem:
            raise WorkError(
                f"this machine of the cluster cannot work: {type(problem).__name__}",
                where=node["NodeManagerHostname"],
                todo="see whether the same package is installed there, and read its Ray logs",
            ) from None
        if other := [
            f"{key} is {there.get(key, 'missing')}, here {version}"
            for key, version in here.items()
            if there.get(key) != version
        ]:
            differences.append(f"{node['NodeManagerHostname']}: {'; '.join(other)}")
    if differences:
        raise WorkError(
            "\n  ".join(["machines of the cluster differ from this one:", *differences]),
            where=f"--address {address}",
            todo="install the same package in the same folder on every machine, with the versions "
            "of constraints.txt, and start its ray with that Python",
        )


def _versions() -> dict[str, str]:
    """Return the versions of the code that this machine runs: of Python, packages and this one."""
    files = [p for p in code.PACKAGE.rglob("*") if p.suffix in (".py", ".toml", ".txt")]
    packages = code.versions(path for path in files if path.suffix == ".py")
    return packages | {"pipeline": f"{code.digest(files)[:12]} in {code.PACKAGE.resolve()}"}
