"""Which labels a light classifier confuses: naive Bayes on an annotation's strings and context.

The records are parted by hash in two halves: the confusions of one are a signal of the dictionary,
those of the other are the yardstick that measures it. Each half is predicted out of fold, so no
classifier has seen the record that it judges. A label that the same annotation also carries is no
confusion. Shares are rounded, so that they are the same on every machine.
"""

import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import mmh3
import numpy as np
from scipy.sparse import csr_array

from pipeline.hashing import hashes
from pipeline.negatives.encoders import ASCII_TOKEN
from pipeline.negatives.evidence import EXACT, Evidence, Example, links_kept

SIGNAL, YARDSTICK = 0, 1
_FOLDS: Final = 4
_FEATURES: Final = 2**15
_DIGITS: Final = 6
#: Added to every count of a feature, so that what is new to a label is not impossible.
_SMOOTHING: Final = 0.1
#: Features that more than one label in so many has are left out of a large inventory.
_COMMON: Final = 16
#: Annotations are judged in chunks of so many probabilities.
_CELLS: Final = 2**21
#: A Chinese character, a word, or a sign.
_WORD: Final = re.compile(r"[㐀-鿿]|[^\W_㐀-鿿]+|[^\w\s]|_")


def _words(text: str) -> list[str]:
    return (ASCII_TOKEN if text.isascii() else _WORD).findall(text)


def features(example: Example) -> list[str]:
    """What a classifier sees: strings, words and ends; the words around, the nearest twice."""
    strings = [fact for fact in example.facts if fact.startswith(("head", "tail"))]
    for slot, mention in enumerate(example.mentions[:2]):
        mention = mention.lower()  # noqa: PLW2901
        words = _words(mention)
        strings += [f"{slot}={mention}", f"{slot}<{mention[:2]}", f"{slot}>{mention[-2:]}"]
        strings += [f"{slot}:{word}" for word in words]
        strings += [f"{slot}:{a} {b}" for a, b in pairwise(words)]
    for side, text in enumerate(example.context):
        words = _words(text.lower())
        strings += [f"c{side}:{word}" for word in words]
        strings += [f"c{side}:{a} {b}" for a, b in pairwise(words)]
        near = {0: words[-2:], 1: [], 2: words[:2]}[side]
        strings += [f"n{side}:{word}" for word in near]
    return strings


def hashed_features(examples: Sequence[Example]) -> Any:
    """Examples x 2**15: 1 where an example has a feature of this hash; sparse."""
    hashed = array("q")
    starts = np.zeros(len(examples) + 1, np.int64)
    for row, example in enumerate(examples):
        hashed.extend(map(mmh3.hash, features(example)))
        starts[row + 1] = len(hashed)
    columns = np.abs(np.frombuffer(hashed, np.int64)) % _FEATURES
    seen = csr_array((np.ones(len(columns)), columns, starts), (len(examples), _FEATURES))
    seen.sum_duplicates()
    seen.data[:] = 1
    return seen


