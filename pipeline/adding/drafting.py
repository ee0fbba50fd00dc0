"""A declaration drafted from files: `iepile new`. A human reviews what it writes.

pipeline/catalog/<id>.toml    what was found and guessed
raw/full/<id>/                the files
raw/sample/<id>/              a stub of the sample edition: the first records of every split
params.yaml                   one line more, where its raw folder now has the dataset
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import xxhash

from pipeline import catalog
from pipeline.adding import encodings, fitting, guessing, mistakes, naming
from pipeline.catalog import raw_files
from pipeline.catalog import reader_options as options
from pipeline.errors import DeclarationError, RawFileError
from pipeline.normalize.account import KINDS, Tally
from pipeline.records import Record, violation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
#: How many files of a folder, and bytes of a file, tell the encoding.
_LOOKED_AT: Final = 50
_HEAD: Final = 1 << 16
_HASHED: Final = {"train": 80, "dev": 10, "test": 10}


class Survey(NamedTuple):
    """What a pass over all files finds."""

    labels: dict[str, Counter[str]]
    roles: dict[str, dict[str, None]]
    signatures: dict[str, set[tuple[str | None, str | None]]]
    #: Records; those with one relation or event at most; distinct texts.
    records: int
    single: int
    texts: int
    #: Labelled mentions that stand for themselves: with a place of their own, or in no relation or
    #: event. (The types of triples without offsets belong to these.) Events with a trigger.
    free: int
    triggers: int


def draft(
    name: str,
    reader: str,
    given: Mapping[str, Any],
    splits: Mapping[str, Sequence[Path]],
    language: str | None,
) -> tuple[Dataset, Survey]:
    """The dataset that the files seem to be. Nothing is written."""
    _refuse(name, splits)
    files = [file for own in splits.values() for file in own]
    start = catalog.Dataset(
        title=name,
        source=name,
        license="unstated",
        language=language or "en",  # type: ignore[arg-type]
        domain="unstated",
        tasks=[],
        reader={"name": reader, **given},
        labels=catalog.Labels(),
        id=name,
    )
    catalog.reader(start)
    _refuse_encodings(reader, given, files)
    if language is None:
        start.language = encodings.language(files, given.get("encoding", "utf-8"))  # type: ignore[assignment]
    dataset = guessing.settled(start, given, files)
    found = fitting.fit(dataset, files)
    if not found.records:
        raise RawFileError(
            f"the reader {reader} finds no record in these files: {found.problem}",
            where=", ".join(map(str, files)),
            todo=_way_out(reader, found.problem),
        )
    survey = surveyed(dataset, splits)
    return _declared(dataset, survey, splits, found.problem), survey


def _way_out(reader: str, problem: str) -> str:
    """What to do about files of which the reader gets nothing."""
    if problem.startswith("offset_"):
        return (
            "correct the offsets: they are half-open counts of characters from 0, and a byte order "
            "mark before a text is one; look for counts from 1, of bytes or UTF-16, for CRLF, and "
            "for other letter case"
        )
    return "set its options with --option, or use another reader:\n" + examples(reader)


def _refuse(name: str, splits: Mapping[str, Sequence[Path]]) -> None:
    if not _ID.fullmatch(name):
        raise DeclarationError(
            f"{name!r} is no id",
            where="iepile new ID",
            todo="use lower-case letters, digits and hyphens, as in foo-2",
        )
    if name in catalog.ids():
        raise DeclarationError(
            f"there is a dataset {name!r} already",
            where=catalog.file_of(name),
            todo="choose another id, edit the file, or remove it to draft it anew",
        )
    for file in (f for own in splits.values() for f in own):
        if not file.exists():
            raise RawFileError("there is no such file", where=file, todo="check the path")
        if problem := raw_files.shut(file):
            raise problem


def _refuse_encodings(reader: str, given: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Refuse bytes that are no UTF-8, where no other encoding is told: else every row would be."""
    for path in files:
        for file in sorted(path.rglob("*.txt"))[:_LOOKED_AT] if path.is_dir() else [path]:
            with file.open("rb") as stream:
                head = stream.read(_HEAD)
            found = encodings.encoding(head)
            if found is None or ("encoding" in given and found != "utf-16"):
                continue
            option = "encoding" in mistakes.options_of(reader)
            own = f", or give --option encoding={found}" if option and found != "utf-16" else ""
            raise RawFileError(
                f"these bytes are no UTF-8, they look like {found}",
                where=file,
                todo=f"convert them with `iconv -f {found} -t utf-8 FILE > NEW`{own}",
            )


