"""The catalogue: one TOML per dataset in this folder, and the loader that validates it.

A TOML says everything about a dataset that is no code: where it comes from, how its files are read,
what its labels are called, and how many records and annotations each split holds. A raw folder may
hold a `manifest.toml` that takes the place of the declared files (the sample edition does).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from pipeline import declared, options
from pipeline.errors import DeclarationError, RawFileError
from pipeline.records import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parent
TASKS: Final = ("NER", "RE", "SPO", "EE", "EET", "EEA", "KG")
COUNTED: Final = ("records", "entities", "relations", "events", "arguments", "rejects")

_LONGEST_NAME: Final = 255
#: What an id may be: it names folders, stands in lists parted by commas, and begins record ids.
_ID: Final = re.compile(r"\w[\w.-]{0,99}")

Names = dict[str, str] | list[str]


class File(msgspec.Struct, forbid_unknown_fields=True):
    """A raw file, or a folder of them, relative to the dataset's raw folder."""

    path: str
    sha256: str | None = None
    bytes: int | None = None
    url: str | None = None
    #: A member of the archive that `url` names, where the file is not downloaded by itself.
    member: str | None = None


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """The files of one split and what they hold, counted in the source."""

    files: list[File]
    counts: dict[str, int] = {}
    #: A file of this folder that lists the source ids of this split, one a line.
    documents: str | None = None


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """An edition: which bytes of a dataset are which split."""

    splits: dict[str, Split]
    #: The raw folder, where it is not named like the dataset.
    folder: str | None = None
    note: str = ""


class Labels(msgspec.Struct, forbid_unknown_fields=True):
    """Raw label -> readable name (a list: as they are), and what is left out on purpose."""

    entity: Names = {}
    relation: Names = {}
    event: Names = {}
    role: Names = {}
    #: Kind -> raw labels dropped on purpose.
    dropped: dict[Literal["entity", "relation", "event", "role"], list[str]] = {}
    #: Raw relations that say that there is none: dropped, unless `no_relation_label` asks them.
    no_relation: list[str] = []


class Dataset(msgspec.Struct, forbid_unknown_fields=True):
    """One dataset. `id` is the file's name; the rest is read from the TOML."""

    title: str
    source: str
    license: str
    language: Literal["en", "zh"]
    domain: str
    tasks: list[Literal["NER", "RE", "SPO", "EE", "EET", "EEA", "KG"]]
    reader: dict[str, Any]
    labels: Labels
    splits: dict[str, Split] = {}
    id: str = ""
    homepage: str = ""
    citation: str = ""
    access: Literal["open", "licensed", "unavailable"] = "open"
    access_note: str = ""
    use: Literal["train", "held-out"] = "train"
    note: str = ""
    #: Event label -> its roles; roles filled with one of a fixed list of values (no spans).
    roles: dict[str, list[str]] = {}
    enum_roles: list[str] = []
    #: Relation -> [head type, tail type] pairs, for the tasks SPO and KG.
    signatures: dict[str, list[tuple[str, str]]] = {}
    #: Readable label -> what it means here, and -> other names it may be asked by.
    descriptions: dict[str, str] = {}
    aliases: dict[str, list[str]] = {}
    inventory: Literal["dataset", "split"] = "dataset"
    #: The source repeats a text for each annotation; its rows become one record per text.
    one_annotation_per_row: bool = False
    discontinuous: Literal["join", "drop"] = "join"
    #: Split -> share, for a source that comes without splits; its files stand under `splits.all`.
    split_by_hash: dict[str, int] = {}
    #: Split -> policy for texts annotated twice and differently.
    conflicts: dict[str, Literal["drop", "keep", "first", "merge"]] = {}

    def names(self, kind: str) -> dict[str, str]:
        """Raw label -> readable name of one kind (entity, relation, event or role)."""
        declared: Names = getattr(self.labels, kind)
        if kind == "role" and not declared:
            declared = [*dict.fromkeys(role for roles in self.roles.values() for role in roles)]
        return dict(declared) if isinstance(declared, dict) else {n: n for n in declared}

    def labels_of(self, kind: str) -> list[str]:
        """The distinct readable names of one kind, in the order of the declaration."""
        return [*dict.fromkeys(self.names(kind).values())]

    def roles_of(self) -> dict[str, list[str]]:
        """Readable event label -> readable roles, in the order of the declaration."""
        events, roles = self.names("event"), self.names("role")
        merged: dict[str, dict[str, None]] = {}
        for event, own in self.roles.items():
            merged.setdefault(events[event], {}).update({roles[r]: None for r in own if r in roles})
        return {event: [*own] for event, own in merged.items()}

    def signatures_of(self) -> list[tuple[str, str, str]]:
        """(head type, relation, tail type) in readable names, in the order of the declaration."""
        relations, types = self.names("relation"), self.names("entity")
        found = {
            (types.get(head, head), relations[relation], types.get(tail, tail)): None
            for relation, pairs in self.signatures.items()
            for head, tail in pairs
        }
        return [*found]

    def how_to_get(self) -> str:
        """What a person must do for files that no address is known of."""
        note = " ".join(self.access_note.split())
        return note or f"See {self.homepage or 'its authors'}."


