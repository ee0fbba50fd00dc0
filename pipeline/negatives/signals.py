"""The signals: what makes two labels near. Each is one function of the evidence of a dataset.

A signal returns one of three things: `Texts`, bags of texts per label that the encoder turns into
vectors; `Vectors`, one row per label; `Pairs`, a labels x labels similarity. None says that it has
nothing to say of this task. To add a signal, write a function, name it in `SIGNALS`, and give it a
weight in params.yaml under `negatives.weights`.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline.negatives import confusability
from pipeline.negatives.evidence import Evidence
from pipeline.text import like

#: Characters next to an annotation that tell most about it.
_NEAR: Final = {"en": 20, "zh": 6}


class Texts(NamedTuple):
    """Slots (such as heads and tails), each with one bag of texts per label."""

    slots: list[list[list[str]]]


class Vectors(NamedTuple):
    """One row per label, dense or sparse; rows of zeros are labels of which nothing is known."""

    rows: Any


class Pairs(NamedTuple):
    """How near each label (row) is to each other (column); the diagonal is not looked at.

    A sparse matrix leaves out pairs that are all as near as `rest`.
    """

    similarity: Any
    rest: float = 0.0


Signal = Texts | Vectors | Pairs | None


def name(evidence: Evidence) -> Signal:
    """The label's own words."""
    return Texts([[[label] for label in evidence.labels]])


def guideline(evidence: Evidence) -> Signal:
    """What the label is declared to mean; of a typed relation, what its predicate means."""
    descriptions = evidence.dataset.descriptions
    names = evidence.labels
    if evidence.task == "SPO":
        names = [predicate for _, predicate, _ in evidence.dataset.signatures_of()]
    return Texts([[[descriptions[label]] if label in descriptions else [] for label in names]])


def mentions(evidence: Evidence) -> Signal:
    """The strings annotated with the label: entities, heads and tails, triggers."""
    slots = 2 if evidence.task in ("RE", "SPO") else 1
    return Texts(
        [
            [
                [e.mentions[slot] for e in examples if len(e.mentions) > slot]
                for examples in evidence.examples
            ]
            for slot in range(slots)
        ]
    )


def contexts(evidence: Evidence) -> Signal:
    """The text right before, between and right after the annotated strings."""
    near = _NEAR[like(evidence.dataset.language)]
    return Texts(
        [
            [[e.context[0][-near:] for e in examples] for examples in evidence.examples],
            [[e.context[1] for e in examples] for examples in evidence.examples],
            [[e.context[2][:near] for e in examples] for examples in evidence.examples],
        ]
    )


def signature(evidence: Evidence) -> Signal:
    """Structure: types of a relation's ends, roles of an event, attributes of a type."""
    dataset = evidence.dataset
    if evidence.task == "EE":
        roles = dataset.roles_of()
        return Texts([[roles.get(label, []) for label in evidence.labels]])
    if evidence.task == "KG":
        attributes: dict[str, list[str]] = {}
        for head, relation, _ in dataset.signatures_of():
            attributes.setdefault(head, []).append(relation)
        return Texts([[attributes.get(label, []) for label in evidence.labels]])
    if evidence.task == "SPO":
        ends = [(head, tail) for head, _, tail in dataset.signatures_of()]
        return Texts([[[pair[end]] for pair in ends] for end in (0, 1)])
    if evidence.task == "RE":
        return Texts([[[f for e in examples for f in e.facts] for examples in evidence.examples]])
    return None


def confusions(evidence: Evidence) -> Signal:
    """How often a classifier takes the first label for the second."""
    share = confusability.confusions(evidence, confusability.SIGNAL, soft=True)
    if share.nnz == 0:
        return None
    # One tenth of what chance would give, so that the logarithm of nothing is not endless.
    least = 0.1 / share.shape[0]
    near = share.copy()
    near.data = np.round(np.log(near.data + least), 6)
    return Pairs(near, float(np.round(np.log(least), 6)))


def confused_alike(evidence: Evidence) -> Signal:
    """Whether a classifier takes both for the same labels (Bhattacharyya coefficient)."""
    share = confusability.confusions(evidence, confusability.SIGNAL, soft=True)
    return Vectors(np.sqrt(share)) if share.nnz else None


#: Name -> signal.
SIGNALS: Final[dict[str, Callable[[Evidence], Signal]]] = {
    function.__name__: function
    for function in (name, guideline, mentions, contexts, signature, confusions, confused_alike)
}
