"""The raw files of a dataset: downloaded or copied, verified, and only then put under their names.

What is unfinished lies in `raw/full/.fetch/<id>/`, where the next call resumes it. A file that
nothing verifies (see `File.verified_by`) is left as `<name>.unverified`, to be looked at.
"""

import errno
import shutil
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import tomlkit

from pipeline import config
from pipeline.catalog import Dataset, File, Manifest, raw_files
from pipeline.errors import FetchError, PipelineError, WorkError, of_system
from pipeline.execution import atomic, ownership, shards
from pipeline.fetching.obtaining import Errand, instruction, obtain, short_name, sources_of

_NOTE: Final = "Written by `iepile fetch`: what is here of the files declared."


class Outcome(NamedTuple):
    """What became of the files of a dataset."""

    #: Files that are there and right.
    ready: list[str]
    #: What is not, and why, and what to do.
    problems: list[PipelineError]


def fetch(errand: Errand) -> Outcome:
    """Bring every declared file into the raw folder; write the manifest of the present files."""
    ownership.spared(errand.folder)
    try:
        with atomic.locked(errand.work):
            return _fetched(errand)
    except WorkError as problem:
        return Outcome([], [problem])


def _fetched(errand: Errand) -> Outcome:
    dataset, folder = errand.dataset, errand.folder
    known = _hashes_of_manifest(folder / "manifest.toml")
    files = {file.path: file for split in dataset.splits.values() for file in split.files}
    ready: list[str] = []
    problems: list[PipelineError] = []
    lacking: list[File] = []
    for file in files.values():
        try:
            if _bring(file, known.get(file.path), errand):
                ready.append(file.path)
            else:
                lacking.append(file)
        except PipelineError as problem:
            problems.append(problem)
        except OSError as problem:
            problems.append(of_system(problem, folder / file.path))
    if lacking:
        problems.append(instruction(dataset, lacking, folder, errand.mirror))
    if not problems or not any(errand.work.iterdir()):
        shutil.rmtree(errand.work, ignore_errors=True)
    if ready:
        _write_manifest(dataset, folder, {*ready})
    return Outcome(ready, problems)


def _bring(file: File, known: str | None, errand: Errand) -> bool:
    """Put one file under its name; return False if it has no known source.

    `known` is the sha256 that an earlier call has written down.
    """
    final = errand.folder / file.path
    aside = final.with_name(f"{final.name}.unverified")
    if final.exists():
        declared = file
        if known and not (file.sha256 or file.git):
            declared = msgspec.structs.replace(file, sha256=known)
        if difference := raw_files.mismatch(final, declared):
            what = f"other bytes than declared stand here: {difference}"
            todo = "move them away and run this again; if they are the ones you want, "
            todo += "say so in a manifest.toml"
            raise FetchError(what, where=final, todo=todo)
        return True
    if aside.exists() and (file.sha256 or file.git) and not raw_files.mismatch(aside, file):
        aside.rename(final)
        return True
    sources = sources_of(errand.dataset, file, errand.mirror)
    if not sources:
        return False
    staged = errand.work / f"ready-{short_name(file.path)}"
    verified = obtain(file, sources, staged, errand)
    final.parent.mkdir(parents=True, exist_ok=True)
    if not verified:
        atomic.remove(aside)
        _put(staged, aside)
        what = f"no hash is declared for this file, its sha256 is {raw_files.digest(aside)}"
        todo = f"look at it; if it is right, name it {final.name} "
        todo += f"or declare the hash in {errand.dataset.id}.toml, and run this again"
        raise FetchError(what, where=aside, todo=todo)
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
        atomic.remove(staged)


def _ours(manifest: Path) -> bool:
    return manifest.exists() and _NOTE.encode() in manifest.read_bytes()


def _hashes_of_manifest(path: Path) -> dict[str, str]:
    """File -> its sha256, as an earlier call has written it down."""
    if not _ours(path):
        return {}
    manifest: Manifest = config.read_toml(path, Manifest)
    files = (file for split in manifest.splits.values() for file in split.files)
    return {file.path: file.sha256 for file in files if file.sha256}


def _write_manifest(dataset: Dataset, folder: Path, ready: set[str]) -> None:
    """Say which splits are complete, so that these run while others are missing."""
    path = folder / "manifest.toml"
    if path.exists() and not _ours(path):
        return
    splits = {
        name: msgspec.structs.replace(split, files=[_written(file, folder) for file in split.files])
        for name, split in dataset.splits.items()
        if split.files and all(file.path in ready for file in split.files)
    }
    if not splits:
        path.unlink(missing_ok=True)
        return
    shards.write_text(tomlkit.dumps({"note": _NOTE, "splits": msgspec.to_builtins(splits)}), path)


def _written(file: File, folder: Path) -> File:
    """Return a file of the manifest; if its archive or server verified it, with its sha256."""
    verified = file.verified_by in ("archive", "revision")
    sha256 = raw_files.digest(folder / file.path) if verified else file.sha256
    return File(file.path, sha256, file.git, file.bytes)
