"""Is a stage's folder fresh? One answer for `dvc repro`, `iepile run`, single stages and exports.

A stage that has finished a folder leaves a stamp beside it, the last thing that is written:

    made_from    what the bytes follow from: digests of code and declaration, the parameters that
                 were obeyed, and the contents of every input
    files        the digest of every file in the folder

A folder is fresh if its stamp names the same `made_from` and its files are those of the stamp.
Everything is compared by contents, never by time, so a stamp has the same bytes on every machine.

While a folder is under way its files lie in `.<name>.partial/files`, beside a copy of `made_from`
and a note of every finished step. A run that was killed leaves that, and the next one takes up the
steps that are done (`Steps`), provided that it would make the same.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import xxhash

from pipeline.execution import atomic, engines, shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.execution.engines import Workers

_PIECE: Final = 1 << 22
_PLAN: Final = "made_from.json"
MadeFrom = dict[str, Any]


class Stamp(msgspec.Struct):
    """What a finished folder was made from, and what it holds."""

    made_from: MadeFrom
    files: dict[str, str]


class Place(NamedTuple):
    """A folder that a stage writes, and where its stamp lies."""

    folder: Path
    stamp: Path


class Step(NamedTuple):
    """A piece of a stage's work: the folder under way (see `building`), a name, and the item."""

    folder: Path
    name: str
    item: Any


class Done(NamedTuple):
    """What a step has made: its files, and what it found (JSON)."""

    files: list[Path]
    value: Any = None


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file in a folder, by its path in there; hidden ones are no results."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(
            part.endswith((".partial", ".retired")) for part in inside.parts
        ):
            found[inside.as_posix()] = digest(path)
    return found


def digest(path: Path) -> str:
    """The digest of the bytes of one file."""
    found = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def contents(files: Mapping[str, str], part: str = "") -> str:
    """One digest of the names and bytes of files, or of those whose names begin with `part`."""
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files) if name.startswith(part))
    return xxhash.xxh3_128_hexdigest(lines.encode())


def stamp_of(place: Place) -> Stamp | None:
    """The stamp of a folder, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(place.stamp.read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def why_stale(place: Place, made_from: MadeFrom, files: Mapping[str, str] | None = None) -> str:
    """Why a folder cannot be used as it is, in words; "" if it is fresh.

    Of `made_from` only what is given is compared. `files` are the digests of what lies there.
    """
    if not place.folder.exists():
        return "has not been run"
    stamp = stamp_of(place)
    if stamp is None:
        return "was not finished"
    for key, value in made_from.items():
        if why := _difference(key, stamp.made_from.get(key), value):
            return why
    found = digests(place.folder) if files is None else files
    if odd := sorted({*found.items()} ^ {*stamp.files.items()}):
        return f"left other files than are there now: {odd[0][0]} is not what it wrote"
    return ""


def _difference(key: str, old: Any, new: Any) -> str:
    """How a part of `made_from` differs from what it was, to be put behind a stage's name."""
    new = msgspec.to_builtins(new)
    if old == new:
        return ""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if key == "parameters":
            told = ", ".join(f"{n} was {old.get(n)!r}, is {new.get(n)!r}" for n in names)
            return f"was run with other parameters: {told}"
        missing = [name for name in names if name not in old or name not in new]
        if missing and key != "sources":
            return f"was run over other {key}: {missing[0]} is in one list and not in the other"
        return f"was run before {names[0]} changed"
    return f"was run before its {key} changed"


def begin(place: Place, made_from: MadeFrom) -> None:
    """Prepare to make a folder: go on with what a killed run left, if it would make the same."""
    folder = atomic.followed(place.folder, ours=_is_ours(place))
    under_way, files = _under_way(folder)
    plan = under_way / _PLAN
    wanted = msgspec.json.encode(made_from, order="sorted")
    if plan.is_file() and plan.read_bytes() == wanted:
        if not files.exists() and folder.exists():
            atomic.put(folder, files)  # all was done but for the stamp
    else:
        atomic.remove(under_way)
        shards.write_bytes(wanted, plan)
    files.mkdir(parents=True, exist_ok=True)


