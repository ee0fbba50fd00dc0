"""Links of the dictionary that a person added or removed: `dictionaries/overrides.toml`.

    [[link]]
    dataset = "wnut2017"
    task = "NER"
    label = "group"
    add = ["corporation"]
    remove = ["product"]
    reason = "bands and companies are both named like brands"

Added links come first, in the order given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline import catalog, config
from pipeline.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pipeline.catalog import Dataset


class Link(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is changed about one label, and why."""

    dataset: str
    task: str
    label: str
    reason: str
    add: list[str] = []
    remove: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    link: list[Link] = []


class Overrides:
    """All links changed by hand; those of datasets that are not run are left alone."""

    def __init__(self, links: list[Link], path: Path | None = None) -> None:
        self._links = links
        self._path = path

    @classmethod
    def read(cls, path: Path | None) -> Overrides:
        """Read and validate the file; no path means no overrides."""
        if path is None:
            return cls([])
        links: list[Link] = config.read_toml(path, _File).link
        known = {*catalog.ids()}
        for link in links:
            if not link.reason.strip():
                raise DeclarationError(
                    f"no reason given for {link.label!r}",
                    where=path,
                    todo="say in `reason` why the link is changed",
                )
            if link.dataset not in known:
                raise DeclarationError(
                    f"there is no dataset {link.dataset!r}",
                    where=path,
                    todo="use an id that `iepile datasets` lists",
                )
        return cls(links, path)

    def check(self, dataset: Dataset, labels: Mapping[str, Collection[str]]) -> None:
        """Refuse a link of this dataset whose task or labels it does not have."""
        for link in self._links:
            if link.dataset != dataset.id:
                continue
            own = labels.get(link.task, ())
            strange = sorted({link.label, *link.add, *link.remove} - {*own})
            what, known = None, own
            if link.task not in labels:
                what, known = f"{dataset.id} has no dictionary for {link.task!r}", labels
            elif strange:
                what = f"{link.dataset} {link.task} has no label {strange[0]!r}"
            elif link.label in link.add:
                what = f"{link.label!r} is added to itself"
            if what:
                todo = f"use one of: {', '.join(known)}"
                raise DeclarationError(what, where=self._path, todo=todo)

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
