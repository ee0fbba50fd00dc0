"""The tasks: how the annotations of records become answers, and labels become schema items.

    task  schema item, {"description": "..."} in it if it has one      answer
    NER   "person"                                                     ["Ines Calloway"]
    RE    "founder"                                                    [{"subject", "object"}]
    SPO   {"subject_type", "predicate", "object_type"}                 [{"subject", "object"}]
    KG    {"entity_type", "attributes": ["国籍", "毕业院校"]}              {"…": {"国籍": "…"}}
    EE    {"event_type", "trigger": true, "arguments": ["Buyer"]}      [{"trigger", "arguments"}]
    EET   "merger"                                                     ["buys"]
    EEA   {"event_type", "trigger": ["buys"], "arguments": ["Buyer"]}  [{"trigger", "arguments"}]

RE pools typed relations of one name: the label asked is the name alone. Two signatures of one
predicate of SPO may be asked together: the output has one key for both. KG asks for the attributes
of entities, which are the relations that their type may be the head of; those absent are left out.
EET leaves events without a trigger out. EEA gives labels and triggers: only what is present is
asked.

A key is what the dictionary, the hash priorities and the column `labels` call a label: its name,
and for typed relations `head_predicate_tail`, which is written but never split back.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.catalog import Dataset
from pipeline.tables import flat
from pipeline.tasks import _answers, _events
from pipeline.tasks._answers import Answers, Items
from pipeline.tasks._labels import KINDS, inventory, output_keys, schemas

__all__ = ["inventory", "output_keys", "schemas"]

#: Task -> the column of a record that holds its annotations.
COLUMNS: Final = {task: f"{kind}s" for task, kind in KINDS.items()} | {
    "NER": "mentions",
    "KG": "relations",
}
#: Task -> the answer to a label that is absent; None where only those present are asked.
ABSENT: Final = {**dict.fromkeys(COLUMNS, "[]"), "KG": "{}", "EEA": None}


def answers(dataset: Dataset, task: str, table: Any) -> Answers:
    """The answer to every label that is present in a record, its items in text order."""
    if COLUMNS[task] == "events":
        return _events.answers(dataset, task, table)
    if task == "KG":
        return _answers.attributes(table, coded(dataset, task, table))
    return _answers.joined(items(dataset, task, table))


def items(dataset: Dataset, task: str, table: Any) -> Items:
    """One item per annotation that NER, RE or SPO asks for: its string, or its pair of strings."""
    flat_mentions, code = _answers.mentions(table), coded(dataset, task, table)
    if task != "NER":
        linked = _answers.relations(table, flat_mentions.first)
        return _answers.pairs(flat_mentions, linked, code)
    _, row, text, place, _ = flat_mentions
    json = _answers.json_strings(text)
    return Items(row, code, place, np.arange(len(code)), json).only(code >= 0)


def asked(dataset: Dataset, task: str, records: Iterable[Any]) -> list[str]:
    """The keys that a split is asked for: all, or where splits differ those that occur in it.

    `records` are the tables of the split's kept records.
    """
    keys = inventory(dataset, task)
    if dataset.inventory == "dataset":
        return keys
    present = {int(code) for table in records for code in np.unique(held(dataset, task, table)[1])}
    return [key for code, key in enumerate(keys) if code in present]


def held(dataset: Dataset, task: str, table: Any) -> tuple[Any, Any]:
    """(row, number of the label in the inventory) of every annotation that a task asks.

    These are the labels of the `answers`, without the answers: no text is read.
    """
    annotations, row, _ = flat(table, COLUMNS[task])
    code = coded(dataset, task, table)
    there = code >= 0
    if task == "EET":
        there &= pc.is_valid(pc.struct_field(annotations, "trigger")).to_numpy(zero_copy_only=False)
    return row[there], code[there]


def coded(dataset: Dataset, task: str, table: Any) -> Any:
    """The number in the inventory of each annotation in the task's column, -1 for none."""
    if task in ("SPO", "KG"):
        ends, _, first = flat(table, "mentions")
        types = pc.struct_field(ends, "label")
        linked = _answers.relations(table, first)
        of_head = task == "KG"
        label = types.take(pa.array(linked.head)) if of_head else _answers.typed(types, linked)
    else:
        label = pc.struct_field(flat(table, COLUMNS[task])[0], "label")
    return _answers.codes(label, inventory(dataset, task))


def sources(dataset: Dataset, task: str) -> dict[str, str]:
    """Key -> what the source calls that label; the first of several that are asked as one."""
    if task != "SPO":
        return {name: raw for raw, name in reversed(dataset.names(KINDS[task]).items())}
    entity, relation = dataset.names("entity"), dataset.names("relation")
    typed = [(h, name, t) for name, pairs in dataset.signatures.items() for h, t in pairs]
    return {
        f"{entity.get(h, h)}_{relation[name]}_{entity.get(t, t)}": f"{h}_{name}_{t}"
        for h, name, t in reversed(typed)
    }
