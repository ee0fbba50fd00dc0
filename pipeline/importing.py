"""Make a dataset of this project from a folder in IEPile's unified format.

    IE-en/NER/CoNLL2003/  train.json  dev.json  test.json  schema.json

The annotations are copied into a raw folder as they are, with a manifest (hashes and counts); the
declaration is written into the catalogue. schema.json names the labels and their order. It holds no
tail types for KG, and its labels may lack some that occur: signatures come from the annotations,
labels that occur but are not listed are added at the end, and what is only listed and cannot be
declared is left out. All three are counted.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from pipeline import atomic, catalog, raw_files, toml
from pipeline.errors import DeclarationError, RawFileError
from pipeline.readers.iepile_jsonl import read
from pipeline.records import Record, Reject, violation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How the files of a split may be called.
_FILES: Final = {
    "train": ("train",),
    "dev": ("dev", "valid", "validation"),
    "test": ("test",),
}
#: What is told of the annotations; and how many texts tell the language.
_TOLD: Final = ("records", "entities", "relations", "events", "arguments", "rejects")
_TEXTS: Final = 1000
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


Schema = tuple[list[str], list[str], dict[str, list[str]]]
Signature = tuple[str, str, str]


class Wanted(NamedTuple):
    """What a user says about the dataset; what is left empty is found out."""

    id: str = ""
    source: str = ""
    language: str = ""
    tasks: tuple[str, ...] = ()
    license: str = "unstated"
    domain: str = "unstated"
    held_out: bool = False


class Found:
    """What the annotations of all splits hold."""

    def __init__(self) -> None:
        self.labels: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("entity", "relation", "event", "role")
        }
        self.entities = 0
        self.roles: dict[str, Counter[str]] = {}
        self.signatures: Counter[tuple[str | None, str, str | None]] = Counter()
        self.characters: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Note the labels of a record, and in which script the first texts are."""
        if self.characters["texts"] < _TEXTS:
            han = len(_HAN.findall(record.text))
            letters = sum(map(str.isalpha, record.text)) - han
            self.characters.update({"texts": 1, "han": han, "letters": letters})
        ends = {i for relation in record.relations for i in (relation.head, relation.tail)}
        for i, mention in enumerate(record.mentions):
            if mention.label is not None:
                self.labels["entity"][mention.label] += 1
                self.entities += i not in ends
        for relation in record.relations:
            self.labels["relation"][relation.label] += 1
            head, tail = (record.mentions[i].label for i in (relation.head, relation.tail))
            self.signatures[head, relation.label, tail] += 1
        for event in record.events:
            roles = [argument.role for argument in event.arguments]
            self.labels["event"][event.label] += 1
            self.labels["role"].update(roles)
            self.roles.setdefault(event.label, Counter()).update(roles)


def run(folder: Path, wanted: Wanted, raw: Path, declarations: Path) -> dict[str, int]:
    """Write `<declarations>/<id>.toml` and `<raw>/<id>/`; return what was counted."""
    name = wanted.id or _id(folder.resolve())
    if not _ID.fullmatch(name):
        todo = "give it one with --id: small letters, digits and hyphens"
        raise DeclarationError(f"{name!r} is no id of a dataset", where=folder, todo=todo)
    declaration = declarations / f"{name}.toml"
    if declaration.exists():
        raise _there_already(declaration)
    files, schema, found = _splits(folder), _schema(folder / "schema.json"), Found()
    splits = {split: _split(path, found) for split, path in files.items()}
    if not found.characters["texts"]:
        todo = "check that they are in the unified format, and UTF-8"
        raise RawFileError("not one record of these files can be read", where=folder, todo=todo)
    tasks = wanted.tasks or _tasks(folder, found)
    counts = Counter({key: sum(split["counts"][key] for split in splits.values()) for key in _TOLD})
    tables = _tables(schema, found, tasks, folder, counts)
    source = wanted.source or folder.resolve().name
    about: dict[str, Any] = {
        "title": f"{source}, from IEPile's unified format",
        "source": source,
        "license": wanted.license,
        "language": wanted.language or _language(found),
        "domain": wanted.domain,
        "tasks": [*tasks],
        "access": "licensed",
        "access_note": "Imported from files of one's own; nobody else can fetch them.",
        "use": "held-out" if wanted.held_out else "train",
    }
    _check({**about, **tables}, declaration)
    with atomic.replacing(raw / name) as partial:
        for path in files.values():
            shutil.copyfile(path, partial / path.name)
        toml.write(partial / "manifest.toml", {"splits": splits})
        # Without its declaration a folder of just these bytes is what a killed import has left.
        if (raw / name).exists() and raw_files.digest(raw / name) != raw_files.digest(partial):
            raise _there_already(raw / name)
    toml.write(declaration, {**about, **tables})
    return {key: int(number) for key, number in counts.items()}