def _is_ours(place: Place) -> bool:
    """Whether a folder is in the run's folder, or holds what a stage wrote, where a link leads."""
    folder = _real(place.folder)
    root = place.stamp.parents[2]
    if not isinstance(folder, Path) or folder.resolve().is_relative_to(root.resolve()):
        return True
    if _under_way(folder)[0].exists():
        return True
    stamp = stamp_of(place)
    files = stamp.files.items() if stamp else ()
    return any((folder / n).is_file() and digest(folder / n) == own for n, own in files)


def abandon(place: Place, *, done: bool = False) -> None:
    """Forget work that was begun; where something of it is `done`, only if that is said."""
    under_way = _under_way(_real(place.folder))[0]
    if done or not (under_way / "done").exists():
        atomic.remove(under_way)
    atomic.tidy(place.stamp)


def finish(place: Place, made_from: MadeFrom) -> dict[str, str]:
    """Stamp a finished folder; return the digests of its files."""
    stamp = Stamp(msgspec.to_builtins(made_from), digests(place.folder))
    shards.write_json(msgspec.to_builtins(stamp), place.stamp)
    atomic.remove(_under_way(_real(place.folder))[0])
    return stamp.files


def forget(place: Place) -> None:
    """Remove a folder, its stamp, and what is under way of it."""
    folder = _real(place.folder)
    for path in (place.stamp, folder, _under_way(folder)[0]):
        atomic.remove(path)


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield the folder in which to write the files of `folder`, which appears when the block ends.

    Where the work was begun (see `begin`), what is there when it fails is kept for the next run.
    Beside the folder that is yielded there is room for files in between, see `scratch`.
    """
    folder = _real(folder)
    under_way, files = _under_way(folder)
    resumable = (under_way / _PLAN).is_file()
    if not resumable:
        atomic.remove(under_way)
        files.mkdir(parents=True)
    try:
        with atomic.telling(folder):
            yield files
            atomic.put(files, folder)
    finally:
        if not resumable:
            atomic.remove(under_way)


def scratch(files: Path) -> Path:
    """Room for files in between, beside the folder under way; they go when it is finished."""
    return files.with_name("scratch")


def steps(
    job: Callable[[Any], Done], todo: Sequence[Step], workers: Workers | int = 1
) -> Iterator[Any]:
    """Yield what every step found, in their order, but do only those that no earlier run has done.

    `job` takes the item of a step. What it found comes back as JSON would give it.
    """
    noted = [_noted(step) for step in todo]
    left = [step for step, found in zip(todo, noted, strict=True) if found is None]
    done = engines.run(partial(_step, job=job), left, workers, _name)
    tell = workers.tell if isinstance(workers, engines.Workers) else None
    parts = Counter(step.name.partition("/")[0] for step in todo)
    of, ended = len(parts), 0
    for number, (step, found) in enumerate(zip(todo, noted, strict=True), start=1):
        yield msgspec.json.decode(next(done) if found is None else found)
        part = step.name.partition("/")[0]
        parts[part] -= 1
        ended += not parts[part]
        if tell:
            tell(number, len(todo), f"{ended} of {of} datasets")


def _step(step: Step, job: Callable[[Any], Done]) -> bytes:
    """Do one step, and note that it is done, with the digests of its files."""
    done = job(step.item)
    value = msgspec.json.encode(done.value)
    root = step.folder.parent
    files = {path.relative_to(root).as_posix(): digest(path) for path in done.files}
    shards.write_bytes(msgspec.json.encode(_Note(files, msgspec.Raw(value))), _note(step))
    return value


class _Note(msgspec.Struct):
    files: dict[str, str]
    value: msgspec.Raw


def _note(step: Step) -> Path:
    return step.folder.with_name("done") / f"{xxhash.xxh3_128_hexdigest(step.name.encode())}.json"


def _noted(step: Step) -> bytes | None:
    """What a step found that an earlier run has done; None if its files are not as it left them."""
    try:
        note = msgspec.json.decode(_note(step).read_bytes(), type=_Note)
        root = step.folder.parent
        same = all(digest(root / name) == own for name, own in note.files.items())
    except (OSError, msgspec.DecodeError):
        return None
    return bytes(note.value) if same else None


def _name(step: Step) -> str:
    return step.name


def _real(folder: Any) -> Any:
    """Of a link, what it leads to: that is replaced, and the link stays."""
    return folder.resolve() if isinstance(folder, Path) and folder.is_symlink() else folder


def _under_way(folder: Path) -> tuple[Path, Path]:
    under_way = folder.with_name(f".{folder.name}.partial")
    return under_way, under_way / "files"
