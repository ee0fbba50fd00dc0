"""Infer the tasks, labels and signatures of an imported dataset from its annotations."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.adding.survey import Survey
from pipeline.errors import DeclarationError, RawFileError
from pipeline.records import TASKS

Schema = tuple[list[str], list[str], dict[str, list[str]]]
Signature = tuple[str, str, str]


def tasks(folder: Path, survey: Survey) -> tuple[str, ...]:
    """Return the task that the parent folder is named after, or all that the annotations allow."""
    above = folder.resolve().parent.name
    if above in TASKS:
        return (above,)
    tasks = survey.tasks() or (["EET"] if survey.labels["event"] else [])
    if not tasks:
        raise RawFileError(
            "no annotation anywhere in these files",
            where=folder,
            todo="name the tasks with --tasks NER, say, if that is as it should be",
        )
    return tuple(tasks)


def tables(
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
    listed = {
        "entity": types if not events else [],
        "relation": relations if not events else [],
        "event": types if events else [],
        "role": roles if events else [],
    }
    labels: dict[str, list[str]] = {}
    for kind, known in listed.items():
        new = sorted({*survey.labels[kind]} - {*known})
        counts["labels that schema.json lacks"] += len(new)
        labels[kind] = [*dict.fromkeys([*known, *new])]
    roles_by_event: dict[str, list[str]] = {}
    for event in labels["event"] if labels["role"] else ():
        new = sorted({*survey.roles.get(event, ())} - {*roles_of.get(event, ())})
        counts["roles of events that schema.json lacks"] += len(new)
        roles_by_event[event] = [*dict.fromkeys([*roles_of.get(event, ()), *new])]
    labels["role"] = [
        *dict.fromkeys([*labels["role"], *(r for rs in roles_by_event.values() for r in rs)])
    ]
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
        raise DeclarationError(
            f"{untyped} relations have no head_type or tail_type", where=folder, todo=todo
        )
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
