"""Make a dataset of this project from a folder in IEPile's unified format.

    IE-en/NER/CoNLL2003/  train.json  dev.json  test.json  schema.json

The annotations are copied into a raw folder as they are, with a manifest (hashes and counts); the
declaration is written into the catalog. schema.json names the labels and their order. It holds no
tail types for KG, and its labels may lack some that occur: signatures come from the annotations,
labels that occur but are not listed are added at the end, and what is only listed and cannot be
declared is left out. All three are counted.
"""

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import tomlkit

from pipeline import catalog
from pipeline.adding import language
from pipeline.adding.evidence import Survey
from pipeline.catalog import Dataset, File, Split, raw_files, reader_options
from pipeline.catalog.declaration import COUNTED
from pipeline.config import Name
from pipeline.errors import DeclarationError, RawFileError
from pipeline.execution import atomic, ownership, shards
from pipeline.readers._source import json_rows
from pipeline.records import TASKS, Reject

Schema = tuple[list[Name], list[Name], dict[str, list[Name]]]
Signature = tuple[str, str, str]
#: The names that the files of a split may have.
_FILES: Final = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def run(folder: Path, said: Dataset, raw: Path, declarations: Path | None = None) -> dict[str, int]:
    """Write the declaration and `<raw>/<id>/`; return the counts.

    `said` is what the user says about the dataset: what is empty is inferred from the files.
    Without a folder of declarations, it is written where every command looks for it.
    """
    name = said.id or _id(folder.resolve())
    if not _ID.fullmatch(name):
        todo = "give it one with --id: small letters, digits and hyphens"
        raise DeclarationError(f"{name!r} is no id of a dataset", where=folder, todo=todo)
    declaration = catalog.file_of(name, declarations)
    if declaration.exists():
        raise _there_already(declaration)
    for place in (declaration, raw / name):
        ownership.spared(place)
    files = _splits(folder)
    for path in (*files.values(), folder / "schema.json"):
        if path.exists() and (problem := raw_files.shut(path)):
            raise problem
    schema, survey = _schema(folder / "schema.json"), Survey()
    splits = {split: _split(path, survey) for split, path in files.items()}
    if not survey.records:
        todo = "check that they are in the unified format, and UTF-8"
        raise RawFileError("not one record of these files can be read", where=folder, todo=todo)
    tasks = said.tasks or _tasks(folder, survey)
    counts = Counter({key: sum(split.counts[key] for split in splits.values()) for key in COUNTED})
    tables = _tables(schema, survey, tasks, folder, counts)
    source = said.source or folder.resolve().name
    dataset = msgspec.structs.replace(
        said,
        id="",
        title=f"{source}, from IEPile's unified format",
        source=source,
        language=said.language or language.spoken(survey.texts) or "en",
        tasks=[*tasks],
        access="licensed",
        access_note="Imported from your own files; nobody else can fetch them.",
        splits={},
    )
    text = tomlkit.dumps(msgspec.to_builtins(dataset) | tables)
    _check(text, declaration)
    with atomic.replacing(raw / name) as partial:
        for path in files.values():
            shutil.copyfile(path, partial / path.name)
        listed = tomlkit.dumps({"splits": msgspec.to_builtins(splits)})
        shards.write_text(listed, partial / "manifest.toml")
        # A killed import leaves such a folder without a declaration. That one is replaced.
        if (raw / name).exists() and raw_files.digest(raw / name) != raw_files.digest(partial):
            raise _there_already(raw / name)
    shards.write_text(text, declaration)
    return {key: int(number) for key, number in counts.items()}


def _id(folder: Path) -> str:
    """IE-en/NER/CoNLL2003 becomes "iepile-ner-conll2003", which is no id of the catalog."""
    task = [folder.parent.name] if folder.parent.name in TASKS else []
    return re.sub(r"[^a-z0-9]+", "-", "-".join(["iepile", *task, folder.name]).lower()).strip("-")


def _there_already(path: Path) -> DeclarationError:
    todo = "use another --id, or remove it"
    return DeclarationError("this exists already", where=path, todo=todo)


def _check(text: str, declaration: Path) -> None:
    """Check a declaration in a temporary folder, before any command can read it."""
    with TemporaryDirectory() as folder:
        shards.write_text(text, Path(folder, declaration.name))
        try:
            catalog.load(declaration.stem, Path(folder))
        except DeclarationError as problem:
            raise DeclarationError(problem.what, where=declaration, todo=problem.todo) from None


def _splits(folder: Path) -> dict[str, Path]:
    """Return the file of each split."""
    files = {}
    for split, names in _FILES.items():
        paths = (folder / f"{name}{end}" for name in names for end in (".json", ".jsonl"))
        if existing := [path for path in paths if path.exists() and not path.is_dir()]:
            files[split] = existing[0]
    if not files:
        what = "there is no train.json, dev.json or test.json here"
        todo = "name a folder of one dataset, such as IE-en/NER/CoNLL2003"
        raise RawFileError(what, where=folder, todo=todo)
    return files