def examples(first: str | None = None) -> str:
    """The readers with the raw lines of their docstrings; after `first`, the others in one line."""
    names = options.readers()
    parts = []
    for name in [first, *(n for n in names if n != first)] if first else names:
        about = (options.module(name).__doc__ or "").strip().splitlines()
        block = [i for i, line in enumerate(about) if line.startswith("    ")]
        last = next((i for i in block if i + 1 not in block), -1)
        raw = [f"    {about[i]}" for i in block if i <= last and first in (None, name)]
        parts.append("\n".join([f"  {name}: {about[0]}", *raw]))
    return "\n".join(parts)


def surveyed(dataset: Dataset, splits: Mapping[str, Sequence[Path]]) -> Survey:
    """Count everything in all files."""
    labels: dict[str, Counter[str]] = {}
    roles: dict[str, dict[str, None]] = {}
    signatures: dict[str, set[tuple[str | None, str | None]]] = {}
    texts: set[int] = set()
    records = single = free = triggers = 0
    read = catalog.reader(dataset)
    for files in splits.values():
        for record in read(files):
            if not isinstance(record, Record) or violation(record):
                continue
            records += 1
            texts.add(xxhash.xxh3_64_intdigest(record.text.encode()))
            single += len(record.relations) + len(record.events) <= 1
            for kind, found in fitting.labels_in([record]).items():
                labels.setdefault(kind, Counter()).update(found)
            used = {i for r in record.relations for i in (r.head, r.tail)}
            for r in record.relations:
                used |= {q.mention for q in r.qualifiers}
                ends = (record.mentions[r.head].label, record.mentions[r.tail].label)
                signatures.setdefault(r.label, set()).add(ends)
            for e in record.events:
                triggers += e.trigger is not None
                roles.setdefault(e.label, {}).update({a.role: None for a in e.arguments})
                used |= {a.mention for a in e.arguments}
            free += sum(
                m.label is not None and (m.start is not None or m.discontinuous or i not in used)
                for i, m in enumerate(record.mentions)
            )
    return Survey(labels, roles, signatures, records, single, len(texts), free, triggers)


def _declared(
    dataset: Dataset, survey: Survey, splits: Mapping[str, Sequence[Path]], problem: str
) -> Dataset:
    """The dataset with labels, tasks, roles, signatures, files and counts filled in."""
    named = naming.prepared(survey.labels, dataset.language)
    labels = msgspec.convert(named, catalog.Labels)
    asked = {k: v for k, v in survey.signatures.items() if k not in labels.no_relation}
    typed = asked and all(h and t for pairs in asked.values() for h, t in pairs)
    tasks = ["NER"] if survey.free else []
    tasks += ["RE"] if asked else []
    tasks += ["SPO", "KG"] if typed and "NER" not in tasks else []
    has_roles = any(survey.roles.values())
    if survey.roles:
        tasks += [*(["EE"] if has_roles else []), *(["EET"] if survey.triggers else [])]
        tasks += ["EEA"] if has_roles else []
    if not tasks:
        # What is left are the rows without annotations, if all others were rejected.
        lost = f"no annotation could be read, the most frequent problem: {problem}"
        raise RawFileError(
            lost if problem else "the files hold no annotation",
            where=", ".join(str(f) for own in splits.values() for f in own),
            todo=_way_out(dataset.reader["name"], problem),
        )
    repeated = survey.single == survey.records > survey.texts and bool(asked or survey.roles)
    full = msgspec.structs.replace(
        dataset,
        tasks=tasks,
        labels=labels,
        roles={event: sorted(own) for event, own in sorted(survey.roles.items())},
        signatures={k: sorted(v) for k, v in sorted(asked.items())} if "SPO" in tasks else {},
        one_annotation_per_row=repeated,
        split_by_hash=_HASHED if [*splits] == ["all"] else {},
    )
    full.splits = {
        split: raw_files.Split(
            [_file(path, place) for path, place in zip(own, _places(splits)[split], strict=True)],
            counted(full, own),
        )
        for split, own in splits.items()
    }
    return full


def _places(splits: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    """Where every file goes in the raw folder: by its name, under its split where names collide."""
    names = [file.name for own in splits.values() for file in {*own}]
    clash = len({*names}) < len({f.resolve() for own in splits.values() for f in own})
    return {s: [f"{s}/{f.name}" if clash else f.name for f in own] for s, own in splits.items()}


def _file(path: Path, place: str) -> raw_files.File:
    size = path.stat().st_size if path.is_file() else None
    return raw_files.File(place, sha256=raw_files.digest(path), bytes=size)


def counted(dataset: Dataset, files: Sequence[Path]) -> dict[str, int]:
    """The counts of a split that are not zero, as `normalize` will find them."""
    tally = Tally(dataset, Counter())
    for _ in tally.read(catalog.reader(dataset)(files)):
        pass
    return {k: tally.counts[k] for k in ("records", *KINDS) if tally.counts[k]}
