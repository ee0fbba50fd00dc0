"""The signals: what makes two labels near. Each is one function of the evidence of a dataset.

A signal returns slots; a slot holds one bag of texts per label, which the encoder turns into
vectors. A signal that has nothing to say about a task returns no slot. To add a signal, write a
function here and give it a weight in params.yaml under `negatives.weights`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.evidence import Evidence

Slots = list[list[list[str]]]


def name(evidence: Evidence) -> Slots:
    """The label's own words."""
    return [[[label] for label in evidence.labels]]


def mentions(evidence: Evidence) -> Slots:
    """The strings annotated with the label: entities, heads and tails, triggers."""
    slots = 2 if evidence.task in ("RE", "SPO") else 1
    return [
        [[e.mentions[slot] for e in own if len(e.mentions) > slot] for own in evidence.examples]
        for slot in range(slots)
    ]


def contexts(evidence: Evidence) -> Slots:
    """The text around the annotations."""
    return [[[" ".join(e.context) for e in own] for own in evidence.examples]]


def signature(evidence: Evidence) -> Slots:
    """Structure: the types of a relation's ends, the roles of an event."""
    if evidence.task in ("EE", "KG"):
        declared = evidence.dataset.roles_of()
        if evidence.task == "KG":
            declared = {}
            for head, relation, _ in evidence.dataset.signatures_of():
                declared.setdefault(head, []).append(relation)
        return [[declared.get(label, []) for label in evidence.labels]]
    if evidence.task == "SPO":
        ends = [(head, tail) for head, _, tail in evidence.dataset.signatures_of()]
        return [[[pair[end]] for pair in ends] for end in (0, 1)]
    if evidence.task == "RE":
        return [
            [
                [f.partition(":")[2] for e in own for f in e.facts if f.startswith(f"{end}:")]
                for own in evidence.examples
            ]
            for end in ("head", "tail")
        ]
    return []


SIGNALS: Final[dict[str, Callable[[Evidence], Slots]]] = {
    f.__name__: f for f in (name, mentions, contexts, signature)
}
