"""What a person decided about labels: `dictionaries/overrides.toml`.

    [[link]]
    dataset = "wnut2017"
    task = "NER"
    label = "group"
    add = ["corporation"]
    remove = ["product"]
    reason = "bands and companies are both named like brands"

adds and removes links of the dictionary; added ones come first, in the order given.

    [[pair]]
    task = "NER"
    labels = [["conll04", "location"], ["mit-restaurant", "location"]]
    verdict = "part"
    reason = "places by name there, any word for where here"

joins or parts two labels on the map across datasets, whatever is found: "join" if they mean the
same, "part" if they mean different things.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from pipeline import catalog, config
from pipeline.errors import DeclarationError

if TYPE_CHECKING:
    from pipeline.catalog import Dataset


#: Task of a pair -> what its labels are labels of.
_KINDS: Final = {"NER": "entity", "RE": "relation", "EE": "event"}


class Link(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is changed about one label, and why."""

    dataset: str
    task: str
    label: str
    reason: str
    add: list[str] = []
    remove: list[str] = []


class Pair(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Two labels, each as (dataset, label), that mean the same, or different things, and why."""

    task: Literal["NER", "RE", "EE"]
    labels: tuple[tuple[str, str], tuple[str, str]]
    verdict: Literal["join", "part"]
    reason: str


class Overrides(
    msgspec.Struct,
    forbid_unknown_fields=True,
    frozen=True,
    rename={"links": "link", "pairs": "pair"},
):
    """All that was decided by hand; what is about datasets that are not run is left alone."""

    links: list[Link] = []
    pairs: list[Pair] = []

    @classmethod
    def read(cls, path: Path | None) -> Overrides:
        """Read and validate the file; no path means no overrides."""
        if path is None:
            return cls()
        overrides: Overrides = config.read_toml(path, cls)
        known = catalog.ids()
        named = [(link.dataset, link.label, link.reason) for link in overrides.links]
        named += [(*label, pair.reason) for pair in overrides.pairs for label in pair.labels]
        for dataset, label, reason in named:
            if not reason.strip():
                todo = "say in `reason` why this is decided by hand"
                raise DeclarationError(f"no reason given for {label!r}", where=path, todo=todo)
            config.check_known([dataset], known, "dataset", path)
        return overrides

    def check(
        self, dataset: Dataset, labels: Mapping[str, Collection[str]], path: Path | None = None
    ) -> None:
        """Refuse a link or pair of this dataset whose task or labels it does not have."""
        used: list[tuple[str, set[str], Collection[str]]] = [
            (pair.task, {label}, dataset.labels_of(_KINDS[pair.task]))
            for pair in self.pairs
            for name, label in pair.labels
            if name == dataset.id
        ]
        used += [
            (link.task, {link.label, *link.add, *link.remove}, labels.get(link.task, ()))
            for link in self.links
            if link.dataset == dataset.id
        ]
        for task, named, known in used:
            if strange := sorted(named - {*known}):
                what = f"{dataset.id} {task} has no label {strange[0]!r}"
                if not known:
                    what = f"{dataset.id} has no dictionary for {task!r}"
                todo = f"use one of: {', '.join(known or labels)}"
                raise DeclarationError(what, where=path, todo=todo)

    def applied(
        self, dataset: Dataset, task: str, near: dict[str, list[dict[str, Any]]]
    ) -> dict[str, list[dict[str, Any]]]:
        """The dictionary with the links of this dataset and task changed."""
        changed = {**near}
        for link in self.links:
            if (link.dataset, link.task) != (dataset.id, task):
                continue
            scored = {entry["label"]: entry for entry in changed[link.label]}
            added = [
                {**scored.get(a, {"label": a, "score": None, "signals": {}}), "reason": link.reason}
                for a in link.add
            ]
            gone = {*link.add, *link.remove}
            rest = [entry for entry in changed[link.label] if entry["label"] not in gone]
            changed[link.label] = added + rest
        return changed
