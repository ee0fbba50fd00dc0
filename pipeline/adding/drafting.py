"""Draft a declaration from files, for `iepile new`. A human reviews the draft.

The reader and its options are chosen on the first rows. Then the files are read once: to the end,
or, if they are large, far enough to show what they hold. Nothing is written here.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import msgspec

from pipeline import catalog, readers
from pipeline.adding import advice, checking, choosing, fitting, naming, sources
from pipeline.adding.choosing import Choice
from pipeline.adding.evidence import UNKNOWN, Survey
from pipeline.adding.excerpts import excerpts, head_of
from pipeline.adding.fitting import Trial
from pipeline.catalog import Dataset, raw_files
from pipeline.catalog import reader_options as options
from pipeline.errors import DeclarationError, RawFileError, counted

_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
#: How many files of a folder are inspected for their encoding.
_LOOKED_AT: Final = 50
#: (rows of an array or a table, bytes of other files): readers are tried on this much of a file,
_TRIED: Final = (400, 1 << 20)
#: and what it holds is counted in this much of it.
_SURVEYED: Final = (20_000, 1 << 22)
#: A reading that loses more than one of so many rows is refused.
_MOST_LOST: Final = 10
_HASHED: Final = {"train": 80, "dev": 10, "test": 10}


class Draft(NamedTuple):
    """The dataset that files seem to be."""

    dataset: Dataset
    survey: Survey
    choice: Choice
    #: What the reader skips, in the words of the files; None if it cannot tell.
    unread: Counter[str] | None
    #: What options name and no row has.
    absent: list[str]
    #: Label -> how far several annotators of the same texts agree.
    agreement: Mapping[str, Any]
    #: Large files, of which only the first rows were surveyed.
    cut: list[Path]


def draft(
    name: str,
    reader: str | None,
    given: Mapping[str, Any],
    splits: Mapping[str, Sequence[Path]],
    spoken: str | None,
    names: Mapping[str, str] | None = None,
) -> Draft:
    """Draft a dataset from the files, read by `reader` or else by the reader that fits them.

    `spoken` is the language, if the user gave it; `names` maps raw labels to readable names.
    """
    _refuse(name, splits)
    files = [file for paths in splits.values() for file in paths]
    for file in files:
        if file.is_file():
            sources.refuse_binary(file)
    _refuse_encodings(reader, given, files)
    reading = {"language": spoken or "en", "reader": {"name": reader, **given}}
    start = msgspec.structs.replace(UNKNOWN, id=name, title=name, source=name, **reading)
    with TemporaryDirectory() as folder:
        first = excerpts(files, Path(folder, "tried"), *_TRIED)
        surveyed = excerpts(files, Path(folder, "surveyed"), *_SURVEYED)
        if reader:
            catalog.reader(start)
            choice = Choice(_settled(start, first, files, spoken), None)
        else:
            choice = choosing.chosen(choosing.trials(start, given, first, spoken), first, files)
        dataset, survey = choice.best.dataset, Survey()
        parts = dict(zip(files, surveyed, strict=True))
        for split, paths in splits.items():
            survey.read(split, catalog.reader(dataset)([parts[file] for file in paths]))
        unread = checking.unread_in(dataset, surveyed)
        absent = checking.absent_in(dataset, surveyed)
        agreement = _agreement(dataset, survey, surveyed)
        if not reader:
            _refuse_losses(choice.best, survey, unread or Counter(), first)
    cut = [file for file, part in parts.items() if file != part]
    whole = declared(dataset, survey, splits, cut, choice.best, names)
    return Draft(whole, survey, choice, unread, absent, agreement, cut)


def _refuse_losses(
    best: Trial, survey: Survey, unread: Counter[str], files: Sequence[Path]
) -> None:
    """Refuse a reading that passes over much: many of the rows, or a field of annotations."""
    rejects = [r for group in survey.rejects.values() for r in group if r.records]
    lost = [reject for reject in rejects if reject.reason not in fitting.NO_LOSS]
    # Of a named format it is known which parts of a list are needed.
    seen = [name for name in unread if best.rank or "." not in name]
    held = [name for name in seen if advice.holds_annotation(name)]
    if len(lost) * _MOST_LOST > survey.records + len(lost):
        first = lost[0].detail or repr(lost[0].excerpt)
        what = f"rows of another form: {len(lost):,}, the first at {lost[0].origin}: {first}"
    elif held:
        what = f"the field {held[0]!r} would not be read ({counted(unread[held[0]], 'times')})"
    else:
        return
    what = f"not all that the files hold can be read: {what}\n  the best reading: "
    what += f"{choosing.summary(best)}\n  the first row: {advice.first_row(files)}"
    options = best.dataset.reader.items()
    given = "".join(f" --option '{k}={choosing.in_toml(v)}'" for k, v in options if k != "name")
    todo = "write it in the form that is read, or part the files; if it may be lost, add --reader "
    todo += f"{best.dataset.reader['name']}{given}"
    raise RawFileError(what, where=", ".join(map(str, files)), todo=todo)


def _agreement(dataset: Dataset, survey: Survey, files: Sequence[Path]) -> Mapping[str, Any]:
    """Return how far annotators agree, if the rows of some were skipped; else an empty mapping."""
    rejects = (reject for group in survey.rejects.values() for reject in group)
    if not any(reject.detail.startswith("annotator ") for reject in rejects):
        return {}
    return options.agreement(files=files, language=dataset.language, **dataset.reader)


def _settled(
    start: Dataset, first: Sequence[Path], files: Sequence[Path], spoken: str | None
) -> Trial:
    """Try the named reader with the given options and others; return the trial that fits best."""
    where = ", ".join(map(str, files))
    tried = choosing.trials(start, start.reader, first, spoken)
    as_named = fitting.fit(start, first)._replace(why="--reader")
    best = max((*tried[:1], as_named), key=lambda trial: trial.score)
    if other := choosing.better(best, first):
        wrong = sorted({*choosing.changed(best.dataset, other)} & {*start.reader})
        what = f"likely mistake: {choosing.explained(best.dataset, other)}"
        todo = f"leave out --option {wrong[0]}=..., or correct it" if wrong else "add it"
        raise DeclarationError(what, where=where, todo=todo)
    if not best.records:
        what = f"the reader {start.reader['name']} finds no record in these files: {best.problem}"
        raise RawFileError(what, where=where, todo=advice.way_out(first, best, named=True))
    return best


def _refuse(name: str, splits: Mapping[str, Sequence[Path]]) -> None:
    if not _ID.fullmatch(name):
        todo = "use lower-case letters, digits and hyphens, as in foo-2"
        raise DeclarationError(f"{name!r} is no id", where="iepile new ID", todo=todo)
    if name in catalog.ids():
        what = f"there is a dataset {name!r} already"
        todo = "choose another id, edit the file, or remove it to draft it anew"
        raise DeclarationError(what, where=catalog.file_of(name), todo=todo)
    for file in (f for paths in splits.values() for f in paths):
        if not file.exists():
            raise RawFileError("there is no such file", where=file, todo="check the path")
        if problem := raw_files.shut(file):
            raise problem
        if file.is_file() and not file.stat().st_size:
            todo = "leave it out, or get it again"
            raise RawFileError("this file is empty", where=file, todo=todo)


def _refuse_encodings(reader: str | None, given: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Refuse files that are not UTF-8 if no encoding is given: every row would be rejected."""
    for path in files:
        for file in sorted(path.rglob("*.txt"))[:_LOOKED_AT] if path.is_dir() else [path]:
            encoding = sources.encoding(head_of(file))
            if encoding is None or ("encoding" in given and encoding != "utf-16"):
                continue
            what = f"these bytes are no UTF-8, they look like {encoding}"
            todo = f"convert them with `iconv -f {encoding} -t utf-8 FILE > NEW`"
            if encoding != "utf-16":
                read = sources.readings(head_of(file))
                what += "".join(f"\n  as {name}: {text}" for name, text in read.items())
                option = reader is not None and "encoding" in options.options_of(reader)
                todo += f", or give --option encoding={encoding}" if option else ""
            todo += "; if another encoding reads right, with that one"
            raise RawFileError(what, where=file, todo=todo)