def ids(folder: Path = FOLDER) -> list[str]:
    """The ids of all declared datasets, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


@cache
def load(dataset_id: str, folder: Path = FOLDER, no_relation_label: str | None = None) -> Dataset:
    """Read and validate one declaration. "No relation" may be asked under a name of its own."""
    path = folder / f"{dataset_id}.toml"
    if not _ID.fullmatch(dataset_id):
        raise DeclarationError(
            f"{dataset_id!r} is no id of a dataset",
            where=folder,
            todo="ids are letters, digits, and inside of them . _ and -",
        )
    if not path.is_file():
        known = ids(folder)
        raise DeclarationError(
            f"there is no dataset {dataset_id!r}{declared.meant(dataset_id, known)}",
            where=folder,
            todo=f"use one of: {', '.join(known)}",
        )
    dataset: Dataset = declared.toml(path, Dataset)
    dataset.id = dataset_id
    _validate(dataset, path)
    if no_relation_label:
        named = dict.fromkeys(dataset.labels.no_relation, no_relation_label)
        dataset.labels.relation = {**dataset.names("relation"), **named}
    return dataset


def _validate(dataset: Dataset, path: Path) -> None:
    def demand(holds: object, what: str, todo: str) -> None:
        if not holds:
            raise DeclarationError(what, where=path, todo=todo)

    reader(dataset, path)
    for key in ("title", "source"):
        demand(getattr(dataset, key).strip(), f"{key} is blank", "give it a name")
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
        names = dataset.names(kind)
        demand(
            all(key.strip() and name.strip() for key, name in names.items()),
            f"an empty {kind} label",
            "give every label a name",
        )
        twice = sorted({*names} & {*dataset.labels.dropped.get(kind, ())})
        demand(not twice, f"{kind} labels both mapped and dropped: {twice}", "choose one")
    for keys, kind in (([*dataset.roles], "event"), ([*dataset.signatures], "relation")):
        unknown = sorted({*keys} - {*dataset.names(kind)})
        demand(not unknown, f"no such {kind} label: {unknown}", f"add it to [labels.{kind}]")
    known = {*dataset.names("role"), *dataset.labels.dropped.get("role", ())}
    strange = sorted({r for own in dataset.roles.values() for r in own} - known)
    demand(not strange, f"no such role: {strange}", "add it to [labels.role]")
    written = Counter("_".join(signature) for signature in dataset.signatures_of())
    alike = sorted(key for key, n in written.items() if n > 1 and "SPO" in dataset.tasks)
    demand(not alike, f"several signatures are written {alike}", "rename a relation or a type")
    labels = {name for k in ("entity", "relation", "event") for name in dataset.labels_of(k)}
    for table in ("descriptions", "aliases"):
        unknown = sorted({*getattr(dataset, table)} - labels)
        demand(not unknown, f"[{table}] of no label: {unknown}", "use the readable names")
    others = Counter(name for own in dataset.aliases.values() for name in own)
    unclear = sorted(name for name, n in others.items() if n > 1 or name in labels)
    demand(not unclear, f"ambiguous aliases: {unclear}", "an alias may stand for one label only")
    demand(
        dataset.access == "open" or dataset.access_note,
        f'access = "{dataset.access}" without access_note',
        "say how to get the files and where to put them, or why nobody can",
    )
    for table in ("split_by_hash", "conflicts"):
        unknown = sorted({*getattr(dataset, table)} - {*SPLITS})
        demand(not unknown, f"[{table}] of no split: {unknown}", f"use {', '.join(SPLITS)}")
    shares = dataset.split_by_hash.values()
    demand(all(share > 0 for share in shares), "a share of split_by_hash is below 1", "correct it")
    _check_splits(dataset.splits, path, whole=bool(dataset.split_by_hash))


def _check_splits(splits: dict[str, Split], path: Path, *, whole: bool) -> None:
    allowed = {"all"} if whole else {*SPLITS}
    if strange := sorted({*splits} - allowed):
        raise DeclarationError(
            f"unknown split {strange[0]!r}{declared.meant(strange[0], allowed)}",
            where=path,
            todo=f"use one of {sorted(allowed)}",
        )
    for name, split in splits.items():
        if odd := sorted({*split.counts} - {*COUNTED}):
            raise DeclarationError(
                f"splits.{name}.counts: unknown {odd}{declared.meant(odd[0], COUNTED)}",
                where=path,
                todo=f"use {', '.join(COUNTED)}",
            )
        if negative := [kind for kind, n in split.counts.items() if n < 0]:
            what = f"splits.{name}.counts.{negative[0]} is negative"
            raise DeclarationError(what, where=path, todo="count again, or leave it out")
        for file in split.files:
            _check_inside(file.path, path)
            if file.url and not re.match(r"https?://[^/\s]+/", file.url):
                raise DeclarationError(
                    f"{file.url!r} is no address on the web",
                    where=path,
                    todo="use https:// or http://; other places are given with --mirror",
                )
        if split.documents is not None:
            _check_inside(split.documents, path)
            if not (FOLDER / split.documents).is_file():
                raise DeclarationError(
                    f"cannot read the list of documents {split.documents!r}: there is none",
                    where=path,
                    todo=f"put it into {FOLDER}",
                )


def _check_inside(text: str, path: Path) -> None:
    """Refuse a path that leaves the folder that it is relative to, or that no file can have."""
    parts = Path(text).parts
    if any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise DeclarationError(
            f"cannot read: File name too long: {text[:80]!r} ...", where=path, todo="correct it"
        )
    if Path(text).is_absolute() or ".." in parts or "\0" in text or not text.strip():
        raise DeclarationError(
            f"{text!r} leaves the raw folder, or is no path", where=path, todo="use one inside it"
        )


def reader(dataset: Dataset, path: Path | None = None) -> Any:
    """The dataset's reader function, with its options bound and checked."""
    return options.bound(dataset.reader, dataset.language, path or FOLDER / f"{dataset.id}.toml")


