"""Precision, recall and F1 of what was counted, with the interval.

They come from whole counts and are rounded once. Intervals are percentiles of bootstrap samples of
records. Records with equal counts are interchangeable, so a sample is one multinomial draw over the
distinct counts, and nothing but these is held. The seed is the hash of what is scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xxhash

from pipeline.scoring.counting import Group

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from pipeline.scoring.counting import Counts, Options


#: Bootstrap samples drawn at once, for the sake of memory.
_AT_ONCE: Final = 100


def f1(correct: Any, predicted: Any, gold: Any) -> Any:
    """F1 in percent of one or many counts; 100 where there is nothing to find and nothing found."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(
            np.add(predicted, gold) > 0, 200 * np.divide(correct, np.add(predicted, gold)), 100.0
        )


def figures(counts: Sequence[int]) -> dict[str, Any]:
    """Counts with precision, recall and F1 in percent."""
    correct, predicted, gold = (int(n) for n in counts)
    return {
        "gold": gold,
        "predicted": predicted,
        "correct": correct,
        "precision": round(100 * correct / predicted, 2) if predicted else _empty(gold),
        "recall": round(100 * correct / gold, 2) if gold else _empty(predicted),
        "f1": round(float(f1(correct, predicted, gold)), 2),
    }


def _empty(other: int) -> float:
    """A share of nothing: all of it where the other side holds nothing either."""
    return 0.0 if other else 100.0


def interval(records: Counter[Counts], samples: int, name: str) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of F1 over records, seeded by the hash of `name`."""
    if not samples or not records:
        return None
    kinds = sorted(records)
    columns = np.array(kinds, np.float64)
    numbers = np.array([records[kind] for kind in kinds], np.float64)
    generator = np.random.Generator(np.random.PCG64(xxhash.xxh3_64_intdigest(name.encode())))
    scores = []
    for start in range(0, samples, _AT_ONCE):
        size = min(_AT_ONCE, samples - start)
        draws = generator.multinomial(int(numbers.sum()), numbers / numbers.sum(), size=size)
        scores.append(f1(*(draws @ columns).T))
    low, high = np.percentile(np.concatenate(scores), [2.5, 97.5])
    return round(float(low), 2), round(float(high), 2)


def result(name: str, group: Group, options: Options) -> Iterator[dict[str, Any]]:
    """One entry per measure: rows, counts, scores, interval, and the scores of every label."""
    for number, measure in enumerate(group.measures):
        counted = group.records[number]
        sums = [sum(kind[i] * n for kind, n in counted.items()) for i in range(3)]
        between = interval(counted, options.samples, f"{name}/{measure}")
        labels = group.labels[number]
        yield {
            "measure": measure,
            **{key: group.rows[key] for key in _ROW_COUNTS},
            **figures(sums),
            "f1_interval": between,
            "labels": {label: figures(labels[label]) for label in sorted(labels)},
        }


_ROW_COUNTS: Final = (
    "records",
    "rows",
    "missing",
    "parse_failures",
    "repaired",
    "malformed_items",
    "answers_not_asked",
    "nothing_asked",
)


def together(groups: Sequence[Group]) -> Group:
    """The sum of groups of one task."""
    total = Group(groups[0].task)
    for group in groups:
        total.rows.update(group.rows)
        for number in range(len(total.measures)):
            total.records[number].update(group.records[number])
            for label, counts in group.labels[number].items():
                own = total.labels[number][label]
                own[:] = [a + b for a, b in zip(own, counts, strict=True)]
    return total