def _id(folder: Path) -> str:
    """IE-en/NER/CoNLL2003 becomes "iepile-ner-conll2003", like no id of the catalogue."""
    task = [folder.parent.name] if folder.parent.name in catalog.TASKS else []
    return re.sub(r"[^a-z0-9]+", "-", "-".join(["iepile", *task, folder.name]).lower()).strip("-")


def _there_already(path: Path) -> DeclarationError:
    todo = "use another --id, or remove it"
    return DeclarationError("this is there already", where=path, todo=todo)


def _check(content: Mapping[str, Any], declaration: Path) -> None:
    """Have the catalogue look at a declaration before it stands where every command reads it."""
    with TemporaryDirectory() as folder:
        toml.write(Path(folder) / declaration.name, content)
        try:
            catalog.load(declaration.stem, Path(folder))
        except DeclarationError as problem:
            raise DeclarationError(problem.what, where=declaration, todo=problem.todo) from None


def _splits(folder: Path) -> dict[str, Path]:
    """Split -> its file."""
    found = {}
    for split, names in _FILES.items():
        paths = (folder / f"{name}{end}" for name in names for end in (".json", ".jsonl"))
        if there := [path for path in paths if path.is_file()]:
            found[split] = there[0]
    if not found:
        raise RawFileError(
            "there is no train.json, dev.json or test.json here",
            where=folder,
            todo="name a folder of one dataset, such as IE-en/NER/CoNLL2003",
        )
    return found


def _schema(path: Path) -> Schema:
    """The three lines of schema.json: types, roles, and the roles of each type."""
    todo = "three JSON lines are wanted: a list of types, a list of roles, an object type -> roles"
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
        values = [orjson.loads(line) for line in lines if line.strip()]
    except OSError as problem:
        raise RawFileError(f"cannot read: {problem.strerror}", where=path, todo=todo) from None
    except orjson.JSONDecodeError as problem:
        raise RawFileError(f"not JSON lines: {problem}", where=path, todo=todo) from None
    if len(values) == 1 and isinstance(values[0], list) and len(values[0]) == 3:
        values = values[0]  # the same as one array
    sound = len(values) == 3 and _strings(values[0]) and _strings(values[1])
    if not sound or not isinstance(values[2], dict) or not all(map(_strings, values[2].values())):
        raise RawFileError("this is no schema of the unified format", where=path, todo=todo)
    return values[0], values[1], values[2]


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def _split(path: Path, found: Found) -> dict[str, Any]:
    """A split of the manifest, counted as `normalize` will; what occurs is added to `found`."""
    if not path.stat().st_size:
        todo = "leave it out, or get it again"
        raise RawFileError("this file is empty: not one record", where=path, todo=todo)
    counts: Counter[str] = Counter(dict.fromkeys(raw_files.COUNTED, 0))
    for item in read([path], language=""):
        if isinstance(item, Reject):
            counts["rejects"] += 1
            counts["records"] += item.records
            for kind in ("entities", "relations", "events", "arguments"):
                counts[kind] += getattr(item, kind)
            continue
        broken = violation(item) is not None
        counts["rejects"] += broken
        counts["records"] += 1
        counts["entities"] += sum(m.label is not None for m in item.mentions)
        counts["relations"] += len(item.relations)
        counts["events"] += len(item.events)
        counts["arguments"] += sum(len(event.arguments) for event in item.events)
        if not broken:
            found.add(item)
    file = {"path": path.name, "sha256": raw_files.digest(path), "bytes": path.stat().st_size}
    return {"counts": dict(counts), "files": [file]}


def _language(found: Found) -> str:
    """English, unless Chinese characters are more than half as many as other letters."""
    return "en" if found.characters["letters"] > 2 * found.characters["han"] else "zh"


