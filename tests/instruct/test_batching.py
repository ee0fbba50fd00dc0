"""Label batches: exact size, every positive asked, once where absent labels suffice, capped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import hashing
from pipeline.config import Instruct
from pipeline.instruct import batching
from pipeline.instruct.batching import HARD, OTHER, POSITIVE

GROUPINGS = ["round_robin", "shuffle", "contrast"]


def deal(positive, near, k, ids=None, names=None, grouping="round_robin", **options):
    rows, labels = positive.shape
    ids = ids or [f"d/train/{r}" for r in range(rows)]
    names = names or [f"label {n}" for n in range(labels)]
    keys = hashing.priorities(ids, names, 0)
    options = {"pure_negative_ratio": 3, **options}
    return batching.dealt(positive, near, keys, k, Instruct(grouping=grouping, **options))


@st.composite
def cases(draw):
    labels = draw(st.integers(1, 60))
    rows = draw(st.integers(1, 6))
    share = draw(st.sampled_from([0.0, 0.05, 0.3, 0.8, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    positive = rng.random((rows, labels)) < share
    near = np.full((labels, labels), -1, np.int64)
    for label in range(labels):
        others = [n for n in rng.permutation(labels) if n != label][: draw(st.integers(0, 8))]
        near[label, others] = np.arange(len(others))
    return positive, near, draw(st.integers(1, 10))


@pytest.mark.parametrize("grouping", GROUPINGS)
@settings(max_examples=150, deadline=None)
@given(case=cases(), ratio=st.sampled_from([None, 0, 1, 3]))
def test_every_batch_keeps_the_promises(grouping, case, ratio):
    positive, near, k = case
    rows, labels = positive.shape
    width = min(k, labels)

    batches, kind = deal(positive, near, k, grouping=grouping, pure_negative_ratio=ratio)

    assert batches.labels.shape[1] == width
    assert all(len({*batch}) == width for batch in batches.labels.tolist())
    assert batches.labels.min(initial=0) >= 0
    for row in range(rows):
        own = batches.labels[batches.row == row]
        asked = own.ravel().tolist()
        wanted = np.flatnonzero(positive[row]).tolist()
        absent = labels - len(wanted)
        assert {*wanted} <= {*asked}
        if absent >= width * len(own) - len(wanted):
            assert all(asked.count(label) == 1 for label in wanted)
        pure = sum(not positive[row, batch].any() for batch in own)
        if wanted and ratio is not None:
            assert pure <= ratio * (len(own) - pure)
        if not wanted:
            assert len(own) == 1
        if wanted and ratio is None:
            hard = {n for p in wanted for n in np.flatnonzero(near[p] >= 0)} - {*wanted}
            assert hard <= {*asked}
            assert {*np.flatnonzero(kind[row] == HARD)} == hard
            others = len(own) * width - len(wanted) - len(hard)
            assert len({*asked}) >= min(labels, len(wanted) + len(hard) + min(others, k))


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_a_records_batches_do_not_depend_on_other_records(case):
    positive, near, k = case
    ids = [f"d/train/{r}" for r in range(len(positive))]

    for grouping in GROUPINGS:
        together, _ = deal(positive, near, k, ids, grouping=grouping)
        alone, _ = deal(positive[-1:], near, k, ids[-1:], grouping=grouping)

        expected = together.labels[together.row == len(positive) - 1].tolist()
        assert expected == alone.labels.tolist()


def test_round_robin_deals_positives_first_then_hard_negatives():
    positive = np.zeros((1, 12), bool)
    positive[0, :2] = True
    near = np.full((12, 12), -1, np.int64)
    near[0, [2, 3]] = [0, 1]

    batches, kind = deal(positive, near, 4)

    kinds = [sorted(kind[0, batch].tolist()) for batch in batches.labels]
    assert kinds == [[POSITIVE, HARD, OTHER, OTHER], [POSITIVE, HARD, OTHER, OTHER]]


def test_contrast_puts_a_hard_negative_beside_its_positive():
    labels = 24
    positive = np.zeros((40, labels), bool)
    near = np.full((labels, labels), -1, np.int64)
    for row in range(40):
        positive[row, [row % 12, (row + 5) % 12]] = True
    for label in range(12):
        near[label, [label + 12, (label + 1) % 12 + 12]] = [0, 1]

    def together(grouping):
        batches, _ = deal(positive, near, 4, grouping=grouping)
        rows = zip(batches.row.tolist(), batches.labels.tolist(), strict=True)
        return sum(p + 12 in s for r, s in rows for p in np.flatnonzero(positive[r]) if p in s)

    assert together("contrast") == 80
    assert together("round_robin") < 60


def test_pure_negatives_without_hard_negatives_go_first():
    positive = np.zeros((1, 30), bool)
    positive[0, 0] = True
    near = np.full((30, 30), -1, np.int64)
    near[0, 1:3] = [0, 1]

    batches, kind = deal(positive, near, 1, pure_negative_ratio=2)

    assert sorted(kind[0, batches.labels[:, 0]].tolist()) == [POSITIVE, HARD, HARD]


def test_polling_asks_all_labels_and_wraps_around():
    batches = batching.polled(2, 5, 4)

    assert batches.labels.tolist() == [[0, 1, 2, 3], [4, 0, 1, 2]] * 2
    assert batches.row.tolist() == [0, 0, 1, 1]
    assert batches.number.tolist() == [0, 1, 0, 1]


def reference_sizes(labels, k):
    """The reference's rule, written from its description."""
    full, rest = divmod(labels, k)
    if rest >= max(1, k // 2):
        return [k] * full + [rest]
    if full == 0:
        return [rest] if rest else []
    return [k] * (full - 1) + [k + rest]


@pytest.mark.parametrize("k", range(1, 11))
def test_the_references_remainder_makes_batches_of_its_sizes(k):
    for labels in range(1, 201):
        positive = np.ones((1, labels), bool)
        near = np.full((labels, labels), -1, np.int64)

        batches, _ = deal(positive, near, k, remainder="reference")

        sizes = (batches.labels >= 0).sum(axis=1).tolist()
        assert sizes == reference_sizes(labels, k), (labels, k)
        assert sorted(batches.labels[batches.labels >= 0].tolist()) == [*range(labels)]


def test_priorities_follow_their_definition():
    import xxhash

    def mix(x):
        x ^= x >> 30
        x = x * 0xBF58476D1CE4E5B9 % 2**64
        x ^= x >> 27
        x = x * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    record, label, seed = "d/train/7", "人物_国籍_国家", 5
    own = mix((xxhash.xxh3_64_intdigest(label.encode()) + seed) % 2**64)
    expected = mix(xxhash.xxh3_64_intdigest(record.encode()) ^ own)

    assert hashing.priorities([record], [label], seed).tolist() == [[expected]]


def test_the_rate_of_negative_records_is_met():
    ids = [f"d/train/{n}" for n in range(20_000)]

    settings = Instruct(negative_record_rate=0.3)
    share = batching.to_ask(ids, np.zeros((len(ids), 1), bool), settings).mean()

    assert share == pytest.approx(0.3, abs=0.01)
