"""Write a drafted dataset where a human reviews it.

catalog/<id>.toml             the drafted declaration; in the project pipeline/catalog/
raw/full/<id>/                the files
raw/sample/<id>/              a stub of the sample edition: the first records of every split
"""

import shutil
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import tomlkit

from pipeline import catalog
from pipeline.adding import naming
from pipeline.adding.evidence import Survey
from pipeline.adding.excerpts import cut, is_array
from pipeline.catalog import Dataset, Split, raw_files
from pipeline.errors import PipelineError, RawFileError
from pipeline.execution import atomic, ownership, shards
from pipeline.readers._source import lines
from pipeline.readers._tables import is_table

_NAME: Final = "NAME: a word that a reader of the text would use"
#: Records per split in the stub of the sample edition.
STUB: Final = 12
#: A file that cannot be cut is copied whole into the stub up to this size.
_WHOLE: Final = 1 << 18
#: How many bytes of a JSON array are searched for the first records.
_LARGE: Final = 1 << 22


def write(dataset: Dataset, splits: Mapping[str, Sequence[Path]], raw: Path) -> list[Path]:
    """Write raw files, the stub of the sample edition and the declaration; return what was written.

    If one of them cannot be written, those already written are removed.
    """
    full, sample = raw / "full" / dataset.id, raw / "sample" / dataset.id
    for place in (full, sample):
        ownership.spared(place)
    if sample.exists():
        what = "the stub of the sample edition would be written over this"
        raise RawFileError(what, where=sample, todo="move it away, or give the dataset another id")
    pairs = [
        (path, full / file.path)
        for split, paths in splits.items()
        for path, file in zip(paths, dataset.splits[split].files, strict=True)
    ]
    for path, to in pairs:
        _refuse_other(path, to)
    written: list[Path] = []
    begun = not full.exists()
    try:
        for path, to in pairs:
            if not to.exists():
                written.append(to)
                atomic.copied(path, to)
        with TemporaryDirectory() as folder:
            if stub := _stub(dataset, full, Path(folder)):
                written.append(sample)
                _write_stub(stub, Path(folder), sample)
        declaration = catalog.file_of(dataset.id)
        written.append(declaration)
        shards.write_text(toml(dataset), declaration)
    except BaseException:
        for path in (*written, *([full] if begun else [])):
            atomic.remove(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
    return [*(to for _, to in pairs), *written[-2 if stub else -1 :]]


def _refuse_other(path: Path, to: Path) -> None:
    """Refuse to overwrite a different file; the same file may already be there."""
    same = to.resolve() == path.resolve()
    if to.exists() and not same and raw_files.digest(to) != raw_files.digest(path):
        todo = "move it away, or give the dataset another id"
        raise RawFileError("another file is here already", where=to, todo=todo)


def _write_stub(stub: Mapping[str, Split], cut: Path, sample: Path) -> None:
    document = tomlkit.document()
    note = "The first records of the files. Replace them by imagined ones before you commit."
    document.add("note", tomlkit.item(note))
    document.add("splits", _item(msgspec.to_builtins(stub)))
    shutil.copytree(cut, sample)
    shards.write_text(tomlkit.dumps(document), sample / "manifest.toml")


def _stub(dataset: Dataset, full: Path, sample: Path) -> dict[str, Split]:
    """Copy the first records of every split; return nothing if a file is too large to copy."""
    stub = {}
    for name, split in dataset.splits.items():
        for file in split.files:
            _cut(dataset, full / file.path, sample / file.path)
        paths = [sample / file.path for file in split.files]
        if not all(path.exists() for path in paths):
            return {}
        survey = Survey()
        try:
            survey.read(name, catalog.reader(dataset)(paths))
        except PipelineError:
            return {}  # It cannot be cut without breaking it.
        files = [catalog.File(file.path) for file in split.files]
        stub[name] = catalog.Split(files, survey.counts[name])
    return stub


def _cut(dataset: Dataset, path: Path, to: Path) -> None:
    """Write the first records of a file or folder, in its own format."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        texts = sorted(path.rglob("*.txt"))[:STUB]
        for file in sorted(path.rglob("*")):
            if file.is_file() and (file.with_suffix(".txt") in texts):
                place = to / file.relative_to(path)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
        return
    if is_table(path) or is_array(path):
        cut(path, to, STUB, _LARGE)
    elif (end := _line_after(dataset, path)) is not None:
        kept = [line for _, line in islice(lines(path), end - 1)]
        to.write_bytes("".join(f"{x}\n" for x in kept).encode("utf-8", "surrogateescape"))
    elif path.stat().st_size <= _WHOLE:
        shutil.copyfile(path, to)


def _line_after(dataset: Dataset, path: Path) -> int | None:
    """Return the line where the first record after the stub starts; None if origins lack lines."""
    first = islice(catalog.reader(dataset)([path]), STUB + 1)
    numbers = [item.origin.removeprefix(f"{path.name}:") for item in first]
    if not all(map(str.isdecimal, numbers)):
        return None
    return int(numbers[STUB]) if len(numbers) > STUB else 1_000_000_000


def toml(dataset: Dataset) -> str:
    """Return the declaration as TOML, with a comment wherever a human must look."""
    content = msgspec.to_builtins(msgspec.structs.replace(dataset, id=""))
    content["splits"] = content.pop("splits")  # what a human looks at comes first
    document = tomlkit.document()
    document.add(tomlkit.comment("Drafted by `iepile new`: review every line, then cut this one."))
    for key, value in sorted(content.items(), key=lambda item: isinstance(item[1], dict)):
        document.add(key, _item(value))
    for key in ("title", "source", "license", "domain"):
        document[key].comment({"source": "the name in the corpus"}.get(key, "REVIEW"))
    for kind, names in content["labels"].items():
        for raw in naming.unreadable(names, dataset.language) if isinstance(names, dict) else ():
            document["labels"][kind][raw].comment(_NAME)
    return tomlkit.dumps(document)


def _item(value: Any) -> Any:
    """Convert a value to TOML: long lists on several lines, counts on one."""
    if isinstance(value, dict) and value and all(type(v) is int for v in value.values()):
        inline = tomlkit.inline_table()
        inline.update(value)
        return inline
    if isinstance(value, dict):
        table = tomlkit.table(is_super_table=all(isinstance(v, dict) for v in value.values()))
        for key, inner in value.items():
            table.add(key, _item(inner))
        return table
    item = tomlkit.item(value)
    return item.multiline(len(str(value)) > 80) if isinstance(item, tomlkit.items.Array) else item