def readers_listed() -> str:
    """List the readers with what each reads, and say how to name files."""
    lines = (f"  {name}: {_about(name)[0]}\n" for name in readers.names())
    return (
        f"name files that one of these readers reads:\n{''.join(lines)}"
        "`iepile new ID --reader NAME` shows what a reader reads, and its options;\n"
        "`iepile new ID FILE ...` finds the reader by itself."
    )


def reader_shown(name: str) -> str:
    """Show what a reader reads, with raw lines and the names of its options."""
    about, examples = _about(name)
    first = f"give --split train=FILE with a file such as this:\n  {name}: {about}"
    lines = [f"      {line}" for example in examples for line in example.splitlines()]
    last = f"  its options, for --option K=V: {', '.join(options.options_of(name)) or 'none'}"
    return "\n".join([first, *lines, last])


def _about(reader: str) -> tuple[str, list[str]]:
    """Return what a reader reads, in one line, and examples of raw lines."""
    if reader in readers.formats():
        entry = readers.declared()[reader]
        return entry["about"], [entry["example"]] if "example" in entry else []
    about = (options.module(reader).__doc__ or "").strip().splitlines()
    block = [i for i, line in enumerate(about) if line.startswith("    ")]
    last = next((i for i in block if i + 1 not in block), -1)
    return about[0], [about[i][4:] for i in block if i <= last]


