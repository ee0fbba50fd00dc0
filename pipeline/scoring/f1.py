"""Precision, recall and F1 of what was counted, with the interval.

They come from whole counts and are rounded once. Intervals are percentiles of bootstrap samples of
records. Records with equal counts are interchangeable, so a sample is one multinomial draw over the
distinct counts, and only these are kept in memory. The seed is the hash of the name of the score.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import xxhash

from pipeline.scoring.counting import NOT_ASKED, Counts, Group, Options

#: Bootstrap samples drawn at once, to limit memory.
_AT_ONCE: Final = 100


def f1(correct: Any, predicted: Any, gold: Any) -> Any:
    """F1 in percent of one or many counts; 100 where gold and answer are both empty."""
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
    """Precision or recall with no annotations to divide by: 100 where `other` is 0 too."""
    return 0.0 if other else 100.0


def interval(records: Counter[Counts], samples: int, name: str) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of F1 over records, seeded by the hash of `name`."""
    if not samples or not records:
        return None
    return _percentiles(np.concatenate([f1(*sums) for sums in _bootstrap(records, samples, name)]))


def compared(pairs: Counter[tuple[Counts, Counts]], samples: int, name: str) -> dict[str, Any]:
    """The F1 of the other model on the same records, and the difference, by paired bootstrap.

    `difference` is in points of F1; `share_not_better` is the share of samples in which the first
    model is not better than the second.
    """
    flat = Counter[tuple[int, ...]]()
    for (first, second), number in pairs.items():
        flat[first + second] += number
    sums = np.array([[*kind] for kind in flat]).T @ np.array([*flat.values()])
    other, difference = float(f1(*sums[3:])), float(f1(*sums[:3]) - f1(*sums[3:]))
    comparison: dict[str, Any] = {"f1": round(other, 2), "difference": round(difference, 2)}
    if samples:
        draws = [f1(*s[:3]) - f1(*s[3:]) for s in _bootstrap(flat, samples, f"{name}/against")]
        differences = np.concatenate(draws)
        comparison["interval"] = _percentiles(differences)
        comparison["share_not_better"] = round(float(np.mean(differences <= 0)), 4)
    return comparison


def _bootstrap(records: Counter[Any], samples: int, name: str) -> Iterator[Any]:
    """The summed counts (rows) of bootstrap samples (columns), a few at a time."""
    kinds = sorted(records)
    columns = np.array(kinds, np.float64)
    numbers = np.array([records[kind] for kind in kinds], np.float64)
    generator = np.random.Generator(np.random.PCG64(xxhash.xxh3_64_intdigest(name.encode())))
    for start in range(0, samples, _AT_ONCE):
        size = min(_AT_ONCE, samples - start)
        draws = generator.multinomial(int(numbers.sum()), numbers / numbers.sum(), size=size)
        yield (draws @ columns).T


def _percentiles(scores: Any) -> tuple[float, float]:
    low, high = np.percentile(scores, [2.5, 97.5])
    return round(float(low), 2), round(float(high), 2)


def f1_of_measure(group: Group, number: int) -> float:
    """F1 of one measure of a group."""
    return float(f1(*_sums(group.records[number])))


def _sums(records: Counter[Counts]) -> list[int]:
    return [sum(kind[i] * n for kind, n in records.items()) for i in range(3)]


def result(name: str, group: Group, options: Options) -> Iterator[dict[str, Any]]:
    """One entry per measure: rows, counts, scores, interval, and the scores of every label.

    Where there is another model, also the comparison with it, see `compared`.
    """
    for number, measure in enumerate(group.measures):
        records = group.records[number]
        labels = {label: figures(counts) for label, counts in sorted(group.labels[number].items())}
        asked = [scores["f1"] for label, scores in labels.items() if label != NOT_ASKED]
        entry = {
            "measure": measure,
            **{key: group.rows[key] for key in _ROW_COUNTS},
            "unreadable": dict(sorted(group.unreadable.items())),
            **figures(_sums(records)),
            "f1_interval": interval(records, options.samples, f"{name}/{measure}"),
            "macro_f1": round(sum(asked) / len(asked), 2) if asked else None,
            "labels": labels,
        }
        if options.examples and not number:
            entry["mistakes"] = dict(sorted(group.mistakes.counts.items()))
            entry["examples"] = group.mistakes.examples
        if pairs := group.pairs[number]:
            entry["against"] = compared(pairs, options.samples, f"{name}/{measure}")
        yield entry


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
    strict = all("strict" in group.measures for group in groups)
    total = Group(groups[0].task, types={} if strict else None)
    for group in groups:
        total.rows.update(group.rows)
        total.unreadable.update(group.unreadable)
        total.mistakes.counts.update(group.mistakes.counts)
        for number in range(len(total.measures)):
            total.records[number].update(group.records[number])
            total.pairs[number].update(group.pairs[number])
            for label, counts in group.labels[number].items():
                label_counts = total.labels[number][label]
                label_counts[:] = [a + b for a, b in zip(label_counts, counts, strict=True)]
    return total
