"""What the construction is worth: arms are equal, measures are right, the same results twice."""

import importlib
import json

import numpy as np
import pytest

from bench.worth import arms, items, metrics, ready
from bench.worth.pack import marked
from tests.conftest import ROOT

LABELS = [f"label {n}" for n in range(10)]
NEAR = {
    label: [LABELS[(n + 1) % 10], LABELS[(n + 2) % 10], LABELS[(n - 1) % 10]]
    for n, label in enumerate(LABELS)
}
IDS = [f"toy/train/{n}" for n in range(200)]
#: What there is to count in a test of one record; see `metrics.COUNTS`.
GOLD, RIGHT, YES, TUNED_RIGHT, TUNED_YES, PAIRS, WON_TWICE, FOOLED = range(8)


def positives():
    """Records of one label, and now and then of two or none."""
    rng = np.random.default_rng(0)
    found = np.zeros((len(IDS), len(LABELS)), bool)
    found[np.arange(len(IDS)), rng.integers(10, size=len(IDS))] = True
    found[::5, 3] = True
    found[::9] = False
    return found


def asked(arm, seed=0, k=4):
    return arms.instructions(arm, IDS, positives(), LABELS, LABELS, NEAR, k, seed)


@pytest.mark.parametrize("arm", arms.ARMS)
def test_every_arm_asks_every_positive_and_gives_the_same_number(arm):
    own = asked(arm)
    seen = np.zeros_like(positives())
    np.logical_or.at(seen, own.record, own.member)
    equal = arms.equal(own, IDS, 150, seed=0)

    assert (seen | ~positives()).all()
    width = {"all": 10, "random": 4, "confusable": 4}.get(arm, 4)
    assert (own.member.sum(axis=1) == width).all()
    assert len(equal.record) == len(equal.member) == 150
    assert {*equal.record} <= {*own.record}


def test_an_arm_of_fewer_instructions_repeats_all_before_any_a_third_time():
    equal = arms.equal(asked("all"), IDS, 450, seed=0)

    assert {*np.bincount(equal.record)} == {2, 3}


def test_random_sets_are_as_often_without_a_positive_as_confusable_ones():
    pure = {}
    for arm in ("random", "confusable"):
        own = asked(arm)
        pure[arm] = np.mean(~(positives()[own.record] & own.member).any(axis=1))

    assert pure["random"] == pytest.approx(0.6, abs=0.05)
    assert pure["confusable"] == pytest.approx(pure["random"], abs=0.06)


def test_near_labels_stand_together_in_confusable_and_not_in_random():
    matrix = np.array([[b in NEAR[a] for b in LABELS] for a in LABELS])

    def beside(arm):
        member = asked(arm).member.astype(int)
        together = member.T @ member * ~np.eye(10, dtype=bool)
        return together[matrix].sum() / together.sum()

    assert beside("random") == pytest.approx(matrix.sum() / 90, abs=0.05)
    assert beside("confusable") > beside("random") + 0.15


def test_instructions_follow_from_the_seed():
    for arm in ("random", "confusable", "shuffle"):
        assert (asked(arm, 1).member == asked(arm, 1).member).all()
        assert not np.array_equal(asked(arm, 1).member, asked(arm, 2).member)


def test_what_is_polled_asks_every_label():
    assert arms.polled(10, 4).sum(axis=1).tolist() == [4, 4, 4]
    assert arms.polled(10, 4).any(axis=0).all()
    assert arms.polled(10, 10).tolist() == [[True] * 10]


def test_a_drawn_dictionary_is_fixed_and_never_lists_the_label_itself():
    drawn = arms.drawn_dictionary(LABELS)

    assert drawn == arms.drawn_dictionary(LABELS)
    assert all(len({*near}) == 6 and label not in near for label, near in drawn.items())


def test_a_planted_confusion_is_the_first_of_the_hard_pairs():
    """Items of label 0 score high for label 7, those of others for nothing."""
    rng = np.random.default_rng(0)
    gold = np.eye(10, dtype=bool)[np.arange(60) % 9]  # label 9 is in no item
    scores = rng.normal(size=(2, 60, 10))
    scores[:, gold[:, 0], 7] += 10

    hard = metrics.confused_pairs(scores, gold)

    assert hard[0, 7]
    assert hard[:9].sum(axis=1).tolist() == [metrics.CONFUSED] * 9
    assert not hard[9].any()
    assert not hard.diagonal().any()


