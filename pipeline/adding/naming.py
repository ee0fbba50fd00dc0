"""Readable names for raw labels, as other datasets have them, and the tables of [labels]."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pipeline import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_WORDS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s_-]+")
#: Labels that say that there is no relation.
NO_RELATION: Final = frozenset({"na", "none", "no_relation", "no relation", "other", "negative"})


@cache
def _known_names(language: str) -> dict[str, str]:
    """Raw label -> the readable name that most datasets of a language have for it."""
    votes: dict[str, Counter[str]] = {}
    for name in catalog.ids():
        dataset = catalog.load(name)
        if dataset.language == language:
            for kind in ("entity", "relation", "event", "role"):
                for raw, readable in dataset.names(kind).items():
                    if raw != readable:
                        votes.setdefault(raw, Counter())[readable] += 1
    return {raw: min(own, key=lambda n: (-own[n], n)) for raw, own in votes.items()}


def readable(labels: Iterable[str], language: str) -> dict[str, str]:
    """Raw label -> a readable name: as in other datasets, or the words that it is made of."""
    names: dict[str, str] = {}
    for raw in labels:
        words = [w for w in _WORDS.split(raw) if w]
        acronym = raw.isupper() and len(raw) <= 4
        plain = raw if acronym or not words else " ".join(words)
        if language == "en" and not acronym:
            plain = plain.lower()
        name = _known_names(language).get(raw, plain)
        names[raw] = raw if name in names.values() else name
    return names


def prepared(labels: Mapping[str, Counter[str]], language: str) -> dict[str, Any]:
    """The tables of [labels] for the raw labels that were counted."""
    found: dict[str, Any] = {}
    for kind, counts in labels.items():
        nothing = {raw for raw in counts if kind == "relation" and raw.lower() in NO_RELATION}
        if nothing:
            found["no_relation"] = sorted(nothing)
        names = readable(sorted({*counts} - nothing), language)
        if names:
            same = all(raw == name for raw, name in names.items())
            found[kind] = [*names] if same else names
    return found