@lru_cache(maxsize=8)
def confusions(evidence: Evidence, half: int, *, soft: bool) -> Any:
    """Labels x labels, sparse: the share of the row's annotations taken for the column's label.

    `soft` shares out each annotation by its (tempered) probabilities, else it goes to the likeliest
    label. Rows of labels without annotations in this half are empty. Of a large inventory only the
    likeliest labels of each annotation, and the largest shares of each label, are kept.
    """
    size = len(evidence.labels)
    points = [hashes([e.record for e in examples]) for examples in evidence.examples]
    rows = [
        (label, int(point), example)
        for label, examples in enumerate(evidence.examples)
        for point, example in zip(points[label], examples, strict=True)
        if int(point) % 2 == half
    ]
    share = csr_array((size, size), dtype=np.float64)
    truth = np.array([label for label, _, _ in rows], np.int64)
    fold = np.array([(point >> 8) % _FOLDS for _, point, _ in rows], np.int64)
    if len({*truth.tolist()}) < 2:
        return share
    seen = hashed_features([example for _, _, example in rows])
    also = _also(rows, size)
    whole = _counts(seen, truth, size)
    if size > EXACT:
        # What many labels have takes most of the time, and tells them apart least.
        rare = np.bincount(whole.indices, minlength=_FEATURES) * _COMMON <= size
        seen, whole = seen[:, rare], whole[:, rare]
    count = np.bincount(truth, minlength=size)
    for number in range(_FOLDS):
        tests = np.flatnonzero(fold == number)
        learned = np.bincount(truth[fold != number], minlength=size) > 0
        if len(tests) == 0 or learned.sum() < 2:
            continue
        model = whole - _counts(seen[tests], truth[tests], size)
        model.eliminate_zeros()
        base = -np.log(model.sum(axis=1) + _SMOOTHING * _FEATURES)
        model.data = np.log(model.data + _SMOOTHING) - np.log(_SMOOTHING)
        model = model.T.tocsr()
        step = max(1, _CELLS // size)
        for chunk in (tests[at : at + step] for at in range(0, len(tests), step)):
            joint = _joint(seen[chunk], model, base, learned)
            guess = _shared_out(joint) if soft else _likeliest(joint)
            guess = guess - guess.multiply(also[chunk])
            taken = (np.ones(len(chunk)), (truth[chunk], np.arange(len(chunk))))
            share += csr_array(taken, (size, len(chunk))) @ guess
    share = share.tocoo()
    share.data = np.round(share.data / count[share.row], _DIGITS)
    return _largest(share.tocsr(), links_kept(size))


def _counts(seen: Any, truth: Any, size: int) -> Any:
    """Labels x features: how many of the label's examples have the feature."""
    one = (np.ones(len(truth)), (truth, np.arange(len(truth))))
    return csr_array(one, (size, len(truth))) @ seen


def _joint(seen: Any, model: Any, base: Any, learned: Any) -> Any:
    """Examples x labels: tempered log-likelihoods of naive Bayes, all labels being as frequent.

    Features repeat each other; without tempering every probability would be 0 or 1. The sum runs
    over the features that a label has, because all others add the same, the `base` of the label.
    """
    width = seen.sum(axis=1)[:, None]
    joint = (seen @ model).toarray()
    joint += width * (base + np.log(_SMOOTHING))
    joint -= np.log(learned.sum())
    joint /= np.sqrt(np.maximum(width, 1))
    joint[:, ~learned] = -np.inf
    return np.round(joint, _DIGITS, out=joint)


def _shared_out(joint: Any) -> Any:
    """Examples x labels, sparse: probabilities; of many labels the likeliest alone."""
    top = joint.max(axis=1, keepdims=True)
    guess = np.exp(joint - top)
    guess /= guess.sum(axis=1, keepdims=True)
    kept = links_kept(joint.shape[1])
    if kept < joint.shape[1]:
        least = np.partition(joint, -kept, axis=1)[:, -kept, None]
        guess[joint < least] = 0
    return csr_array(guess)


def _likeliest(joint: Any) -> Any:
    """Examples x labels, sparse: 1 at the likeliest label, the first of equal ones."""
    rows = np.arange(len(joint))
    return csr_array((np.ones(len(joint)), (rows, joint.argmax(axis=1))), joint.shape)


def _largest(share: Any, kept: int) -> Any:
    """The largest entries of every row, the first of equal ones."""
    share.eliminate_zeros()
    share.sort_indices()
    rows = np.repeat(np.arange(share.shape[0]), np.diff(share.indptr))
    order = np.lexsort((share.indices, -share.data, rows))
    chosen = order[np.arange(len(rows)) - share.indptr[rows] < kept]
    return csr_array((share.data[chosen], (rows[chosen], share.indices[chosen])), share.shape)


def _also(rows: list[tuple[int, int, Example]], size: int) -> Any:
    """Which further labels the same strings of the same record carry: rows x labels, sparse."""
    carried: dict[tuple[str, tuple[str, ...]], set[int]] = {}
    for label, _, example in rows:
        carried.setdefault((example.record, example.mentions), set()).add(label)
    cells = [
        (row, other)
        for row, (label, _, example) in enumerate(rows)
        for other in carried[example.record, example.mentions] - {label}
    ]
    at = np.array(cells, np.int64).reshape(-1, 2).T
    return csr_array((np.ones(len(cells)), (at[0], at[1])), (len(rows), size))
