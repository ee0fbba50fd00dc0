"""`gliner2`: entities, relations and events as strings, with the entity labels that are absent.

    {"input": "Ines Vale of Split",
     "output": {"entities": {"person": ["Ines Vale"], "place": ["Split"], "group": []},
                "entity_descriptions": {"person": "..."},
                "relations": [{"lives in": {"head": "Ines Vale", "tail": "Split"}}]},
     "id": "conll04/train/7#0", "record_id": "conll04/train/7"}
    {"input": "...", "output": {"json_structures": [
        {"merger": {"trigger": "buys", "Buyer": "Velmora", "Target": ["A", "B"], "Price": ""}}]}}

A train row asks one set of near labels, as the instructions do; see `gliner`. Entities are asked
where a dataset declares NER. GLiNER2 cannot state that a relation or an event is absent, so rows
that ask only absent ones are counted, and left out where they would be empty. GLiNER2 looks its
strings up in the text. A string that is not in the text, such as the joined parts of a
discontinuous mention, is left out and counted; so is a relation with such an end.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog import Dataset
from pipeline.exports import Made
from pipeline.exports._label_sets import LabelSets, parts


def row(
    record: dict[str, Any],
    asked: Mapping[str, Sequence[str]],
    descriptions: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """The output of one record that asks these labels by task."""
    strings = [m["text"] if m["text"] in record["text"] else "" for m in record["mentions"]]
    output: dict[str, Any] = {}
    if "NER" in asked:
        entities: dict[str, list[str]] = {label: [] for label in asked["NER"]}
        for mention, string in zip(record["mentions"], strings, strict=True):
            of_label = entities.get(mention["label"])
            if of_label is not None and string and string not in of_label:
                of_label.append(string)
        output["entities"] = entities
        if described := {x: descriptions[x] for x in entities if x in descriptions}:
            output["entity_descriptions"] = described
    if "RE" in asked:
        ends = [(r["label"], strings[r["head"]], strings[r["tail"]]) for r in record["relations"]]
        output["relations"] = [
            {r: {"head": h, "tail": t}} for r, h, t in dict.fromkeys(ends) if h and t
        ]
    if "EE" in asked:
        output["json_structures"] = [
            {event["label"]: _fields(event, strings, roles.get(event["label"], ()))}
            for event in record["events"]
        ]
    return output


def _fields(event: Any, strings: Sequence[str], roles: Sequence[str]) -> dict[str, Any]:
    """The trigger and all roles of an event: one filler as a string, several as a list."""
    trigger = "" if event["trigger"] is None else strings[event["trigger"]]
    fillers: dict[str, list[str]] = {role: [] for role in roles}
    for argument in event["arguments"]:
        filler = strings[argument["mention"]]
        fillers.setdefault(argument["role"], []).extend([filler] if filler else [])
    values = {r: texts if len(texts) > 1 else "".join(texts) for r, texts in fillers.items()}
    return {"trigger": trigger, **values}


def rows(record: dict[str, Any], dataset: Dataset, sets: Mapping[str, LabelSets]) -> Made:
    """The rows of one record, and counts of annotations written and lost."""
    made = []
    absent = sum(m["text"] not in record["text"] for m in record["mentions"])
    counts = Counter({"lost: strings that the text does not hold": absent})
    roles = sets["EE"].roles if "EE" in sets else {}
    for part, labels in parts(record, sets):
        asked = {
            task: names for task, names in labels.items() if task != "NER" or task in dataset.tasks
        }
        output = row(part, asked, dataset.descriptions, roles)
        counts["entities"] += sum(map(len, output.get("entities", {}).values()))
        for kind, task in (("relations", "RE"), ("json_structures", "EE")):
            counts[kind] += len(output.get(kind, ()))
            if task in asked and not output[kind]:
                counts[f"lost: rows that ask {kind} in vain"] += 1
                del output[kind]
        if output:
            made.append({"input": record["text"], "output": output})
    return made, counts