def edition(dataset: Dataset, raw: Path, manifests: Path | None = None) -> tuple[Path, Manifest]:
    """The raw folder of a dataset and what stands in it.

    A manifest from `manifests/<id>.toml` comes first, then `manifest.toml` in the raw folder, then
    the full edition as declared.
    """
    given = manifests / f"{dataset.id}.toml" if manifests else None
    own = raw / dataset.id / "manifest.toml"
    path = given if given and given.is_file() else own
    if not path.is_file():
        return raw / dataset.id, Manifest(splits=dataset.splits)
    manifest: Manifest = declared.toml(path, Manifest)
    _check_splits(manifest.splits, path, whole=bool(dataset.split_by_hash))
    folder = raw / (manifest.folder or dataset.id)
    _check_inside(manifest.folder or dataset.id, path)
    if not manifest.splits:
        raise DeclarationError(
            "a manifest needs splits", where=path, todo="declare [splits.train], say"
        )
    return folder, manifest


def present(folder: Path, manifest: Manifest) -> bool:
    """Whether any declared file of an edition is there."""
    return any((folder / f.path).exists() for s in manifest.splits.values() for f in s.files)


def digest(path: Path) -> str:
    """The sha256 of a file; of a folder, that of its sorted lines `<sha256>  <relative path>`."""
    if path.is_dir():
        inner = sorted(p for p in path.rglob("*") if p.is_file())
        listing = "".join(f"{digest(p)}  {p.relative_to(path).as_posix()}\n" for p in inner)
        return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def undeclared(dataset: Dataset, folder: Path, manifest: Manifest) -> RawFileError | None:
    """What to say where nothing tells which files are which split: that would be no records."""
    if manifest.splits:
        return None
    return RawFileError(
        f"no raw files of {dataset.id} are declared, so there is nothing to read",
        where=folder,
        todo="place a manifest.toml there, or declare [splits.*] in the dataset's TOML file",
    )


def verified(folder: Path, split: Split) -> list[Path]:
    """The paths of a split's files, each present and, where declared, of the right hash."""
    for problem in faults(folder, split):
        raise problem
    return [folder / file.path for file in split.files]


def _leading_out(path: Any, folder: Path) -> Path | None:
    """The first link, in a file's path or below it, to a place outside of the raw folder."""
    if not isinstance(path, Path):
        return None  # an object store has no links
    whole = folder.resolve()
    below = (p for p in path.rglob("*") if p.is_symlink()) if path.is_dir() else ()
    return next((p for p in (path, *below) if not p.resolve().is_relative_to(whole)), None)


def faults(folder: Path, split: Split) -> Iterator[RawFileError]:
    """What is wrong with the bytes of a split's files, file by file."""
    for file in split.files:
        path = folder / file.path
        try:
            fault = _fault(path, file, folder)
        except OSError as problem:
            told = f"cannot read: {problem.strerror}"
            fault = RawFileError(told, where=path, todo="see who may read it, and its name")
        if fault:
            yield fault


def _fault(path: Path, file: File, folder: Path) -> RawFileError | None:
    """What is wrong with a raw file, and what to do about it."""
    what, where, todo = None, path, "move it away and run `iepile fetch`"
    if not path.exists():
        what = "this raw file is missing"
        todo = "`iepile fetch` gets it, or says whom to ask; a file of yours belongs here"
    elif (link := _leading_out(path, folder)) is not None:
        what, where = "this link leads out of the raw folder", link
        todo = "put the file itself there, or make the whole raw folder a link"
    elif path.is_file() and path.stat().st_size == 0:
        what = "this raw file is empty"
    elif file.sha256 and (found := digest(path)) != file.sha256:
        what = f"sha256 is {found}, declared is {file.sha256}"
        todo = f"{todo}, or write a manifest.toml for it"
    return RawFileError(what, where=where, todo=todo) if what else None
