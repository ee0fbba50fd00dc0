"""Sets of near labels: every set whole, every positive asked, and nothing told by what is asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import catalog, tasks
from pipeline.config import Instruct
from pipeline.instruct import confusable
from pipeline.instruct.asking import Asking, labels_held, sets_to_ask
from pipeline.records import Mention, Record
from pipeline.report import leak
from pipeline.tables import to_table

KEYS = [f"label {n}" for n in range(100)]


def ranks(labels, near):
    """The matrix of {label: its near labels, best first}."""
    matrix = np.full((labels, labels), -1, np.int64)
    for label, others in near.items():
        matrix[label, others] = np.arange(len(others))
    return matrix


def made(positive, near, k, together=None, names=None, ids=None, **options):
    """The sets of records, and the batches that they are asked."""
    rows, labels = positive.shape
    own = Instruct(**options)
    together = np.arange(labels) if together is None else together
    held = (positive, np.ones(rows, np.int64))
    sets = confusable.sets_of(names or KEYS[:labels], near, together, held, k, own)
    ids = ids or [f"d/train/{row}" for row in range(rows)]
    return sets, confusable.asked(sets, positive, ids, own.seed)


@st.composite
def cases(draw):
    labels = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    share = draw(st.sampled_from([0.0, 0.05, 0.3, 0.8, 1.0]))
    positive = rng.random((draw(st.integers(1, 30)), labels)) < share
    near = {
        label: [n for n in rng.permutation(labels) if n != label][: draw(st.integers(0, 6))]
        for label in range(labels)
    }
    return positive, ranks(labels, near), draw(st.integers(1, 10))


@settings(max_examples=150, deadline=None)
@given(case=cases(), ratio=st.sampled_from([None, 0, 1.5, 9]), ways=st.sampled_from([1, 5]))
def test_sets_and_batches_keep_the_promises(case, ratio, ways):
    positive, near, k = case
    labels = positive.shape[1]
    count = -(-labels // k)
    width = -(-labels // count)

    sets, batches = made(positive, near, k, pure_negative_ratio=ratio, ways=ways)

    assert sets.labels.shape == (ways, count, width)
    spare = count * width - labels
    for way in sets.labels.tolist():
        assert all(len({*own}) == width for own in way)
        every = [label for own in way for label in own]
        assert {*every} == {*range(labels)}
        assert len(every) - labels == spare  # each label once, and once more to fill a set
    assert ((sets.chance >= 0) & (sets.chance <= 1)).all()
    assert batches.labels.shape[1] == width
    known = {tuple(sorted(own)) for way in sets.labels.tolist() for own in way}
    assert {tuple(sorted(own)) for own in batches.labels.tolist()} <= known
    for row, own in enumerate(positive):
        mine = batches.labels[batches.row == row]
        assert {*np.flatnonzero(own)} <= {*mine.ravel()}
        assert batches.number[batches.row == row].tolist() == [*range(len(mine))]
        if ratio is None:
            assert len(mine) == count


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_a_record_is_asked_the_same_whoever_is_beside_it(case):
    """Given the sets of its dataset, a record needs nothing of others."""
    positive, near, k = case
    sets, together = made(positive, near, k)
    last = len(positive) - 1

    alone = confusable.asked(sets, positive[last:], [f"d/train/{last}"], 0)

    assert alone.labels.tolist() == together.labels[together.row == last].tolist()


def test_near_labels_stand_together():
    """Pairs of labels that are near to each other, and to nobody else."""
    near = ranks(12, {label: [label ^ 1] for label in range(12)})

    sets, _ = made(np.zeros((1, 12), bool), near, 4)

    for way in sets.labels.tolist():
        assert all({label ^ 1 for label in own} == {*own} for own in way)
    assert len({str(sorted(map(sorted, way))) for way in sets.labels.tolist()}) > 5


def test_labels_that_share_an_answer_are_parted():
    """Signatures of one predicate, near to each other as they are: as many as there are sets."""
    together = np.repeat(np.arange(8), [5, 4, 3, 2, 2, 2, 1, 1])
    alike = {n: [m for m in range(20) if m != n and together[m] == together[n]] for n in range(20)}

    sets, _ = made(np.eye(20, dtype=bool), ranks(20, alike), 4, together)

    for way in sets.labels.tolist():
        assert all(len({*together[own]}) == 4 for own in way)


def test_what_fills_a_set_is_seldom_positive():
    positive = np.zeros((100, 7), bool)
    positive[:, :4] = True
    positive[:3, 4] = True

    sets, _ = made(positive, ranks(7, {}), 4)

    for way in sets.labels.tolist():
        every = sorted(label for own in way for label in own)
        (again,) = [label for label in range(7) if every.count(label) == 2]
        assert again > 2


def world(rows=6000, labels=20, k=4):
    """Records with one or two positives, of labels whose frequencies differ; near ones by fours."""
    rng = np.random.default_rng(1)
    share = 1 / (3 + np.arange(labels))
    positive = np.zeros((rows, labels), bool)
    for turn in range(2):
        some = np.arange(rows) if turn == 0 else np.flatnonzero(rng.random(rows) < 0.4)
        positive[some, rng.choice(labels, len(some), p=share / share.sum())] = True
    near = ranks(
        labels,
        {n: [m for m in range(labels) if m != n and m // k == n // k] for n in range(labels)},
    )
    return positive, near


def test_every_set_is_asked_equally_often_and_pure_negatives_are_as_many_as_wanted():
    positive, near = world()

    _, batches = made(positive, near, 4, ways=1)

    pure = ~np.take_along_axis(positive[batches.row], batches.labels, axis=1).any(axis=1)
    assert pure.sum() / (~pure).sum() == pytest.approx(1.5, abs=0.05)
    _, often = np.unique(np.sort(batches.labels, axis=1), axis=0, return_counts=True)
    share = positive[:, :4].any(axis=1).mean()  # the set of the most frequent labels
    assert often.max() / 6000 == pytest.approx(1.25 * share, abs=0.02)
    assert np.ptp(sorted(often)[:-1]) / 6000 < 0.03


@pytest.mark.parametrize("grouping", ["confusable", "round_robin"])
def test_what_is_asked_does_not_give_the_answer_away(grouping):
    from tests.instruct.test_batching import deal

    positive, near = world()
    ids = [f"d/train/{row}" for row in range(len(positive))]

    if grouping == "confusable":
        _, batches = made(positive, near, 4)
    else:
        batches, _ = deal(positive, near, 4, ids, grouping=grouping)
    found = leak.probe(batches.labels, positive, batches.row, ids)

    if grouping == "confusable":
        assert found["positive"]["low"] <= 0.02
        assert found["pure"]["low"] <= 0.02
    else:
        assert found["positive"]["low"] > 0.05


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_shards_make_the_same_sets_in_any_number_and_order(rate):
    own, settings = catalog.load("cluener"), Instruct(negative_record_rate=rate)
    labels = tasks.inventory(own, "NER")
    rng = np.random.default_rng(0)
    records = [
        Record(f"a {n}", "o", [Mention("a", 0, 1, labels[c]) for c in rng.choice(10, n % 3)])
        for n in range(90)
    ]
    table = to_table(
        records, [f"d/train/{n}" for n in range(90)], dataset="d", split="train", language="zh"
    )
    near = {label: [labels[(i + 1) % 10]] for i, label in enumerate(labels)}

    def sets(*parts):
        asking = Asking(own, "NER", "train", labels, near, settings)
        return sets_to_ask(asking, [labels_held(part, asking) for part in parts])

    whole = sets(table)
    parts = sets(table.slice(60), table.slice(0, 7), table.slice(7, 53), table.slice(0, 0))
    assert all((a == b).all() for a, b in zip(whole, parts, strict=True))


def test_the_order_inside_a_batch_tells_nothing():
    positive, near = world()

    _, batches = made(positive, near, 4)

    here = np.take_along_axis(positive[batches.row], batches.labels, axis=1)
    assert np.ptp(here.mean(axis=0)) < 0.02


def test_another_seed_makes_other_sets():
    positive, near = world(50)

    assert (made(positive, near, 4)[0].labels != made(positive, near, 4, seed=1)[0].labels).any()


def test_where_nothing_is_positive_records_are_still_asked():
    _, batches = made(np.zeros((1000, 12), bool), ranks(12, {}), 4)

    assert len(batches.row) == pytest.approx(1000, abs=100)


def test_of_one_label_or_a_batch_for_each_all_are_asked_alone():
    positive = np.eye(3, dtype=bool)

    sets, batches = made(positive, ranks(3, {}), 1, pure_negative_ratio=0)

    assert sets.labels.shape == (64, 3, 1)
    assert batches.labels.ravel().tolist() == [0, 1, 2]
    assert made(positive[:, :1], ranks(1, {}), 4)[1].labels.shape[1] == 1
