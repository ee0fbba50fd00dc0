"""`uie-sel`: structured extraction language, for the generative UIE (Lu et al., ACL 2022).

    {"text": "Ines Vale of Split", "tokens": ["Ines", "Vale", "of", "Split"],
     "record": "<extra_id_0> <extra_id_0> person <extra_id_5> Ines Vale <extra_id_0> lives in
                <extra_id_5> Split <extra_id_1> <extra_id_1> <extra_id_0> place ... <extra_id_1>",
     "spot": ["person", "place"], "asoc": ["lives in"],
     "ssi": "<spot> organization <spot> person <spot> place <asoc> lives in <extra_id_2> ", ...}

A spot is an entity or an event's trigger; its associations are its relations or arguments, in
text order. `record` is the answer as one string, `spot_asoc` the same as a tree; `entity`,
`relation` and `event` are the gold with token offsets, empty where a string has no token span
(counted: the answer keeps the string). `spot` and `asoc` are the labels present. `ssi`, the
structural schema instructor, asks these and absent ones; put it before the text. A train row asks
one set of near labels, as the instructions do, and holds only their annotations: a record has a row
for every set. Relations are asked with all entity labels, events with their roles. Each file
*.schema has three lines: the spot labels, the association labels, and the associations by spot.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from pipeline.catalog import Dataset
from pipeline.exports import Made
from pipeline.exports._label_sets import LabelSets, parts
from pipeline.exports.tokens import UNTYPED, aligned

START, END, TEXT, SPAN = (f"<extra_id_{n}>" for n in (0, 1, 2, 5))
#: Tasks whose labels the schema files name, by the kind of label.
_TASKS: Final = ({"NER"}, {"RE", "SPO"}, {"EE", "EET"})


def sel(spots: Iterable[dict[str, Any]]) -> str:
    """A tree of spots and associations as one string."""
    parts = []
    for spot in spots:
        inner = "".join(f" {START} {a} {SPAN} {span} {END}" for a, span in spot["asoc"])
        parts.append(f"{START} {spot['label']} {SPAN} {spot['span']}{inner} {END}")
    return " ".join([START, *parts, END])


def row(
    record: dict[str, Any], spots_asked: Iterable[str] = (), asked: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, int]]:
    """The row of one record that asks these spots and associations, and counts."""
    text, mentions = record["text"], record["mentions"]
    alignment = aligned(text, mentions)

    def place(index: int) -> tuple[int, int]:
        mention = mentions[index]
        start = mention["start"]
        at = text.find(mention["text"]) if start is None else start
        return (at if at >= 0 else len(text), index)

    def gold(index: int, **fields: str) -> dict[str, Any]:
        return {
            **fields,
            "offset": [*range(*alignment.spans.get(index, (0, 0)))],
            "text": mentions[index]["text"],
        }

    ends = {i for x in record["relations"] for i in (x["head"], x["tail"])}
    kind = {i: m["label"] or UNTYPED for i, m in enumerate(mentions) if m["label"] or i in ends}
    spots = {i: {"span": mentions[i]["text"], "label": kind[i], "asoc": []} for i in kind}
    placed = [(place(i), spot) for i, spot in spots.items()]
    for x in sorted(record["relations"], key=lambda x: place(x["tail"])):
        _attach(spots[x["head"]], x["label"], mentions[x["tail"]]["text"])
    triggered = [event for event in record["events"] if event["trigger"] is not None]
    for event in triggered:
        trigger = event["trigger"]
        spot = {"span": mentions[trigger]["text"], "label": event["label"], "asoc": []}
        for argument in sorted(event["arguments"], key=lambda a: place(a["mention"])):
            _attach(spot, argument["role"], mentions[argument["mention"]]["text"])
        placed.append((place(trigger), spot))
    placed.sort(key=lambda entry: entry[0])
    tree = [spot for _, spot in placed]
    present = [*dict.fromkeys(spot["label"] for spot in tree)]
    related = [*dict.fromkeys(label for spot in tree for label, _ in spot["asoc"])]
    used = {*kind} | {e["trigger"] for e in triggered}
    used |= {a["mention"] for e in triggered for a in e["arguments"]}
    counts = {
        "spots": len(tree),
        "associations": sum(len(spot["asoc"]) for spot in tree),
        "strings without a token span": len(used - {*alignment.spans}),
        "lost: events without a trigger": len(record["events"]) - len(triggered),
    }
    return {
        "text": text,
        "tokens": alignment.words,
        "record": sel(tree),
        "entity": [gold(i, type=k) for i, k in kind.items()],
        "relation": [
            {"type": x["label"], "args": [gold(i, type=kind[i]) for i in (x["head"], x["tail"])]}
            for x in record["relations"]
        ],
        "event": [
            {
                **gold(e["trigger"], type=e["label"]),
                "args": [gold(a["mention"], type=a["role"]) for a in e["arguments"]],
            }
            for e in triggered
        ],
        "spot": present,
        "asoc": related,
        "spot_asoc": tree,
        "ssi": _instructor({*spots_asked, *present}, {*asked, *related}),
    }, counts


def _attach(spot: dict[str, Any], label: str, span: str) -> None:
    if [label, span] not in spot["asoc"]:
        spot["asoc"].append([label, span])


def _instructor(spots: Iterable[str], associations: Iterable[str]) -> str:
    """The labels to ask, present and absent together, in alphabetical order."""
    labels = [f"<spot> {label}" for label in sorted(spots)]
    labels += [f"<asoc> {label}" for label in sorted(associations)]
    return " ".join([*labels, TEXT, ""])


def rows(record: dict[str, Any], _: object, asked: dict[str, LabelSets]) -> Made:
    """The rows of one record, and counts of annotations written and lost."""
    made = []
    for part, labels in parts(record, asked):
        events = labels.get("EE", [])
        roles = [r for e in events for r in asked["EE"].roles.get(e, ())]
        untyped = [UNTYPED] if "RE" in labels and not labels["NER"] else []
        spots = [*labels.get("NER", ()), *untyped, *events]
        made.append(row(part, spots, [*labels.get("RE", ()), *roles])[0])
    return made, row(record)[1]


def schema_files(dataset: Dataset) -> dict[str, bytes]:
    """The four schema files: spot labels, association labels, and which go together."""
    ner, re, ee = (names & {*dataset.tasks} for names in _TASKS)
    heads: dict[str, list[str]] = {}
    if re:
        relations = dataset.labels_of("relation")
        typed = dataset.signatures_of()
        for kind in dataset.labels_of("entity") or [UNTYPED]:
            names = dict.fromkeys(r for head, r, _ in typed if head == kind) if typed else relations
            heads[kind] = [*names]
    entities: dict[str, list[str]] = (
        {kind: [] for kind in dataset.labels_of("entity")} if ner else {}
    )
    events = dataset.roles_of() if ee else {}
    parts = {"entity": entities, "relation": heads, "event": events}
    parts["record"] = {**entities, **heads, **events}
    return {f"{name}.schema": _lines(part) for name, part in parts.items()}


def _lines(part: dict[str, list[str]]) -> bytes:
    roles = [*dict.fromkeys(role for names in part.values() for role in names)]
    return b"".join(orjson.dumps(line) + b"\n" for line in ([*part], roles, part))
