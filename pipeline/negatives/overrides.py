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

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from pipeline import catalog, config
from pipeline.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

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


class _File(msgspec.Struct, forbid_unknown_fields=True):
    link: list[Link] = []
    pair: list[Pair] = []


class Overrides:
    """All that was decided by hand; what is about datasets that are not run is left alone."""

    def __init__(
        self, links: list[Link], path: Path | None = None, pairs: Sequence[Pair] = ()
    ) -> None:
        self._links = links
        self._path = path
        self.pairs = pairs

    @classmethod
    def read(cls, path: Path | None) -> Overrides:
        """Read and validate the file; no path means no overrides."""
        if path is None:
            return cls([])
        file: _File = config.read_toml(path, _File)
        known = {*catalog.ids()}
        named = [(link.dataset, link.label, link.reason) for link in file.link]
        named += [(*label, pair.reason) for pair in file.pair for label in pair.labels]
        for dataset, label, reason in named:
            if not reason.strip():
                raise DeclarationError(
                    f"no reason given for {label!r}",
                    where=path,
                    todo="say in `reason` why this is decided by hand",
                )
            if dataset not in known:
                raise DeclarationError(
                    f"there is no dataset {dataset!r}",
                    where=path,
                    todo="use an id that `iepile datasets` lists",
                )
        return cls(file.link, path, file.pair)

    def check(self, dataset: Dataset, labels: Mapping[str, Collection[str]]) -> None:
        """Refuse a link or pair of this dataset whose task or labels it does not have."""
        self._check_pairs(dataset)
        for link in self._links:
            if link.dataset != dataset.id:
                continue
            labels_of_task = labels.get(link.task, ())
            strange = sorted({link.label, *link.add, *link.remove} - {*labels_of_task})
            what, known = None, labels_of_task
            if link.task not in labels:
                what, known = f"{dataset.id} has no dictionary for {link.task!r}", labels
            elif strange:
                what = f"{link.dataset} {link.task} has no label {strange[0]!r}"
            elif link.label in link.add:
                what = f"{link.label!r} is added to itself"
            if what:
                todo = f"use one of: {', '.join(known)}"
                raise DeclarationError(what, where=self._path, todo=todo)

    def _check_pairs(self, dataset: Dataset) -> None:
        for pair in self.pairs:
            known = dataset.labels_of(_KINDS[pair.task])
            for name, label in pair.labels:
                if name == dataset.id and label not in known:
                    raise DeclarationError(
                        f"{name} {pair.task} has no label {label!r}",
                        where=self._path,
                        todo=f"use one of: {', '.join(known)}",
                    )

    def applied(
        self, dataset: Dataset, task: str, near: dict[str, list[dict[str, Any]]]
    ) -> dict[str, list[dict[str, Any]]]:
        """The dictionary with the links of this dataset and task changed."""
        changed = {**near}
        for link in self._links:
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
