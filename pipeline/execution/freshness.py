"""Decide whether a stage's folder is fresh, for `dvc repro`, `iepile run`, single stages, exports.

When a stage has finished a folder, it writes a stamp beside it, last of all:

    made_from    what the bytes follow from: digests of code and declaration, the parameters that
                 the stage obeyed, and digests of the contents of every input
    files        the digest of every file in the folder

A folder is fresh if its stamp names the same `made_from` and its files match the stamp.
Only contents are compared, never times, so a stamp has the same bytes on every machine.

An unfinished folder lies in `.<name>.partial/files`, beside a copy of `made_from` and a note for
every finished step. If the run is killed, the next one keeps the steps that are done (see `steps`),
provided that its `made_from` is the same.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import xxhash

from pipeline.execution import atomic, engines, shards
from pipeline.execution.engines import Workers

_BYTES_PER_READ: Final = 1 << 22
MadeFrom = dict[str, Any]


class Stamp(msgspec.Struct):
    """What a finished folder was made from, and the digests of its files by their paths in it."""

    made_from: MadeFrom
    files: dict[str, str]


class Place(NamedTuple):
    """A folder that a stage writes, and the path of its stamp."""

    folder: Path
    stamp: Path


class Step(NamedTuple):
    """A piece of a stage's work: the unfinished folder (see `building`), a name, and the item."""

    folder: Path
    name: str
    item: Any


class Done(NamedTuple):
    """The result of a step: the files that it wrote, and a value that JSON can hold."""

    files: list[Path]
    value: Any = None


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder, by its path in it; unfinished files aside."""
    digest_by_path = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(
            part.endswith((".partial", ".retired")) for part in inside.parts
        ):
            digest_by_path[inside.as_posix()] = digest(path)
    return digest_by_path


def digest(path: Path) -> str:
    """Return the digest of the bytes of a file."""
    state = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while piece := stream.read(_BYTES_PER_READ):
            state.update(piece)
    return state.hexdigest()


def contents(files: Mapping[str, str], prefix: str = "") -> str:
    """Return one digest of the names and digests of files, or of those with a prefix."""
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files) if name.startswith(prefix))
    return xxhash.xxh3_128_hexdigest(lines.encode())


def stamp_of(place: Place) -> Stamp | None:
    """Return the stamp of a folder, or None if there is none that can be read."""
    try:
        return msgspec.json.decode(place.stamp.read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def why_stale(place: Place, made_from: MadeFrom, files: Mapping[str, str] | None = None) -> str:
    """Say why a folder cannot be used as it is; "" if it is fresh.

    The stamp may hold more than `made_from`; only the given keys are compared. `files` are the
    digests of the files now in the folder, if the caller knows them.
    """
    if not place.folder.exists():
        return "has not been run"
    stamp = stamp_of(place)
    if stamp is None:
        return "was not finished"
    for key, value in made_from.items():
        if reason := _difference(key, stamp.made_from.get(key), value):
            return reason
    files_now = digests(place.folder) if files is None else files
    if different := sorted({*files_now.items()} ^ {*stamp.files.items()}):
        return f"wrote other files than are there now: {different[0][0]} is changed, new or gone"
    return ""


def _difference(key: str, old: Any, new: Any) -> str:
    """Say how a part of `made_from` has changed, in words that follow a stage's name; "" if not."""
    new = msgspec.to_builtins(new)
    if old == new:
        return ""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return f"was run before its {key} changed"
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if key == "parameters":
        changes = ", ".join(f"{n} was {old.get(n)!r}, is {new.get(n)!r}" for n in names)
        return f"was run with other parameters: {changes}"
    missing = [name for name in names if name not in old or name not in new]
    if missing and key != "sources":
        return f"was run over other {key}: {missing[0]} is in one list and not in the other"
    return f"was run before {names[0]} changed"


def begin(place: Place, made_from: MadeFrom) -> None:
    """Prepare to make a folder; keep what a killed run left if it was made from the same."""
    folder, unfinished = place.folder, _unfinished(place.folder)
    files, plan = unfinished / "files", _plan(unfinished)
    content = msgspec.json.encode(made_from, order="sorted")
    if plan.is_file() and plan.read_bytes() == content:
        if not files.exists() and folder.exists():
            atomic.put(folder, files)  # only the stamp was missing
    else:
        atomic.remove(unfinished)
        shards.write_bytes(content, plan)
    files.mkdir(parents=True, exist_ok=True)