def _schema(path: Path) -> Schema:
    """Read the three lines of schema.json: the types, the roles, and the roles of each type."""
    todo = "three JSON lines are wanted: a list of types, a list of roles, an object type -> roles"
    values = [value for _, value in json_rows(path)]  # of three lines, or of one array
    if broken := next((value.detail for value in values if isinstance(value, Reject)), None):
        raise RawFileError(f"not JSON lines: {broken}", where=path, todo=todo)
    try:
        schema: Schema = msgspec.convert(values, Schema)
    except msgspec.ValidationError:
        what = "this is no schema of the unified format"
        raise RawFileError(what, where=path, todo=todo) from None
    return schema


def _split(path: Path, survey: Survey) -> Split:
    """Return a split of the manifest, counted as `normalize` does; add its contents to `survey`."""
    if not path.stat().st_size:
        todo = "leave it out, or get it again"
        raise RawFileError("this file is empty: not one record", where=path, todo=todo)
    split = path.stem
    survey.read(split, reader_options.read("iepile_jsonl", [path], language=""))
    counts = {**dict.fromkeys(COUNTED, 0), **survey.counts[split]}
    counts["rejects"] = len(survey.rejects[split])
    file = File(path.name, sha256=raw_files.digest(path), bytes=path.stat().st_size)
    return Split([file], counts)


def _tasks(folder: Path, survey: Survey) -> tuple[str, ...]:
    """Return the task that the parent folder is named after, or all that the annotations allow."""
    above = folder.resolve().parent.name
    if above in TASKS:
        return (above,)
    tasks = survey.tasks() or (["EET"] if survey.labels["event"] else [])
    if not tasks:
        todo = "name the tasks with --tasks NER, say, if that is as it should be"
        raise RawFileError("no annotation anywhere in these files", where=folder, todo=todo)
    return tuple(tasks)


def _tables(
    schema: Schema, survey: Survey, tasks: Sequence[str], folder: Path, counts: Counter[str]
) -> dict[str, Any]:
    """Return the tables of the declaration: reader, labels, roles of events, and signatures."""
    types, roles, roles_of = schema
    events = any(task in ("EE", "EET", "EEA") for task in tasks)
    signatures: list[Signature] = []
    if {"SPO", "KG"} & {*tasks}:
        signatures = _signatures(schema, survey, folder, counts)
    spelled = {"_".join(signature): signature[1] for signature in signatures}
    relations = [spelled[role] for role in roles if role in spelled] or roles
    listed = {"event": types, "role": roles} if events else {"entity": types, "relation": relations}
    labels: dict[str, list[str]] = {}
    for kind, found in survey.labels.items():
        new = sorted({*found} - {*listed.get(kind, ())})
        counts["labels that schema.json lacks"] += len(new)
        labels[kind] = [*dict.fromkeys([*listed.get(kind, ()), *new])]
    roles_by_event: dict[str, list[str]] = {}
    for event in labels["event"] if labels["role"] else ():
        new = sorted({*survey.roles.get(event, ())} - {*roles_of.get(event, ())})
        counts["roles of events that schema.json lacks"] += len(new)
        roles_by_event[event] = [*dict.fromkeys([*roles_of.get(event, ()), *new])]
    labels["role"] = [*dict.fromkeys(chain(labels["role"], *roles_by_event.values()))]
    pairs: dict[str, list[list[str]]] = {}
    for head, relation, tail in signatures:
        pairs.setdefault(relation, []).append([head, tail])
    return {
        "reader": {"name": "iepile_jsonl"},
        "labels": {kind: known for kind, known in labels.items() if known},
        "roles": roles_by_event,
        "signatures": pairs,
    }


def _signatures(
    schema: Schema, survey: Survey, folder: Path, counts: Counter[str]
) -> list[Signature]:
    """Return the signatures in the order of schema.json: those that occur, and those it spells out.

    The file lists them as `head_predicate_tail`, which is split only if its types allow just one
    split, or as bare predicates, whose types are those that occur.
    """
    types, roles, roles_of = schema
    untyped = sum(n for (head, _, tail), n in survey.signatures.items() if not (head and tail))
    if untyped:
        todo = "leave out SPO and KG with --tasks, or give every relation its types"
        what = f"relations without head_type or tail_type: {untyped}"
        raise DeclarationError(what, where=folder, todo=todo)
    place = {label: i for i, label in enumerate(dict.fromkeys([*roles_of, *types]))}
    occurring: list[Signature] = sorted(
        ((head or "", relation, tail or "") for head, relation, tail in survey.signatures),
        key=lambda s: (place.get(s[0], len(place)), place.get(s[2], len(place)), s),
    )
    ordered: dict[Signature, None] = {}
    for role in roles:
        matches = [s for s in occurring if "_".join(s) == role]
        matches = matches or [s for s in occurring if s[1] == role]
        if not matches and role not in {r for names in roles_of.values() for r in names}:
            ends = (
                (head, role[len(head) + 1 : -len(tail) - 1], tail)
                for head in types
                for tail in types
                if role.startswith(f"{head}_") and role.endswith(f"_{tail}")
            )
            matches = [s for s in ends if s[1]]
            if len(matches) != 1:
                counts["relations listed that no types are known of"] += 1
                continue
        ordered.update(dict.fromkeys(matches))
    pairs = {(head, relation) for head, relation, _ in occurring}
    left_out = sum((head, r) not in pairs for head, names in roles_of.items() for r in names)
    counts["attributes listed that never occur"] += left_out
    return [*dict.fromkeys([*ordered, *occurring])]
