"""Which labels a light classifier confuses: naive Bayes on an annotation's strings and context.

The records are parted by hash in two halves: the confusions of one are a signal of the dictionary,
those of the other are the yardstick that measures it. Each half is predicted out of fold, so no
classifier has seen the record that it judges. A label that the same annotation also carries is no
confusion. Shares are rounded, so that they are the same on every machine.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.hashing import hashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.dictionary.evidence import Evidence, Example

SIGNAL, YARDSTICK = 0, 1
_FOLDS: Final = 4
_FEATURES: Final = 2**15
_DIGITS: Final = 6
#: A Chinese character, a word, or a sign.
_WORD: Final = re.compile(r"[㐀-鿿]|[^\W_㐀-鿿]+|[^\w\s]|_")


def features(example: Example) -> Iterator[str]:
    """What a classifier sees: strings, words and ends; the words around, the nearest twice."""
    for slot, mention in enumerate(example.mentions[:2]):
        mention = mention.lower()  # noqa: PLW2901
        words = _WORD.findall(mention)
        yield f"{slot}={mention}"
        yield f"{slot}<{mention[:2]}"
        yield f"{slot}>{mention[-2:]}"
        yield from (f"{slot}:{word}" for word in words)
        yield from (f"{slot}:{a} {b}" for a, b in pairwise(words))
    for side, text in enumerate(example.context):
        words = _WORD.findall(text.lower())
        yield from (f"c{side}:{word}" for word in words)
        yield from (f"c{side}:{a} {b}" for a, b in pairwise(words))
        near = {0: words[-2:], 1: [], 2: words[:2]}[side]
        yield from (f"n{side}:{word}" for word in near)
    yield from (fact for fact in example.facts if fact.startswith(("head", "tail")))


@lru_cache(maxsize=8)
def confusions(evidence: Evidence, half: int, *, soft: bool) -> Any:
    """Labels x labels: the share of the row's annotations that is taken for the column's label.

    `soft` shares out each annotation by its (tempered) probabilities, else it goes to the likeliest
    label. Rows of labels without annotations in this half are zero.
    """
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.naive_bayes import MultinomialNB

    size = len(evidence.labels)
    points = [hashes([e.record for e in own]) for own in evidence.examples]
    rows = [
        (label, int(point), example)
        for label, own in enumerate(evidence.examples)
        for point, example in zip(points[label], own, strict=True)
        if int(point) % 2 == half
    ]
    share = np.zeros((size, size))
    truth = np.array([label for label, _, _ in rows], np.int64)
    fold = np.array([(point >> 8) % _FOLDS for _, point, _ in rows], np.int64)
    if len({*truth.tolist()}) < 2:
        return share
    hasher = FeatureHasher(_FEATURES, input_type="string", alternate_sign=False, dtype=np.float64)
    seen = hasher.transform([*features(example)] for _, _, example in rows)
    seen.data[:] = 1
    also = _also(rows, size)
    for number in range(_FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(test) == 0 or len({*truth[train].tolist()}) < 2:
            continue
        model = MultinomialNB(alpha=0.1, fit_prior=False).fit(seen[train], truth[train])
        joint = np.full((len(test), size), -np.inf)
        joint[:, model.classes_] = model.predict_joint_log_proba(seen[test])
        # Features repeat each other; without tempering every probability would be 0 or 1.
        joint /= np.sqrt(np.maximum(np.asarray(seen[test].sum(axis=1)), 1))
        joint = np.round(joint, _DIGITS)
        if soft:
            guess = np.exp(joint - joint.max(axis=1, keepdims=True))
            guess /= guess.sum(axis=1, keepdims=True)
        else:
            guess = (np.arange(size) == joint.argmax(axis=1)[:, None]).astype(np.float64)
        np.add.at(share, truth[test], np.where(also[test], 0, guess))
    count = np.bincount(truth, minlength=size)
    return np.round(share / np.maximum(count, 1)[:, None], _DIGITS)


def _also(rows: list[tuple[int, int, Example]], size: int) -> Any:
    """Which further labels the same strings of the same record carry: rows x labels, bool."""
    carried: dict[tuple[str, tuple[str, ...]], set[int]] = {}
    for label, _, example in rows:
        carried.setdefault((example.record, example.mentions), set()).add(label)
    also = np.zeros((len(rows), size), bool)
    for row, (label, _, example) in enumerate(rows):
        also[row, [*(carried[example.record, example.mentions] - {label})]] = True
    return also


def coverage(confused: Any, near: list[list[int]]) -> float | None:
    """The share of the confusions (off the diagonal) that falls on each label's neighbours."""
    mass = confused * ~np.eye(len(confused), dtype=bool)
    total = float(mass.sum())
    if total == 0:
        return None
    return sum(float(mass[i, own].sum()) for i, own in enumerate(near)) / total
