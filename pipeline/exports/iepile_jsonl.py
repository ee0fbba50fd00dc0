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
missing trigger is "NAN". It has no ids either, so ids/<dataset>/<split>.txt names the records, line
by line. `iepile import iepile-jsonl` reads such a folder. From instructions come rows with task,
source, instruction and output, and with an id, which IEPile does not have.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline import tasks
from pipeline.catalog import Dataset
from pipeline.exports import Source, records
from pipeline.tasks._events import NOTHING


def export(source: Source, out: Path, counts: Counter[str]) -> None:
    """Write the folders of every dataset and task."""
    for dataset, split, table in records(source):
        rows = table.select(["id", "text", "mentions", "relations", "events"]).to_pylist()
        _append(out / "ids" / dataset.id / f"{split}.txt", (row["id"].encode() for row in rows))
        for task in dataset.tasks:
            folder = out / f"IE-{dataset.language}" / task / dataset.id
            _append(folder / f"{split}.json", (_line(task, row) for row in rows))
            if not (folder / "schema.json").exists():
                _append(folder / "schema.json", map(orjson.dumps, schema(dataset, task)))
            counts["rows"] += len(rows)
        for row in rows:
            _count_losses(row, counts)
            if "EET" in dataset.tasks:
                without = sum(event["trigger"] is None for event in row["events"])
                counts["lost: events of EET without a trigger"] += without


def _append(path: Path, lines: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        stream.writelines(line + b"\n" for line in lines)


def _count_losses(row: dict[str, Any], counts: Counter[str]) -> None:
    """Count qualifiers, and mentions whose places in the text are no longer certain."""
    counts["lost: places of mentions that occur more than once"] += sum(
        mention["start"] is not None and row["text"].count(mention["text"]) > 1
        for mention in row["mentions"]
    )
    counts["lost: qualifiers of relations"] += sum(len(r["qualifiers"]) for r in row["relations"])


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
            return types, tasks.inventory(dataset, task), {}
        items = tasks.schemas(dataset, task)
        relations = dict.fromkeys(relation for _, relation, _ in signatures)
        return types, [*relations], {head: [*item["attributes"]] for head, item in items.items()}
    events = dataset.labels_of("event")
    if task == "EET":
        return events, [], {}
    roles = dataset.roles_of()
    named = dict.fromkeys(role for roles_of_event in roles.values() for role in roles_of_event)
    return events, [*named], {event: roles.get(event, []) for event in events}


def _line(task: str, row: dict[str, Any]) -> bytes:
    mentions = row["mentions"]
    texts = [mention["text"] for mention in mentions]
    annotations: list[dict[str, Any]] = [
        {"entity": mention["text"], "entity_type": mention["label"]}
        for mention in mentions
        if task == "NER" and mention["label"] is not None
    ]
    for r in row["relations"] if tasks.COLUMNS[task] == "relations" else ():
        triple = {"head": texts[r["head"]], "relation": r["label"], "tail": texts[r["tail"]]}
        if task != "RE":
            ends = ("head", "tail")
            triple |= {f"{end}_type": mentions[r[end]]["label"] for end in ends}
        annotations.append(triple)
    for e in row["events"] if tasks.COLUMNS[task] == "events" else ():
        trigger = NOTHING if e["trigger"] is None else texts[e["trigger"]]
        event = {"event_trigger": trigger, "event_type": e["label"]}
        if task != "EET":
            arguments = ((texts[a["mention"]], a["role"]) for a in e["arguments"])
            event["arguments"] = [{"argument": text, "role": role} for text, role in arguments]
        if task != "EET" or e["trigger"] is not None:
            annotations.append(event)
    return orjson.dumps({"text": row["text"], _KINDS[tasks.COLUMNS[task]]: annotations})


#: Column of a record -> its name in the format.
_KINDS: Final = {"mentions": "entity", "relations": "relation", "events": "event"}