def _tasks(folder: Path, found: Found) -> tuple[str, ...]:
    """The task that the folder above is named after, or all that the annotations allow."""
    above = folder.resolve().parent.name
    if above in catalog.TASKS:
        return (above,)
    tasks: list[str] = ["NER"] if found.entities else []
    if found.signatures:
        typed = all(head and tail for head, _, tail in found.signatures)
        tasks += ["RE", "SPO", "KG"] if typed else ["RE"]
    if found.labels["event"]:
        tasks += ["EE", "EET", "EEA"] if found.labels["role"] else ["EET"]
    if not tasks:
        raise RawFileError(
            "no annotation anywhere in these files",
            where=folder,
            todo="name the tasks with --tasks NER, say, if that is as it should be",
        )
    return tuple(tasks)


def _tables(
    schema: Schema, found: Found, tasks: Sequence[str], folder: Path, counts: Counter[str]
) -> dict[str, Any]:
    """The tables of the declaration: reader, labels, roles of events, and signatures."""
    types, roles, roles_of = schema
    events = any(task in ("EE", "EET", "EEA") for task in tasks)
    signatures: list[Signature] = []
    if {"SPO", "KG"} & {*tasks}:
        signatures = _signatures(schema, found, folder, counts)
    spelled = {"_".join(signature): signature[1] for signature in signatures}
    relations = [spelled[role] for role in roles if role in spelled] or roles
    listed = {
        "entity": types if not events else [],
        "relation": relations if not events else [],
        "event": types if events else [],
        "role": roles if events else [],
    }
    labels: dict[str, list[str]] = {}
    for kind, known in listed.items():
        new = sorted({*found.labels[kind]} - {*known})
        counts["labels that schema.json lacks"] += len(new)
        labels[kind] = [*dict.fromkeys([*known, *new])]
    own: dict[str, list[str]] = {}
    for event in labels["event"] if labels["role"] else ():
        new = sorted({*found.roles.get(event, ())} - {*roles_of.get(event, ())})
        counts["roles of events that schema.json lacks"] += len(new)
        own[event] = [*dict.fromkeys([*roles_of.get(event, ()), *new])]
    labels["role"] = [*dict.fromkeys([*labels["role"], *(r for rs in own.values() for r in rs)])]
    pairs: dict[str, list[list[str]]] = {}
    for head, relation, tail in signatures:
        pairs.setdefault(relation, []).append([head, tail])
    return {
        "reader": {"name": "iepile_jsonl"},
        "labels": {kind: known for kind, known in labels.items() if known},
        "roles": own,
        "signatures": pairs,
    }


def _signatures(
    schema: Schema, found: Found, folder: Path, counts: Counter[str]
) -> list[Signature]:
    """Signatures in the order of schema.json: those that occur, and those it spells out.

    It lists them as `head_predicate_tail`, which is parted only where its own types allow one way,
    or as bare predicates, whose types are those that occur.
    """
    types, roles, roles_of = schema
    untyped = sum(n for (head, _, tail), n in found.signatures.items() if not (head and tail))
    if untyped:
        todo = "leave out SPO and KG with --tasks, or give every relation its types"
        raise DeclarationError(
            f"{untyped} relations have no head_type or tail_type", where=folder, todo=todo
        )
    place = {label: i for i, label in enumerate(dict.fromkeys([*roles_of, *types]))}
    occurring: list[Signature] = sorted(
        ((head or "", relation, tail or "") for head, relation, tail in found.signatures),
        key=lambda s: (place.get(s[0], len(place)), place.get(s[2], len(place)), s),
    )
    ordered: dict[Signature, None] = {}
    for role in roles:
        same = [s for s in occurring if "_".join(s) == role]
        same = same or [s for s in occurring if s[1] == role]
        if not same and role not in {r for own in roles_of.values() for r in own}:
            ends = (
                (head, role[len(head) + 1 : -len(tail) - 1], tail)
                for head in types
                for tail in types
                if role.startswith(f"{head}_") and role.endswith(f"_{tail}")
            )
            same = [s for s in ends if s[1]]
            if len(same) != 1:
                counts["relations listed that no types are known of"] += 1
                continue
        ordered.update(dict.fromkeys(same))
    pairs = {(head, relation) for head, relation, _ in occurring}
    left_out = sum((head, r) not in pairs for head, own in roles_of.items() for r in own)
    counts["attributes listed that never occur"] += left_out
    return [*dict.fromkeys([*ordered, *occurring])]