def test_a_label_that_holds_too_is_no_rival():
    gold = np.array([[True, True, False]])
    scores = np.array([[1.0, 2.0, 3.0]])
    hard = ~np.eye(3, dtype=bool)

    counts = metrics.counted(scores, gold, np.array([0]), 1, 2.5, hard)[0]

    assert counts[PAIRS] == 2  # each of the two against the third
    assert counts[WON_TWICE] == 0
    assert counts[FOOLED] == 2


def test_counts_of_records_on_a_planted_case():
    """Record 0: one of two right, one false yes; record 1: nothing holds, one false yes."""
    gold = np.array([[True, False, False], [False, True, False], [False, False, False]])
    scores = np.array([[2.0, 1.0, -1.0], [-3.0, -1.0, -1.0], [0.5, -1.0, -1.0]])
    hard = np.zeros((3, 3), bool)
    hard[0, 1] = hard[1, 2] = True

    counts = metrics.counted(scores, gold, np.array([0, 0, 1]), 2, 1.5, hard)

    assert counts[0, [GOLD, RIGHT, YES, TUNED_RIGHT, TUNED_YES]].tolist() == [2, 1, 2, 1, 1]
    assert counts[0, [PAIRS, WON_TWICE, FOOLED]].tolist() == [2, 3, 1]  # won, tied; fooled by 1
    assert counts[1].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    f1, tuned, pairs, fooled = metrics.measured(counts.sum(axis=0))
    assert f1 == pytest.approx(100 * 2 * 1 / (2 + 3))
    assert tuned == pytest.approx(100 * 2 * 1 / (2 + 1))
    assert (pairs, fooled) == (75, 50)


def test_the_threshold_is_where_f1_is_best_and_cuts_no_ties():
    gold = np.array([[True, True, False, True, False]])

    assert metrics.threshold(np.array([[5.0, 4, 3, 2, 1]]), gold) == 1.5
    assert metrics.threshold(np.array([[5.0, 4, 3, 1, 1]]), gold) == 3.5
    assert metrics.threshold(np.array([[5.0, 5, 5, 5, 5]]), gold) < 5


def test_a_difference_is_sure_where_it_is_in_every_record_and_zero_of_itself():
    rng = np.random.default_rng(0)
    better = np.zeros((3, 100, len(metrics.COUNTS)), np.int64)
    better[..., [GOLD, YES, TUNED_YES, PAIRS]] = 10
    better[..., [RIGHT, TUNED_RIGHT, WON_TWICE]] = rng.integers(5, 9, (3, 100, 1))
    worse = better.copy()
    worse[..., RIGHT] -= rng.integers(1, 4, (3, 100))

    mean, low, high = metrics.difference(better, worse)

    assert 10 < low[0] < mean[0] < high[0] < 30
    assert metrics.difference(better, better).any() == np.False_
    assert (mean[1:] == 0).all()


