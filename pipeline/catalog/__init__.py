"""The catalog: one TOML per dataset, in this folder or the user's, and the loader of them.

A TOML says everything about a dataset that is not code: where it comes from, how its files are
read, what its labels are called, and how many records and annotations each split holds.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from pipeline import config
from pipeline.catalog import declaration
from pipeline.catalog import reader_options as options
from pipeline.catalog.declaration import Dataset, File, Labels, Manifest, Names, Split, renamed
from pipeline.catalog.raw_files import catalogs, check_splits
from pipeline.errors import DeclarationError
from pipeline.records import TASKS

__all__ = ["Dataset", "File", "Labels", "Manifest", "Names", "Split", "renamed"]

#: What an id may be: it names folders, stands in lists parted by commas, and begins record ids.
_ID: Final = re.compile(r"\w[\w.-]{0,99}")

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")


def ids(folder: Path | None = None) -> list[str]:
    """The ids of all declared datasets, or of those in one folder, sorted."""
    places = [folder] if folder else catalogs()
    paths = (path for place in places for path in place.glob("*.toml") if path.is_file())
    return sorted({path.stem for path in paths})


def file_of(dataset_id: str, folder: Path | None = None) -> Path:
    """The declaration of a dataset; where there is none, the place for a new one."""
    places = [folder] if folder else catalogs()
    paths = [place / f"{dataset_id}.toml" for place in places]
    declared = [path for path in paths if path.is_file()]
    if len(declared) > 1:
        what = f"the id {dataset_id!r} is declared twice"
        todo = f"give this one another name; the other is {declared[0]}"
        raise DeclarationError(what, where=declared[1], todo=todo)
    return (declared or paths)[-1]


def load(
    dataset_id: str,
    folder: Path | None = None,
    no_relation_label: str | None = None,
    names: str = "readable",
) -> Dataset:
    """Read and validate one declaration, under its "readable" or "published" names.

    "No relation" may be asked under a name of its own.
    """
    where = " and ".join(map(str, [folder] if folder else catalogs()))
    if not _ID.fullmatch(dataset_id):
        todo = "ids are letters, digits, and inside of them . _ and -"
        raise DeclarationError(f"{dataset_id!r} is no id of a dataset", where=where, todo=todo)
    path = file_of(dataset_id, folder)
    if not path.is_file():
        config.check_known([dataset_id], ids(folder), "dataset", where)
    stat = path.stat()
    version = (stat.st_ino, stat.st_ctime_ns, stat.st_size)
    return read(path, no_relation_label, names, version)


@cache
def read(
    path: Path, no_relation_label: str | None = None, names: str = "readable", version: Any = None
) -> Dataset:
    """Read and validate a declaration: once, and again when its `version` is another."""
    del version
    dataset: Dataset = config.read_toml(path, Dataset)
    dataset.id = path.stem
    _validate(dataset, path)
    if names == "published":
        dataset = renamed(dataset)
    if no_relation_label and dataset.labels.no_relation:
        if no_relation_label in dataset.labels_of("relation"):
            what = f"no_relation_label is {no_relation_label!r}, which is a relation of "
            todo = "give it a name that no relation has"
            raise DeclarationError(what + dataset.id, where="params.yaml", todo=todo)
        named = dict.fromkeys(dataset.labels.no_relation, no_relation_label)
        dataset.labels.relation = {**dataset.names("relation"), **named}
    return dataset


def _validate(dataset: Dataset, path: Path) -> None:
    def demand(holds: object, what: str, todo: str) -> None:
        if not holds:
            raise DeclarationError(what, where=path, todo=todo)

    def refuse(odd: Iterable[str], what: str, todo: str) -> None:
        demand(not odd, f"{what}: {sorted(odd)}", todo)

    reader(dataset, path)
    todo = "use the two or three letters of ISO 639, as in en, zh or de"
    language = dataset.language
    demand(_LANGUAGE.fullmatch(language), f"{language!r} is not a language code", todo)
    demand({*dataset.tasks}, "no task", f"name some of {', '.join(TASKS)} in tasks")
    demand(len({*dataset.tasks}) == len(dataset.tasks), "a task stands twice", "name each once")
    needs = {
        "NER": ("labels.entity",),
        "RE": ("labels.relation",),
        "SPO": ("labels.relation", "signatures"),
        "KG": ("labels.relation", "signatures"),
        **dict.fromkeys(("EE", "EEA"), ("labels.event", "roles")),
        "EET": ("labels.event",),
    }
    for task in dataset.tasks:
        for key in needs[task]:
            declared = attrgetter(key)(dataset)
            demand(declared, f"task {task} needs [{key}]", f"declare it, or leave out {task}")
    for kind in ("entity", "relation", "event", "role"):
        twice = {*dataset.names(kind)} & {*dataset.labels.dropped.get(kind, ())}
        refuse(twice, f"{kind} labels both mapped and dropped", "choose one")
    for keys, kind in (([*dataset.roles], "event"), ([*dataset.signatures], "relation")):
        unknown = {*keys} - {*dataset.names(kind)}
        refuse(unknown, f"no such {kind} label", f"add it to [labels.{kind}]")
    known = {*dataset.names("role"), *dataset.labels.dropped.get("role", ())}
    strange = {role for roles in dataset.roles.values() for role in roles} - known
    refuse(strange, "no such role", "add it to [labels.role]")
    written = Counter("_".join(signature) for signature in dataset.signatures_of())
    alike = sorted(key for key, n in written.items() if n > 1 and "SPO" in dataset.tasks)
    demand(not alike, f"several signatures are written {alike}", "rename a relation or a type")
    for what, todo in (*declaration.wrong_names(dataset), *_wrong_repairs(dataset.repairs)):
        demand(False, what, todo)
    labels = {name for k in ("entity", "relation", "event") for name in dataset.labels_of(k)}
    described = labels | {*dataset.labels_of("role")}
    for table, named in (("descriptions", described), ("aliases", labels)):
        unknown = {*getattr(dataset, table)} - named
        refuse(unknown, f"[{table}] of no label", "use the readable names")
    unknown = {*dataset.paraphrases} - {*dataset.descriptions}
    refuse(unknown, "[paraphrases] of what has no description", "describe it")
    unknown = {*dataset.coverage} - {*dataset.tasks}
    refuse(unknown, "[coverage] of tasks that are not declared", "leave them out")
    for kind, fitting in (("pair", ["RE"]), ("event", ["EE", "EET"])):
        odd = sorted(t for t, c in dataset.coverage.items() if c == kind and t not in fitting)
        todo = f"{kind!r} is for {', '.join(fitting)}"
        demand(not odd, f"coverage of {odd} cannot be {kind!r}", todo)
    pairs = [(label, other) for label, implied in dataset.implied.items() for other in implied]
    unknown = {name for pair in pairs for name in pair} - {*dataset.labels_of("relation")}
    refuse(unknown, "[implied] of no relation", "use the readable names")
    refuse(
        [a for a, b in pairs if a == b], "[implied] of a relation by itself", "name two relations"
    )
    others = Counter(name for aliases in dataset.aliases.values() for name in aliases)
    unclear = [name for name, n in others.items() if n > 1 or name in labels]
    refuse(unclear, "ambiguous aliases", "an alias may stand for one label only")
    todo = "say how to get the files and where to put them, or why nobody can"
    noted = dataset.access == "open" or dataset.access_note
    demand(noted, f'access = "{dataset.access}" without access_note', todo)
    judged = dataset.quality.why.strip() or dataset.quality.use in ("good", "")
    todo = "say what is to be taken care of"
    demand(judged, f'quality.use = "{dataset.quality.use}" without why', todo)
    check_splits(dataset.splits, path, whole=bool(dataset.split_by_hash))


def _wrong_repairs(repairs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, what to do) for patterns that cannot be used."""
    for pattern in repairs:
        try:
            groups = re.compile(pattern).groups
        except re.error as problem:
            yield f"[repairs] {pattern!r} is not a regular expression: {problem}", "correct it"
        else:
            if groups:
                yield f"[repairs] {pattern!r} has a group", "write (?:...)"
            elif re.compile(pattern).fullmatch(""):
                yield f"[repairs] {pattern!r} matches the empty string", "name characters to repair"


def reader(dataset: Dataset, path: Path | None = None) -> Any:
    """The dataset's reader function, with its options bound and checked."""
    return options.bound(dataset.reader, dataset.language, path or file_of(dataset.id))
