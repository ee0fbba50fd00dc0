"""A set made ready to be trained on: features, held-back records, dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.worth import arms
from bench.worth.features import features
from pipeline import catalog
from pipeline.config import Negatives
from pipeline.hashing import hashes, mix64
from pipeline.negatives.encoders import CorpusEncoder
from pipeline.negatives.evidence import gather
from pipeline.negatives.stage import neighbors

if TYPE_CHECKING:
    from pathlib import Path

    from bench.worth.items import Part, Set

#: The sets on which other dictionaries and other numbers of labels are tried.
FURTHER = ("kbp37", "rams")
DICTIONARIES = ("default", "names only", "drawn")
_HELD_BACK = np.uint64(0x4842)


class Prepared(NamedTuple):
    """A set with its features; `fit` and `held` are train records and those held back of them."""

    given: Set
    fit: Part
    held: Part
    fit_features: np.ndarray
    held_features: np.ndarray
    test_features: np.ndarray
    near: dict[str, dict[str, list[str]]]


def held_back(part: Part) -> np.ndarray:
    """Which train records no head is trained on: a fifth, by hash."""
    return mix64(hashes(part.ids) ^ _HELD_BACK) % np.uint64(5) == 0


def prepared(run: Path, given: Set, cache: Path) -> Prepared:
    """A set made ready: a fifth of its train records held back, by hash."""
    train, test = features(given, cache)
    held = held_back(given.train)
    fit_part, fit_items = given.train.only(~held)
    held_part, held_items = given.train.only(held)
    near = {"default": given.near, "drawn": arms.drawn_dictionary(given.labels)}
    if given.name in FURTHER:
        near["names only"] = _by_name(run, given)
    return Prepared(given, fit_part, held_part, train[fit_items], train[held_items], test, near)


def _by_name(run: Path, given: Set) -> dict[str, list[str]]:
    """The dictionary that compares nothing but the names of labels."""
    task = "EE" if given.task == "EET" else given.task
    folders = run / "clean" / given.name, run / "dedupe" / given.name
    (evidence,) = gather(catalog.load(given.name), [task], *folders, 200)
    weights = {signal: float(signal == "name") for signal in Negatives().weights}
    settings = Negatives(weights=weights, shared_neighbors=0)
    near = neighbors(evidence, CorpusEncoder(evidence.labels), settings)
    return {label: [n["label"] for n in own] for label, own in near.items()}