def planted_set():
    """Vectors that show their label, in records of one or two items; labels 0 and 1 look alike."""
    rng = np.random.default_rng(0)

    def part(split, size):
        label = rng.integers(10, size=size)
        owner = np.sort(rng.integers(size * 2 // 3, size=size))
        _, owner = np.unique(owner, return_inverse=True)
        vectors = np.eye(10)[np.where(label == 1, 0, label)] * 3 + rng.normal(size=(size, 10))
        vectors[label == 1, 9] += 1
        ids = [f"toy/{split}/{n}" for n in range(owner.max() + 1)]
        gold = np.eye(10, dtype=bool)[label]
        own = items.Part(ids, ids, [((n, n + 1),) for n in range(size)], owner, gold)
        return own, vectors.astype(np.float32)

    (fit, a), (held, b), (test, c) = part("train", 400), part("held", 200), part("test", 200)
    given = items.Set("toy", "RE", LABELS, LABELS, NEAR, "train", fit, test)
    near = {"default": NEAR, "drawn": arms.drawn_dictionary(LABELS)}
    return ready.Prepared(given, fit, held, a, b, c, near)


@pytest.fixture(scope="module")
def small():
    return planted_set()


@pytest.fixture(scope="module")
def trained():
    """What imports a module of the bench that needs torch, which all workers would import else."""
    import torch

    # Threads that wait for each other take ten times as long where the cores are busy.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda name: importlib.import_module(f"bench.worth.{name}")
    torch.set_num_threads(before)


@pytest.mark.parametrize("head", ["alone", "beside"])
def test_a_head_learns_what_is_planted_and_gives_the_same_results_twice(small, head, trained):
    grid = trained("grid")
    number, _ = grid.budget(small, [0, 1])
    hard = grid.hard_pairs(small, number, 4)
    job = grid.Job("toy", head, "confusable")
    once, first, second = (grid.result(small, job, hard, number, n, [0, 1]) for n in (20, 2, 2))

    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert hard[0, 1]
    assert hard[1, 0]
    f1, tuned, ranked, _ = metrics.measured(np.array(once["counts"]["4"]).sum(axis=1)).mean(axis=0)
    assert min(f1, tuned) > 60
    assert ranked > 85
    assert once["width"] == 4
    assert once["instructions"] == number


def test_what_is_asked_beside_a_label_changes_one_head_alone(small, trained):
    heads = trained("heads")
    assert heads.HEADS == ("alone", "beside")
    rows = arms.equal(asked("contrast"), IDS, 100, 0)
    for kind in heads.HEADS:
        head = heads.train(
            kind, small.fit_features, small.fit.gold, small.fit.owner, [rows], 2, [0]
        )
        few, many = (heads.scores(head, small.test_features, arms.polled(10, k)) for k in (4, 10))
        assert np.allclose(few, many, atol=1e-5) == (kind == "alone")


def test_a_killed_grid_goes_on_and_the_page_follows_from_the_files(
    small, tmp_path, monkeypatch, trained
):
    """Results that are there are read, those that are not are made; nothing else is touched."""
    grid, page = trained("grid"), trained("page")
    made = []

    def result(prepared, job, *rest):
        made.append(job)
        if len(made) == 5:
            raise KeyboardInterrupt
        return grid_result(prepared, job, *rest)

    grid_result = grid.result
    monkeypatch.setattr(grid, "STEPS", 20)
    monkeypatch.setattr(grid, "result", result)
    monkeypatch.setattr(grid, "prepared", lambda *_: small)
    monkeypatch.setattr(items, "load", lambda *_: small.given)
    with pytest.raises(KeyboardInterrupt):
        [*grid.results(tmp_path, tmp_path, ["toy"], (0, 1))]
    found = [*grid.results(tmp_path, tmp_path, ["toy"], (0, 1))]
    again = [*grid.results(tmp_path, tmp_path, ["toy"], (0, 1))]

    assert found == again
    assert len(made) == 1 + len(grid.jobs("toy"))
    text = page.page(found, 1.0, "a machine")
    assert text == page.page(json.loads(json.dumps(again)), 1.0, "a machine")
    assert text.count("| toy | random |") == 2
    assert "{" not in text


def test_items_are_pairs_or_triggers_with_their_labels():
    mentions = [{"start": 0, "end": 2}, {"start": 3, "end": 5}, {"start": None, "end": None}]
    pairs = [{"head": 0, "tail": 1, "label": x} for x in LABELS[:2]]
    pairs += [
        {"head": 1, "tail": 0, "label": LABELS[2]},
        {"head": 0, "tail": 2, "label": LABELS[3]},
    ]
    record = {"id": "a", "text": "ab cd", "mentions": mentions, "relations": pairs}
    none = {"id": "b", "text": "ab cd", "mentions": mentions[:2], "relations": []}
    events = [{"trigger": 0, "label": LABELS[4]}, {"trigger": None, "label": LABELS[4]}]

    related = items.part_of([record, none], "RE", LABELS, 10)
    happening = items.part_of([{**none, "events": events}], "EET", LABELS, 10)

    assert related.spans == [((0, 2), (3, 5)), ((3, 5), (0, 2)), ((0, 2), (3, 5))]
    assert [np.flatnonzero(g).tolist() for g in related.gold] == [[0, 1], [2], []]
    assert related.owner.tolist() == [0, 0, 1]
    assert related.positive()[:, :3].tolist() == [[True] * 3, [False] * 3]
    assert happening.spans == [((0, 2),)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (((0, 2), (3, 5)), "[ab] {cd} ef"),
        (((3, 5), (0, 2)), "{ab} [cd] ef"),
        (((0, 8), (0, 2)), "[{ab} cd ef]"),
        (((6, 8), (0, 8)), "{ab cd [ef]}"),
        (((3, 5),), "ab [cd] ef"),
    ],
)
def test_marks_stand_around_the_spans(spans, expected):
    assert marked("ab cd ef", spans) == expected


def test_the_page_in_the_repository_is_of_the_whole_grid():
    heads = ("alone", "beside")
    lines = (ROOT / "bench/WORTH.md").read_text(encoding="utf-8").splitlines()

    for name in items.SETS:
        for arm in arms.ARMS:
            assert sum(line.startswith(f"| {name} | {arm} |") for line in lines) == len(heads)