def abandon(place: Place, *, done: bool = False) -> None:
    """Forget an unfinished folder; one with finished steps only if `done` is set."""
    unfinished = _unfinished(place.folder)
    if done or not (unfinished / "done").exists():
        atomic.remove(unfinished)
    atomic.remove_partials(place.stamp)


def finish(place: Place, made_from: MadeFrom) -> dict[str, str]:
    """Stamp a finished folder; return the digests of its files."""
    stamp = Stamp(msgspec.to_builtins(made_from), digests(place.folder))
    shards.write_json(msgspec.to_builtins(stamp), place.stamp)
    atomic.remove(_unfinished(place.folder))
    return stamp.files


def forget(place: Place) -> None:
    """Remove a folder and its stamp, finished or not."""
    for path in (place.stamp, place.folder, _unfinished(place.folder)):
        atomic.remove(path)


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files become those of `folder` if the block succeeds.

    After `begin`, a failure leaves the temporary folder for the next run; without `begin`, it is
    removed. For files needed only on the way, see `scratch`.
    """
    unfinished = _unfinished(folder)
    files = unfinished / "files"
    resumable = _plan(unfinished).is_file()
    if not resumable:
        atomic.remove(unfinished)
        files.mkdir(parents=True)
    try:
        with atomic.explaining(folder):
            yield files
            atomic.put(files, folder)
    finally:
        if not resumable:
            atomic.remove(unfinished)


def scratch(files: Path) -> Path:
    """Return a folder for files needed only on the way; they go when the folder is finished."""
    return files.with_name("scratch")


def steps(
    job: Callable[[Any], Done], todo: Sequence[Step], workers: Workers | int = 1
) -> Iterator[Any]:
    """Yield the value of every step, in order; run only the steps that no earlier run has done.

    `job` takes the item of a step. Values come back as JSON decodes them.
    """
    noted = [_noted_value(step) for step in todo]
    left = [step for step, value in zip(todo, noted, strict=True) if value is None]
    new = engines.run(partial(_step, job=job), left, workers, attrgetter("name"))
    tell = workers.tell if isinstance(workers, engines.Workers) else None
    steps_left = Counter(step.folder for step in todo)  # a folder for each dataset, or one for all
    total, finished = len(steps_left), 0
    for number, (step, value) in enumerate(zip(todo, noted, strict=True), start=1):
        yield msgspec.json.decode(next(new) if value is None else value)
        steps_left[step.folder] -= 1
        finished += not steps_left[step.folder]
        if tell:
            tell(number, len(todo), f"{finished} of {total} datasets" if total > 1 else "")


class _Note(msgspec.Struct):
    """What a finished step leaves: the digests of its files, and its value."""

    files: dict[str, str]
    value: msgspec.Raw


def _step(step: Step, job: Callable[[Any], Done]) -> bytes:
    """Run one step and write its note; return its value as JSON."""
    done = job(step.item)
    value = msgspec.json.encode(done.value)
    unfinished = step.folder.parent
    files = {path.relative_to(unfinished).as_posix(): digest(path) for path in done.files}
    shards.write_bytes(msgspec.json.encode(_Note(files, msgspec.Raw(value))), _note_path(step))
    return value


def _noted_value(step: Step) -> bytes | None:
    """Return the value of a step that an earlier run did; None if its files are not intact."""
    try:
        note = msgspec.json.decode(_note_path(step).read_bytes(), type=_Note)
        intact = all(digest(step.folder.parent / n) == d for n, d in note.files.items())
    except (OSError, msgspec.DecodeError):
        return None
    return bytes(note.value) if intact else None


def _note_path(step: Step) -> Path:
    return step.folder.with_name("done") / f"{xxhash.xxh3_128_hexdigest(step.name.encode())}.json"


def _unfinished(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _plan(unfinished: Path) -> Path:
    """Return the file that holds `made_from` while a folder is unfinished."""
    return unfinished / "made_from.json"
