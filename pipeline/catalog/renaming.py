"""A declaration under its other names: the readable ones, or those that IEPile prints.

`[published.<kind>]` says which readable names differ from the published ones. Renaming keeps the
order of all inventories, so that labels of both are matched by their places.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from pipeline.catalog.declaration import Dataset, Kind


def wrong_names(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, what to do) for the published names that a declaration gives."""
    for kind, published in dataset.published.items():
        readable = dataset.labels_of(kind)
        if unknown := sorted({*published} - {*readable}):
            yield f"published names of no {kind}: {unknown}", "use the readable names"
        counts = Counter(published.get(name, name) for name in readable)
        if twice := sorted(name for name, n in counts.items() if n > 1):
            yield f"published names of several {kind} labels: {twice}", "make them differ"


def renamed(dataset: Dataset) -> Dataset:
    """Return the dataset under its published names or, if it has them already, its readable ones.

    Where a readable name of two kinds has two published names or none, both keep its description.
    """
    labels: Any = msgspec.structs.replace(dataset.labels)
    for named, published in dataset.published.items():
        names = dataset.names(named)
        setattr(labels, named, {raw: published.get(name, name) for raw, name in names.items()})
    kinds: tuple[Kind, ...] = get_args(Kind)
    other: dict[str, list[str]] = {}
    for kind in kinds:
        published = dataset.published.get(kind, {})
        for name in dataset.labels_of(kind):
            other.setdefault(name, []).append(published.get(name, name))
    changed = msgspec.structs.replace(dataset, labels=labels)
    asked = {name for kind in kinds for name in changed.labels_of(kind)}

    def under_other(table: dict[str, Any]) -> dict[str, Any]:
        renamed_table: dict[str, Any] = {}
        for name, value in table.items():
            for key in other[name]:
                renamed_table.setdefault(key, value)
        return renamed_table

    related = dataset.published.get("relation", {})
    aliases = {n: [a for a in names if a not in asked] for n, names in dataset.aliases.items()}
    return msgspec.structs.replace(
        changed,
        descriptions=under_other(dataset.descriptions),
        paraphrases=under_other(dataset.paraphrases),
        aliases={name: names for name, names in under_other(aliases).items() if names},
        implied={
            related.get(name, name): [related.get(o, o) for o in implied]
            for name, implied in dataset.implied.items()
        },
        published={
            kind: {new: old for old, new in published.items()}
            for kind, published in dataset.published.items()
        },
    )
