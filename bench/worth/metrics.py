"""The measures, fixed before the first run; all are ratios of sums over records.

- F1 over (item, label), where the head says yes above 0.
- F1 where it says yes above a threshold: the best one on held-back train records.
- Hard pairs: for an item that is p, is p scored above a q that it is not? Pairs (p, q) are those
  that heads of the arm `random` confuse most on held-back records; no dictionary chose them.
- False positives: the share of these q that the head says yes to, above 0.
"""

from __future__ import annotations

import numpy as np

#: What is counted in every record; see `counted`.
COUNTS = ("gold", "right", "yes", "tuned_right", "tuned_yes", "pairs", "won_twice", "fooled")
MEASURES = ("F1", "F1 tuned", "hard pairs", "false positives")
#: Labels that each label is confused with, in the list of hard pairs.
CONFUSED = 3


def confused_pairs(scores: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """The hard pairs, labels x labels, bool: for each label those that score highest in its items.

    `scores` is seeds x items x labels, of held-back records. A label that no item holds has none.
    """
    mean = scores.mean(axis=0, dtype=np.float64)
    absent = ~gold
    held = gold.astype(np.float64).T
    times = held @ absent
    score = np.where(times > 0, (held @ np.where(absent, mean, 0)) / np.maximum(times, 1), -np.inf)
    np.fill_diagonal(score, -np.inf)
    order = np.argsort(-np.round(score, 6), axis=1, kind="stable")[:, :CONFUSED]
    found = np.zeros(score.shape, bool)
    np.put_along_axis(found, order, values=True, axis=1)
    return found & np.isfinite(score)


def threshold(scores: np.ndarray, gold: np.ndarray) -> float:
    """Above which score to say yes for the best F1; the highest of equally good ones.

    `scores` and `gold` are items x labels.
    """
    order = np.argsort(-scores, axis=None, kind="stable")
    ordered, truth = scores.ravel()[order], gold.ravel()[order]
    right = np.cumsum(truth)
    f1 = 2 * right / (np.arange(1, len(truth) + 1) + max(truth.sum(), 1))
    last = np.append(ordered[1:] < ordered[:-1], True)  # equal scores are cut together
    best = int(np.argmax(np.where(last, f1, -1)))
    below = ordered[best + 1] if best + 1 < len(ordered) else ordered[best] - 2
    return float((ordered[best] + below) / 2)


def counted(
    scores: np.ndarray,
    gold: np.ndarray,
    owner: np.ndarray,
    records: int,
    cut: float,
    hard: np.ndarray,
) -> np.ndarray:
    """The `COUNTS` of every record: records x counts, int64.

    `scores` and `gold` are items x labels, `cut` is the tuned threshold, `hard` the hard pairs.
    Ties between the two labels of a pair count half, hence `won_twice`.
    """
    yes, tuned = scores > 0, scores > cut
    item, label = np.nonzero(gold)
    rivals = hard[label] & ~gold[item]
    own = scores[item, label][:, None]
    twice = 2 * (own > scores[item]) + (own == scores[item])
    per_item = np.stack(
        [
            *(part.sum(axis=1) for part in (gold, gold & yes, yes, gold & tuned, tuned)),
            *(
                np.bincount(item, part.sum(axis=1), minlength=len(gold))
                for part in (rivals, twice * rivals, rivals & yes[item])
            ),
        ],
        axis=1,
    )
    found = np.zeros((records, len(COUNTS)), np.int64)
    np.add.at(found, owner, per_item.astype(np.int64))
    return found


def measured(counts: np.ndarray) -> np.ndarray:
    """The `MEASURES` of sums of counts: ... x counts -> ... x measures, in percent."""
    gold, right, yes, tuned_right, tuned_yes, pairs, twice, fooled = np.moveaxis(counts, -1, 0)
    return 100 * np.stack(
        [
            2 * right / np.maximum(gold + yes, 1),
            2 * tuned_right / np.maximum(gold + tuned_yes, 1),
            twice / np.maximum(2 * pairs, 1),
            fooled / np.maximum(pairs, 1),
        ],
        axis=-1,
    )


def difference(first: np.ndarray, second: np.ndarray, resamples: int = 1000) -> np.ndarray:
    """How much higher the first measures: (difference, low, high) x measures.

    Both are seeds x records x counts, of the same seeds and records. The difference is that of the
    means over seeds; the 95 % interval is over draws of records and of seeds.
    """
    seeds, records, _ = first.shape
    rng = np.random.default_rng(0)
    weights = rng.multinomial(records, np.full(records, 1 / records), resamples).astype(float)
    drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
    weights = np.concatenate([np.ones((1, records)), weights])
    drawn = np.concatenate([np.full((1, seeds), 1 / seeds), drawn])
    means = [
        np.einsum("rs,srm->rm", drawn, np.stack([measured(weights @ seed) for seed in counts]))
        for counts in (first, second)
    ]
    between = means[0] - means[1]
    low, high = np.quantile(between[1:], [0.025, 0.975], axis=0)
    return np.stack([between[0], low, high])
