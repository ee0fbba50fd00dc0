"""The labels that tasks ask: their keys, the schema items that ask for them, and what they mean.

A schema item says what its labels mean: `{name: description}`, or a description in the item. A
dataset without descriptions, or with `instruct.descriptions: false`, is asked by names alone.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from pipeline import hashing
from pipeline.catalog import Dataset

#: Task -> the kind of label that it asks.
KINDS: Final = {
    "NER": "entity",
    **dict.fromkeys(("RE", "SPO"), "relation"),
    "KG": "entity",
    **dict.fromkeys(("EE", "EET", "EEA"), "event"),
}
#: Salt. The text of the instruction is chosen by the same id, and the phrasing must not follow it.
_PHRASING: Final = np.uint64(0x5048)


def inventory(dataset: Dataset, task: str) -> list[str]:
    """The keys of all labels that a dataset's task asks, in declared order.

    Those of SPO are its signatures, `head_predicate_tail`, those of KG the types of heads.
    """
    if task == "SPO":
        return [*output_keys(dataset, task)]
    if task == "KG":
        return [*dict.fromkeys(head for head, _, _ in dataset.signatures_of())]
    return dataset.labels_of(KINDS[task])


def output_keys(dataset: Dataset, task: str) -> dict[str, str]:
    """Label -> its key in answers, where the two differ: of SPO, where the key is the predicate."""
    signatures = dataset.signatures_of() if task == "SPO" else ()
    return {f"{head}_{label}_{tail}": label for head, label, tail in signatures}


def schemas(dataset: Dataset, task: str) -> dict[str, Any]:
    """Key -> the JSON-ready item that asks for this label in an instruction."""
    if task == "SPO":
        sides = ("subject_type", "predicate", "object_type")
        return {
            "_".join(ends): {**dict(zip(sides, ends, strict=True)), **description(dataset, ends[1])}
            for ends in dataset.signatures_of()
        }
    keys = inventory(dataset, task)
    if task not in ("KG", "EE", "EEA"):
        return {key: key for key in keys}
    signatures, roles = dataset.signatures_of(), dataset.roles_of()
    items: dict[str, Any] = {}
    for key in keys:
        kind = "entity_type" if task == "KG" else "event_type"
        item = items[key] = {kind: key, **description(dataset, key)}
        if task == "KG":
            attributes = [relation for head, relation, _ in signatures if head == key]
            item["attributes"] = described(dataset, attributes)
        else:
            # The triggers that EEA gives are those of a record (see `_events.answers`).
            item["trigger"] = True if task == "EE" else []
            item["arguments"] = described(dataset, roles.get(key, []))
    return items


def phrasings(dataset: Dataset) -> list[Dataset]:
    """The dataset as it is, then with the first paraphrases as its descriptions, and so on."""
    others, described_as = dataset.paraphrases, dataset.descriptions
    versions = [dataset]
    for n in range(max(map(len, others.values()), default=0)):
        words = {label: texts[n] for label, texts in others.items() if n < len(texts)}
        versions.append(msgspec.structs.replace(dataset, descriptions={**described_as, **words}))
    return versions


def phrasing_of(ids: Sequence[str], count: int) -> Any:
    """Which of `count` phrasings each record is asked in, by the hash of its id: int64."""
    if count == 1:
        return np.zeros(len(ids), np.int64)
    mixed = hashing.mix64(hashing.hashes(ids) ^ _PHRASING)
    return (mixed % np.uint64(count)).astype(np.int64)


def described(dataset: Dataset, names: Sequence[str]) -> list[str] | dict[str, str]:
    """The names of roles or attributes; where any is described, an object {name: description}."""
    if dataset.descriptions.keys().isdisjoint(names):
        return [*dict.fromkeys(names)]
    return {name: dataset.descriptions.get(name, "") for name in names}


def description(dataset: Dataset, label: str) -> dict[str, str]:
    """The entry of a schema item that describes its label; none where nothing does."""
    text = dataset.descriptions.get(label)
    return {"description": text} if text else {}
