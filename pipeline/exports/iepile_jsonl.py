"""IEPile's own formats: the unified annotations that its converter reads, and instruction rows.

From records, `IE-<language>/<task>/<dataset>/` holds train.json, dev.json, test.json (a line each
record, as below) and schema.json (three lines: types, roles, roles by type):

    NER       {"text": "…", "entity": [{"entity": "Ada", "entity_type": "person"}]}
    RE        {"text": "…", "relation": [{"head": "Ada", "relation": "born in", "tail": "Oslo"}]}
    SPO, KG   the same with head_type and tail_type
    EE, EEA   {"text": "…", "event": [{"event_trigger": "fell", "event_type": "accident",
               "arguments": [{"argument": "Ada", "role": "victim"}]}]}
    EET       the same without arguments

The format has no offsets, no qualifiers of relations, and in schema.json no tail types for KG; a
missing trigger is "NAN". `iepile import iepile-jsonl` reads such a folder. From instructions come
rows with task, source, instruction and output, and an id beyond the field's four columns.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline import exports
from pipeline.exports._files import json_lines
from pipeline.tasks._events import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.exports import Source

_ROW: Final = ("task", "source", "instruction", "output", "id")


def export(source: Source, out: Path) -> dict[str, int]:
    """Write the folders of every dataset and task, or the instruction rows."""
    counts: Counter[str] = Counter()
    if source.kind == "instructions":
        with json_lines(out) as write:
            for config, split, table in exports.instructions(source):
                rows = table.select(_ROW).to_pylist()
                write(f"{config}/{split}", rows)
                counts["rows"] += len(rows)
        return {**counts}
    for dataset, split, table in exports.records(source):
        rows = table.select(["text", "mentions", "relations", "events"]).to_pylist()
        for task in dataset.tasks:
            folder = out / f"IE-{dataset.language}" / task / dataset.id
            folder.mkdir(parents=True, exist_ok=True)
            _append(folder / f"{split}.json", (_line(task, row) for row in rows))
            if not (folder / "schema.json").exists():
                _append(folder / "schema.json", map(orjson.dumps, schema(dataset, task)))
            counts["rows"] += len(rows)
            for row in rows:
                counts.update(_lost(task, row))
    return {key: counts[key] for key in ("rows", *_LOSSES)}


def _append(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("ab") as stream:
        stream.writelines(line + b"\n" for line in lines)


def schema(dataset: Dataset, task: str) -> Sequence[Any]:
    """The three lines of schema.json: types, roles, and the roles of each type."""
    if task == "NER":
        return dataset.labels_of("entity"), [], {}
    if task == "RE":
        return [], dataset.labels_of("relation"), {}
    if task in ("SPO", "KG"):
        signatures = dataset.signatures_of()
        used = {end for head, _, tail in signatures for end in (head, tail)}
        types = [label for label in dataset.labels_of("entity") if label in used]
        types += [label for label in sorted(used) if label not in types]
        if task == "SPO":
            return types, ["_".join(signature) for signature in signatures], {}
        attributes: dict[str, dict[str, None]] = {}
        for head, relation, _ in signatures:
            attributes.setdefault(head, {})[relation] = None
        relations = dict.fromkeys(relation for _, relation, _ in signatures)
        return types, [*relations], {head: [*own] for head, own in attributes.items()}
    events = dataset.labels_of("event")
    if task == "EET":
        return events, [], {}
    roles = dataset.roles_of()
    named = dict.fromkeys(role for own in roles.values() for role in own)
    return events, [*named], {event: roles.get(event, []) for event in events}


def _line(task: str, row: dict[str, Any]) -> bytes:
    kind, make = _SHAPES[task]
    return orjson.dumps({"text": row["text"], kind: make(row, task)})


def _entities(row: dict[str, Any], task: str) -> list[dict[str, Any]]:
    del task
    return [
        {"entity": m["text"], "entity_type": m["label"]}
        for m in row["mentions"]
        if m["label"] is not None
    ]


def _relations(row: dict[str, Any], task: str) -> list[dict[str, Any]]:
    out = []
    for relation in row["relations"]:
        head, tail = (row["mentions"][relation[end]] for end in ("head", "tail"))
        triple = {"head": head["text"], "relation": relation["label"], "tail": tail["text"]}
        if task != "RE":
            triple |= {"head_type": head["label"], "tail_type": tail["label"]}
        out.append(triple)
    return out


def _events(row: dict[str, Any], task: str) -> list[dict[str, Any]]:
    texts = [mention["text"] for mention in row["mentions"]]
    out = []
    for event in row["events"]:
        trigger = NOTHING if event["trigger"] is None else texts[event["trigger"]]
        own: dict[str, Any] = {"event_trigger": trigger, "event_type": event["label"]}
        if task != "EET":
            own["arguments"] = [
                {"argument": texts[a["mention"]], "role": a["role"]} for a in event["arguments"]
            ]
        elif event["trigger"] is None:
            continue
        out.append(own)
    return out


_SHAPES: Final[dict[str, tuple[str, Callable[[dict[str, Any], str], list[dict[str, Any]]]]]] = {
    "NER": ("entity", _entities),
    **dict.fromkeys(("RE", "SPO", "KG"), ("relation", _relations)),
    **dict.fromkeys(("EE", "EET", "EEA"), ("event", _events)),
}

#: What the format cannot hold: mentions that occur more than once in their text, so that nobody can
#: tell which is meant; qualifiers; events of EET without a trigger.
_LOSSES: Final = ("places lost", "qualifiers lost", "events without trigger left out")


def _lost(task: str, row: dict[str, Any]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for index in {*_used(task, row)}:
        mention = row["mentions"][index]
        if mention["start"] is not None and row["text"].count(mention["text"]) > 1:
            counts["places lost"] += 1
    if task in ("RE", "SPO", "KG"):
        counts["qualifiers lost"] += sum(len(r["qualifiers"]) for r in row["relations"])
    if task == "EET":
        without = sum(e["trigger"] is None for e in row["events"])
        counts["events without trigger left out"] += without
    return counts


def _used(task: str, row: dict[str, Any]) -> Iterable[int]:
    """The mentions that a task's line names."""
    if task == "NER":
        yield from (i for i, m in enumerate(row["mentions"]) if m["label"] is not None)
    elif task in ("RE", "SPO", "KG"):
        yield from (r[end] for r in row["relations"] for end in ("head", "tail"))
    else:
        yield from (e["trigger"] for e in row["events"] if e["trigger"] is not None)
        if task != "EET":
            yield from (a["mention"] for e in row["events"] for a in e["arguments"])
