"""The probe of what the labels asked give away: it finds a planted leak, and nothing else."""

import numpy as np
import pytest

from pipeline.report import leak

LABELS, K = 16, 4


def asked(rows, beside, rng):
    """Rows of one record each: a positive, and three absent labels that `beside` chooses."""
    labels = np.zeros((rows, K), np.int64)
    positive = np.zeros((rows, LABELS), bool)
    for row in range(rows):
        label = rng.integers(LABELS)
        positive[row, label] = True
        labels[row] = rng.permutation([label, *beside(label, rng)])
    return labels, positive, np.arange(rows), [f"d/train/{row}" for row in range(rows)]


def neighbors(label, rng):
    """The three that follow: whoever sees the four knows which one they follow."""
    del rng
    return (label + np.arange(1, K)) % LABELS


def own_set(label, rng):
    """The others of its set, whichever of them is positive."""
    del rng
    first = label // K * K
    return [other for other in range(first, first + K) if other != label]


def test_a_planted_leak_is_caught():
    found = leak.probe(*asked(2000, neighbors, np.random.default_rng(0)))

    assert found["positive"]["probe"] > 0.9
    assert found["positive"]["prior"] < 0.4
    assert 0.5 < found["positive"]["low"] <= found["positive"]["high"] < 0.8


def test_sets_that_are_asked_whole_give_nothing_away():
    found = leak.probe(*asked(4000, own_set, np.random.default_rng(0)))

    assert found["positive"]["low"] <= 0.02
    assert found["positive"]["probe"] == pytest.approx(found["positive"]["prior"], abs=0.03)


def test_rows_without_a_positive_that_show_it_are_caught():
    """Every other record holds nothing, and is asked one label of each set instead of one set."""
    labels, positive, owner, ids = asked(2000, own_set, np.random.default_rng(0))
    positive[::2] = False
    labels[::2] = (labels[::2, :1] + K * np.arange(K)) % LABELS

    found = leak.probe(labels, positive, owner, ids)

    assert found["pure"]["probe"] > 0.95
    assert found["pure"]["low"] > 0.2


def test_rows_of_one_record_are_learned_or_judged_together():
    """A record asked twice is no more evidence than one, and interval and rows say so."""
    labels, positive, _, ids = asked(1000, own_set, np.random.default_rng(0))
    owner = np.repeat(np.arange(1000), 2)

    once = leak.probe(labels, positive, np.arange(1000), ids)
    twice = leak.probe(labels[owner], positive, owner, ids)

    assert twice["rows"] == 2 * once["rows"]
    for end in ("low", "high"):
        assert twice["positive"][end] == pytest.approx(once["positive"][end], abs=0.02)


def test_nothing_to_tell_apart_is_told_as_none():
    labels, positive, owner, ids = asked(800, own_set, np.random.default_rng(0))

    found = leak.probe(labels, positive, owner, ids)
    assert found["pure"] is None  # every row holds a positive

    assert leak.probe(labels, ~positive & False, owner, ids)["positive"] is None


def test_batches_of_fewer_labels_are_padded():
    labels, positive, owner, ids = asked(800, own_set, np.random.default_rng(0))
    padded = np.concatenate([labels, np.full((len(labels), 2), -1)], axis=1)

    assert leak.probe(padded, positive, owner, ids) == leak.probe(labels, positive, owner, ids)
