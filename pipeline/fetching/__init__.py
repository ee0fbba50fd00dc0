"""The raw files of a dataset: downloaded or copied, verified, and only then put under their names.

Everything unfinished lies in `raw/full/.fetch/<id>/`, from where the next call goes on. A file of
which no hash is declared cannot be verified: it is left as `<name>.unverified`, to be looked at.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import tomlkit

from pipeline.catalog import raw_files
from pipeline.errors import FetchError, PipelineError, WorkError, of_system
from pipeline.execution import atomic, ownership, shards
from pipeline.fetching import archives
from pipeline.fetching.http import Network, UnreachableError, download, session
from pipeline.fetching.sources import instruction, parts, sources_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.catalog import Dataset, File
    from pipeline.fetching.sources import Source

_NOTE: Final = "Written by `iepile fetch`: what is here of the files declared."


class Errand(NamedTuple):
    """What one call works with."""

    #: The folder of what is not finished.
    work: Path
    network: Network
    #: Told of every piece: path, bytes so far, bytes in all.
    tell: Callable[[str, int, int | None], None]
    #: Places that were brought whole in this call.
    complete: set[str]
    #: Servers that never answered: they are not asked again.
    silent: set[str]


class Outcome(NamedTuple):
    """What became of the files of a dataset."""

    #: Files that are there and right.
    ready: list[str]
    #: What is not, and why, and what to do.
    problems: list[PipelineError]


def fetch(
    dataset: Dataset,
    folder: Path,
    network: Network,
    mirror: str | None,
    tell: Callable[[str, int, int | None], None],
    silent: set[str],
) -> Outcome:
    """Bring every declared file into the raw folder; write the manifest of those that are there.

    Servers that do not answer are added to `silent`, and asked no more.
    """
    work = folder.parent / ".fetch" / folder.name
    ownership.spared(folder)
    try:
        with atomic.locked(work):
            return _fetched(dataset, folder, Errand(work, network, tell, set(), silent), mirror)
    except WorkError as problem:
        return Outcome([], [problem])


def _fetched(dataset: Dataset, folder: Path, errand: Errand, mirror: str | None) -> Outcome:
    files = {file.path: file for split in dataset.splits.values() for file in split.files}
    ready: list[str] = []
    problems: list[PipelineError] = []
    lacking: list[File] = []
    for file in files.values():
        try:
            if _bring(dataset, file, folder, errand, mirror):
                ready.append(file.path)
            else:
                lacking.append(file)
        except PipelineError as problem:
            problems.append(problem)
        except OSError as problem:
            problems.append(of_system(problem, folder / file.path))
    if lacking:
        problems.append(instruction(dataset, lacking, folder, mirror))
    if not problems:
        shutil.rmtree(errand.work, ignore_errors=True)
    elif not any(errand.work.iterdir()):
        errand.work.rmdir()
    if ready:
        _write_manifest(dataset, folder, {*ready})
    return Outcome(ready, problems)


def _bring(
    dataset: Dataset,
    file: File,
    folder: Path,
    errand: Errand,
    mirror: str | None,
) -> bool:
    """Put one file under its name; False where nothing says from where it could come."""
    final = folder / file.path
    aside = final.with_name(f"{final.name}.unverified")
    if final.exists():
        if file.sha256 and raw_files.digest(final) != file.sha256:
            raise FetchError(
                "other bytes than declared stand here",
                where=final,
                todo="move them away and run this again; if they are the ones you want, "
                "say so in a manifest.toml",
            )
        return True
    if file.sha256 and aside.exists() and raw_files.digest(aside) == file.sha256:
        aside.rename(final)
        return True
    sources = [*sources_of(dataset, file, mirror)]
    if not sources:
        return False
    staged = errand.work / f"ready-{_name(file.path)}"
    found = _obtain(file, sources, staged, errand)
    final.parent.mkdir(parents=True, exist_ok=True)
    if file.sha256 is None:
        _remove(aside)
        _put(staged, aside)
        raise FetchError(
            f"no sha256 is declared for this file, its bytes have {found}",
            where=aside,
            todo=f"look at it; if it is right, name it {final.name} "
            f"or declare the hash in {dataset.id}.toml, and run this again",
        )
    _put(staged, final)
    return True


def _put(staged: Path, final: Path) -> None:
    """Give a finished file or folder its name, which may be on another disk."""
    try:
        staged.rename(final)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        atomic.copied(staged, final)
        _remove(staged)


def _obtain(file: File, sources: list[Source], staged: Path, errand: Errand) -> str:
    """Put the file at `staged` and return its hash, which is the declared one if there is one."""
    problems: list[FetchError] = []
    for source in sources:
        part = errand.work / f"{_name(source.place)}.part"
        if file.sha256 is None and source.place not in errand.complete:
            # Bytes of an earlier call are gone on with only where they can be verified.
            _remove(part)
        kept = part.exists()
        # Should they turn out wrong, the file is taken once more from its start.
        for _ in range(1 + kept):
            _remove(staged)
            try:
                _copy(source, file, part, errand)
                found = _stage(source, part, staged)
            except archives.ArchiveError as problem:
                problems.append(problem)
            except FetchError as problem:
                problems.append(problem)
                break
            else:
                if file.sha256 in (None, found):
                    return found
                problems.append(
                    FetchError(
                        f"sha256 is {found}, declared is {file.sha256}: these are other bytes",
                        where=source.place,
                        todo="it is another edition: use another --mirror, or declare these bytes",
                    )
                )
            errand.complete.discard(source.place)
            _remove(part)
        _remove(staged)
    raise problems[-1]


def _stage(source: Source, part: Path, staged: Path) -> str:
    """Make the file of what was downloaded: the part itself, or a member of the archive it is."""
    if source.member is None:
        if part.is_dir():
            shutil.copytree(part, staged)
        else:
            shutil.copyfile(part, staged)
    else:
        archives.unpack(part, source.member, staged)
    return raw_files.digest(staged)


def _copy(source: Source, file: File, part: Path, errand: Errand) -> None:
    """Bring the bytes of a source to `part`, unless this call has done so already."""
    if source.place in errand.complete:
        return
    if parts(source.place).scheme in ("http", "https"):
        host = parts(source.place).netloc
        if host in errand.silent:
            raise UnreachableError(
                "this server does not answer",
                where=source.place,
                todo="see whether this machine reaches it, and try again later; or use --mirror",
            )
        most = None if source.member else file.bytes
        tell = partial(errand.tell, file.path)
        try:
            with session(errand.network) as own:
                download(own, source.place, part, errand.network, tell, most)
        except UnreachableError:
            errand.silent.add(host)
            raise
    else:
        _remove(part)
        if problem := raw_files.shut(Path(source.place)):
            raise problem
        if Path(source.place).is_dir():
            shutil.copytree(source.place, part)
        else:
            shutil.copyfile(source.place, part)
    errand.complete.add(source.place)


def _write_manifest(dataset: Dataset, folder: Path, ready: set[str]) -> None:
    """Say which splits are complete, so that these run while others are missing."""
    path = folder / "manifest.toml"
    if path.exists() and _NOTE.encode() not in path.read_bytes():
        return
    splits = {
        name: split
        for name, split in dataset.splits.items()
        if split.files and all(file.path in ready for file in split.files)
    }
    if not splits:
        path.unlink(missing_ok=True)
        return
    document: dict[str, Any] = {"note": _NOTE, "splits": {}}
    for name, split in splits.items():
        files = [
            {k: v for k in ("path", "sha256", "bytes") if (v := getattr(file, k)) is not None}
            for file in split.files
        ]
        own: dict[str, Any] = {"files": files, "counts": split.counts}
        if split.documents:
            own["documents"] = split.documents
        document["splits"][name] = own
    shards.write_text(tomlkit.dumps(document), path)


def _name(place: str) -> str:
    """A short name of its own for a path or an address."""
    return f"{hashlib.sha256(place.encode()).hexdigest()[:12]}-{Path(place).name[:60]}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
