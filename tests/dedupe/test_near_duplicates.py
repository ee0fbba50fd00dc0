"""Near-duplicates: signatures tell how alike texts are, pairs are exact, drops name a partner."""

import numpy as np
import pytest

from pipeline.config import Dedupe
from pipeline.dedupe import duplicates, minhash
from pipeline.dedupe.stage import dedupe
from pipeline.execution import freshness, shards, shuffle
from tests.dedupe.test_dedupe import dataset, drops, lay

LONG = "The ferry to Harrow Point left an hour late because of fog over the bay"
NEAR = LONG.replace("hour", "hour ").replace("bay", "bay!")
FAR = "Velmora sold Kestrel to a buyer whose name was not told to anybody at all"


def solve(tmp_path, *names, workers=1, **settings):
    out = tmp_path / f"dedupe{workers}"
    dedupe([dataset(n) for n in names], tmp_path / "clean", Dedupe(**settings), out, workers)
    found = drops(tmp_path / "clean", out, *names)
    return shards.read_json(out / "near_duplicates.json")["pairs"], found


def test_signatures_agree_in_about_the_share_of_n_grams_that_texts_have_in_common():
    letters = np.random.RandomState(7).choice([*"abcdefgh"], (300, 40))
    texts = ["".join(row) for row in letters]
    changed = [text[:20] + text[21:] for text in texts]
    rows = minhash.signatures([*texts, *changed], [5] * 600)

    agree = (rows[:300] == rows[300:]).mean()
    alike = np.mean([minhash.similarity(*pair, 5) for pair in zip(texts, changed, strict=True)])
    assert agree == pytest.approx(alike, abs=0.01)
    assert (rows[:299] == rows[1:300]).mean() < 0.02


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.9, 0.99])
def test_pairs_at_the_threshold_share_a_band_nineteen_times_in_twenty(threshold):
    rows = minhash.band_rows(threshold)

    missed = [(1 - threshold**n) ** (minhash.PERMUTATIONS // n) for n in (rows, rows + 1)]
    assert missed[0] <= 0.05 < missed[1]


def test_a_signature_does_not_depend_on_the_texts_around():
    alone = minhash.signatures([LONG], [5])

    assert (
        minhash.signatures(["a", "", LONG, "雾港"], [5, 5, 5, 3])[2].tolist() == alone[0].tolist()
    )


def test_ngrams_do_not_cross_texts_and_sizes_may_differ():
    together, starts = minhash.ngrams(["abcdef", "", "雾港在海边"], [5, 5, 3])
    alone = [minhash.ngrams([t], [n])[0] for t, n in [("abcdef", 5), ("", 5), ("雾港在海边", 3)]]

    assert starts.tolist() == [0, 2, 3]
    assert together.tolist() == np.concatenate(alone).tolist()


def test_work_that_is_done_twice_is_done_once(tmp_path, monkeypatch):
    """A worker may be lost after it has written; another then does the same item again."""
    lay(tmp_path / "clean", "a", "train", LONG, FAR, NEAR, LONG)
    once = solve(tmp_path, "a", near_duplicates="drop")
    tags = tmp_path / "dedupe1" / "a" / "train-00000.parquet"
    rows = shards.read(tags).to_pylist()

    def twice(function, items, *_):
        for item in items:
            function(item)
            yield function(item)

    monkeypatch.setattr(freshness.engines, "run", twice)

    assert solve(tmp_path, "a", near_duplicates="drop") == once
    assert shards.read(tags).to_pylist() == rows
    assert {row["dropped"] for row in rows} == {None, "duplicate", "near_duplicate"}


def test_similarity_is_jaccards():
    assert minhash.similarity("abcd", "abce", 3) == pytest.approx(1 / 3)
    assert minhash.similarity("ab", "ab", 3) == 1


def test_they_are_reported_per_pair_of_splits_and_kept(tmp_path):
    clean = tmp_path / "clean"
    lay(clean, "a", "train", LONG, FAR, NEAR)
    lay(clean, "b", "test", "Something else that nobody else has said before.", NEAR + "!")

    pairs, drops = solve(tmp_path, "a", "b")

    assert drops == {}
    assert [
        (p["dataset"], p["split"], p["other"], p["other_split"], p["records"]) for p in pairs
    ] == [
        ("a", "train", "a", "train", 2),
        ("a", "train", "b", "test", 2),
        ("b", "test", "a", "train", 1),
    ]
    assert pairs[0]["examples"][0]["id"] == "a/train/0"
    assert pairs[0]["examples"][0]["partner"] == "a/train/2"
    assert 0.8 < pairs[0]["examples"][0]["similarity"] < 1


def test_they_are_dropped_if_asked_like_equal_texts(tmp_path):
    clean = tmp_path / "clean"
    lay(clean, "a", "train", LONG, FAR, NEAR, "x" + FAR)
    lay(clean, "b", "train", LONG + "?")
    lay(clean, "b", "test", "We know that " + FAR)

    _, drops = solve(tmp_path, "a", "b", near_duplicates="drop")
    assert drops == {
        "a/train/1": ("near_duplicate", "b/test/0"),
        "a/train/2": ("near_duplicate", "a/train/0"),
        "a/train/3": ("near_duplicate", "b/test/0"),
    }
    _, drops = solve(tmp_path, "a", "b", near_duplicates="drop", across_datasets=False)
    assert drops == {
        "a/train/2": ("near_duplicate", "a/train/0"),
        "a/train/3": ("near_duplicate", "a/train/1"),
    }


def test_the_partner_of_a_drop_is_kept(tmp_path):
    words = [f"word{n}" for n in range(40)]
    chain = [" ".join(words[i : i + 36]) for i in range(5)]  # each is near the next, not all others
    lay(tmp_path / "clean", "a", "train", *chain)

    _, drops = solve(tmp_path, "a", near_duplicates="drop")

    assert drops
    assert {partner for _, partner in drops.values()} & {*drops} == set()


def test_workers_and_shards_change_nothing(tmp_path, monkeypatch):
    texts = [f"{LONG} number {n % 7} of {n} in {n * n}" for n in range(60)]
    for name, cuts in (("one", [60]), ("many", [10, 25, 60])):
        start = 0
        for number, end in enumerate(cuts):
            rows = [(n, texts[n]) for n in range(start, end)]
            from tests.helpers import table

            part = table(*(t for _, t in rows), dataset="a")
            part = part.set_column(0, part.schema.field(0), [[f"a/train/{n}" for n, _ in rows]])
            shards.write(part, tmp_path / name / "clean" / "a" / f"train-{number:05d}.parquet")
            start = end
    one = solve(tmp_path / "one", "a", near_duplicates="drop")
    two = solve(tmp_path / "one", "a", near_duplicates="drop", workers=2)
    monkeypatch.setattr(shuffle, "FAN", 3)
    monkeypatch.setattr(shuffle, "LIMIT", 500)
    monkeypatch.setattr(duplicates, "_GROUP", 1)
    many = solve(tmp_path / "many", "a", near_duplicates="drop")

    assert one == two == many
    assert one[1]


def test_ignoring_them_writes_nothing(tmp_path):
    lay(tmp_path / "clean", "a", "train", LONG, NEAR)
    neither = Dedupe(near_duplicates="ignore", overlap="ignore")
    dedupe([dataset("a")], tmp_path / "clean", neither, tmp_path / "out")

    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a", "contradictions.json"}