def declared(
    dataset: Dataset,
    survey: Survey,
    splits: Mapping[str, Sequence[Path]],
    cut: Sequence[Path],
    best: Trial,
    names: Mapping[str, str] | None = None,
) -> Dataset:
    """Fill in the labels, tasks, roles, signatures, files and counts of a dataset.

    A split with a file in `cut` was not read to its end: it has no counts.
    """
    tables = naming.tables(survey, dataset.language, names or {})
    labels = msgspec.convert(tables, catalog.Labels)
    asked = {s: n for s, n in survey.signatures.items() if s[1] not in labels.no_relation}
    tasks = survey.tasks(labels.no_relation)
    if not tasks:
        # If all other rows were rejected, only rows without annotations are left.
        lost = f"no annotation could be read, the most frequent problem: {best.problem}"
        what = lost if best.problem else "the files hold no annotation"
        files = [file for paths in splits.values() for file in paths]
        todo = advice.way_out(files, best, named=True)
        raise RawFileError(what, where=", ".join(map(str, files)), todo=todo)
    signatures: dict[str, list[tuple[Any, Any]]] = {}
    for head, label, tail in sorted(asked, key=str) if "SPO" in tasks else ():
        signatures.setdefault(label, []).append((head, tail))
    # The files may repeat a text for each of its annotations.
    mentions = dataset.reader.get("entities", {})
    one_a_row = bool(asked or survey.roles) or mentions.get("at", "-") == ""
    one_a_row &= survey.single == survey.records > len(survey.distinct)
    roles = survey.roles if any(survey.roles.values()) else {}
    declared_splits = {}
    for split, paths in splits.items():
        pairs = zip(paths, places(splits)[split], strict=True)
        counts = {} if {*cut} & {*paths} else survey.counts[split]
        declared_splits[split] = catalog.Split([_file(*pair) for pair in pairs], counts)
    return msgspec.structs.replace(
        dataset,
        tasks=tasks,
        labels=labels,
        roles={event: sorted(names) for event, names in sorted(roles.items())},
        signatures=signatures,
        one_annotation_per_row=one_a_row,
        split_by_hash=_HASHED if [*splits] == ["all"] else {},
        splits=declared_splits,
    )


def places(splits: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    """Return where every file goes in the raw folder: its name, below its split if names clash."""
    names = [file.name for paths in splits.values() for file in {*paths}]
    clash = len({*names}) < len({f.resolve() for paths in splits.values() for f in paths})
    return {s: [f"{s}/{f.name}" if clash else f.name for f in paths] for s, paths in splits.items()}


def _file(path: Path, place: str) -> catalog.File:
    size = path.stat().st_size if path.is_file() else None
    return catalog.File(place, sha256=raw_files.digest(path), bytes=size)
