"""Count the mistakes of a model by kind, with examples.

wrong_label        the strings are right, and the gold has them under another label
hard_negative      the same, where the labels are near each other in the dictionary
wrong_border       an annotation of the gold overlaps it
repeated           given more often than the gold has it
not_asked          under a label that was not asked
invented           none of these
missed             an annotation of the gold that none of the above accounts for
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

#: The annotations of a label in a record: all of the gold, those of the gold that the model missed,
#: and those that it got wrong.
Sides = tuple[list[Any], list[Any], list[Any]]


def overlap(first: Any, second: Any) -> bool:
    """Whether each string of one annotation contains, or is contained in, that of the other."""
    return (
        first[0] == second[0]
        and len(first[1]) == len(second[1])
        and all(a in b or b in a for a, b in zip(first[1], second[1], strict=True))
    )


class Mistakes:
    """The mistakes of one task, dataset and split."""

    def __init__(self, near: Mapping[str, Sequence[str]]) -> None:
        #: Label -> its near labels.
        self.near = near
        self.counts: Counter[str] = Counter()
        self.examples: list[dict[str, Any]] = []
        self._shown: Counter[tuple[str, str]] = Counter()

    def add(self, record_id: str, by_label: Mapping[str, Sides], limit: int) -> None:
        """Count the mistakes of a record; keep at most `limit` examples of a kind and label.

        What the model missed is used up.
        """
        mistakes = []
        for label, (_, _, wrong) in by_label.items():
            for annotation in wrong:
                kind, of, meant = self._kind(label, annotation, by_label)
                if of and meant in by_label[of][1]:
                    by_label[of][1].remove(meant)
                mistakes.append((kind, label, annotation, of, meant))
        for label, (_, missed, _) in by_label.items():
            mistakes += [("missed", label, None, label, annotation) for annotation in missed]
        for kind, label, predicted, of, meant in mistakes:
            self.counts[kind] += 1
            self._shown[kind, label] += 1
            if self._shown[kind, label] <= limit:
                example: dict[str, Any] = {"kind": kind, "record_id": record_id, "label": label}
                example |= {} if predicted is None else {"predicted": [*predicted[1]]}
                example |= {} if meant is None else {"gold_label": of, "gold": [*meant[1]]}
                self.examples.append(example)

    def _kind(
        self, label: str, annotation: Any, by_label: Mapping[str, Sides]
    ) -> tuple[str, str, Any]:
        """(kind of mistake, label and annotation of the gold that the model meant)."""
        for other, (gold, _, _) in by_label.items():
            if other != label and annotation in gold:
                near = other in self.near.get(label, ()) or label in self.near.get(other, ())
                return ("hard_negative" if near else "wrong_label"), other, annotation
        gold, missed, _ = by_label[label]
        for meant in missed:
            if overlap(annotation, meant):
                return "wrong_border", label, meant
        if annotation in gold:
            return "repeated", label, annotation
        return ("not_asked" if label.startswith("(") else "invented"), "", None
