"""Deduplication: every kind of drop, its partner, the policies, the same result in any order."""

from collections import Counter
from functools import partial

import pyarrow as pa
import pytest
import xxhash

from pipeline.config import Dedupe
from pipeline.dedupe import duplicates, stage
from pipeline.dedupe import tags as kept
from pipeline.dedupe.stage import dedupe
from pipeline.errors import RawFileError, WorkError
from pipeline.execution import atomic, shards, shuffle
from pipeline.text import aligned
from tests.helpers import declared, table

dataset = partial(declared, entity=["person", "place"])


def lay(folder, name, split, *entries, number=0):
    rows = table(*entries, dataset=name, split=split)
    shards.write(rows, folder / name / f"{split}-{number:05d}.parquet")


def solve(tmp_path, *datasets, workers=1, **settings):
    out = tmp_path / f"dedupe{workers}"
    dedupe(datasets, tmp_path / "clean", Dedupe(**settings), out, workers)
    return drops(tmp_path / "clean", out, *(d.id for d in datasets))


def drops(clean, out, *names):
    """Id -> (reason, partner) of what deduplication dropped."""
    found = {}
    for name in names:
        for _, path in shards.record_shards(clean / name):
            before = shards.read(path, ["dropped"])["dropped"].to_pylist()
            rows = kept.tagged(path, out / name).to_pylist()
            for row, was in zip(rows, before, strict=True):
                if row["dropped"] != was:
                    assert row["drop_detail"] is None
                    found[row["id"]] = (row["dropped"], row["drop_partner"])
    return found


ADA = ("Ada sleeps", [("Ada", "person")])
ADA_OTHER = ("Ada sleeps", [("Ada", "place")])
ADA_BARE = "Ada  sleeps"


def test_exact_duplicates_keep_the_first(tmp_path):
    lay(tmp_path / "clean", "a", "train", ADA, "Ben wakes", ADA, ADA)

    assert solve(tmp_path, dataset("a")) == {
        "a/train/2": ("duplicate", "a/train/0"),
        "a/train/3": ("duplicate", "a/train/0"),
    }


def test_texts_are_compared_in_white_space_normalized_nfc(tmp_path):
    lay(tmp_path / "clean", "a", "train", "caf\u00e9  noir", "cafe\u0301 noir ", "Cafe noir")

    assert [*solve(tmp_path, dataset("a"))] == ["a/train/1"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            "drop",
            {
                "a/train/0": ("conflicting_duplicate", "a/train/1"),
                "a/train/1": ("conflicting_duplicate", "a/train/0"),
                "a/train/2": ("conflicting_duplicate", "a/train/1"),
                "a/train/3": ("conflicting_duplicate", "a/train/0"),
            },
        ),
        (
            "first",
            {
                "a/train/1": ("conflicting_duplicate", "a/train/0"),
                "a/train/2": ("duplicate", "a/train/0"),
                "a/train/3": ("conflicting_duplicate", "a/train/0"),
            },
        ),
        ("keep", {"a/train/2": ("duplicate", "a/train/0")}),
        (
            "merge",
            {
                "a/train/1": ("merged_duplicate", "a/train/0"),
                "a/train/2": ("duplicate", "a/train/0"),
                "a/train/3": ("merged_duplicate", "a/train/0"),
            },
        ),
    ],
)
def test_the_policy_decides_about_conflicts(tmp_path, policy, expected):
    lay(tmp_path / "clean", "a", "train", ADA, ADA_OTHER, ADA, "Ada sleeps", "Ben wakes")

    assert expected == solve(tmp_path, dataset("a"), conflicts={"train": policy})


def test_a_dataset_may_have_a_policy_of_its_own(tmp_path):
    lay(tmp_path / "clean", "a", "train", ADA, ADA_OTHER)

    own = dataset("a", conflicts={"train": "keep"})
    assert solve(tmp_path, own) == {}


def test_merging_gives_the_first_the_annotations_of_all(tmp_path):
    lay(tmp_path / "clean", "a", "train", "Ben wakes", ADA, ADA_OTHER)
    solve(tmp_path, dataset("a"), conflicts={"train": "merge"})

    shard = tmp_path / "clean" / "a" / "train-00000.parquet"
    left = kept.kept(shard, tmp_path / "dedupe1" / "a").to_pylist()

    assert [row["id"] for row in left] == ["a/train/0", "a/train/1"]
    assert [m["label"] for m in left[1]["mentions"]] == ["person", "place"]


def test_train_and_dev_texts_of_any_test_split_go(tmp_path):
    clean = tmp_path / "clean"
    lay(clean, "a", "train", ADA, "only here")
    lay(clean, "a", "dev", ADA_BARE)
    lay(clean, "b", "test", "something", ADA_OTHER)

    both = dataset("a"), dataset("b", use="held-out")
    assert solve(tmp_path, *both) == {
        "a/train/0": ("train_text_in_test", "b/test/1"),
        "a/dev/0": ("train_text_in_test", "b/test/1"),
    }
    assert solve(tmp_path, *both, across_datasets=False) == {}


def test_what_cleaning_dropped_takes_no_part(tmp_path):
    rows = table(ADA, ADA, dataset="a")
    index = rows.schema.get_field_index("dropped")
    tagged = rows.set_column(index, rows.schema.field(index), [["too_short", None]])
    shards.write(tagged, tmp_path / "clean" / "a" / "train-00000.parquet")

    assert solve(tmp_path, dataset("a")) == {}


def test_workers_and_shards_change_nothing(tmp_path, monkeypatch):
    entries = [(f"text {n % 37}", [("text", "person" if n % 3 else "place")]) for n in range(200)]
    lay(tmp_path / "clean", "a", "train", *entries[:150])
    lay(tmp_path / "clean", "a", "test", *entries[150:170])
    lay(tmp_path / "clean", "b", "train", *entries[170:])
    both = dataset("a", conflicts={"train": "merge"}), dataset("b")

    assert solve(tmp_path, *both) == solve(tmp_path, *both, workers=2)

    def written():
        out = [tmp_path / f"dedupe{w}" for w in (1, 2)]
        names = [sorted(p.relative_to(o) for p in o.rglob("*.parquet")) for o in out]
        assert names[0] == names[1]
        return [{n: (o / n).read_bytes() for n in names[0]} for o in out]

    def decided():
        """Every record with its tags and, where it is the first of several, what was merged."""
        paths = [(n, p) for n in "ab" for _, p in shards.record_shards(tmp_path / "clean" / n)]
        tables = [kept.tagged(path, tmp_path / "dedupe1" / name) for name, path in paths]
        return pa.concat_tables(tables).to_pylist()

    one, two = written()
    assert one == two
    assert any(path.name == "merged-train-00000.parquet" for path in one)
    before = decided()
    # Many parts, parted again; many groups of shards, which are cut elsewhere; few merged at once.
    monkeypatch.setattr(shuffle, "FAN", 3)
    monkeypatch.setattr(shuffle, "LIMIT", 300)
    monkeypatch.setattr(duplicates, "_GROUP", 1)
    monkeypatch.setattr(duplicates, "_AT_ONCE", 2)
    first = tmp_path / "clean" / "a" / "train-00000.parquet"
    rows = shards.read(first)
    for start in range(0, rows.num_rows, 17):
        shards.write(rows.slice(start, 17), first.with_name(f"train-{start // 17:05d}.parquet"))
    solve(tmp_path, *both)
    assert decided() == before


def test_a_test_text_that_goes_itself_drops_no_train_text(tmp_path):
    clean = tmp_path / "clean"
    lay(clean, "a", "train", ADA, "Ben wakes")
    lay(clean, "a", "test", ADA, ADA_OTHER, "Ben wakes", "Ben wakes")

    assert solve(tmp_path, dataset("a"), conflicts={"test": "drop"}) == {
        "a/test/0": ("conflicting_duplicate", "a/test/1"),
        "a/test/1": ("conflicting_duplicate", "a/test/0"),
        "a/test/3": ("duplicate", "a/test/2"),
        "a/train/1": ("train_text_in_test", "a/test/2"),
    }


def test_an_error_names_the_shard_or_the_part(tmp_path, monkeypatch):
    lay(tmp_path / "clean", "a", "train", ADA, ADA)
    for broken, where in (("resolve", "part 0 of all"), ("keys_of", "clean/a/train-00000.parquet")):
        monkeypatch.setattr(stage, broken, lambda *_: 1 / 0)
        with pytest.raises(WorkError) as caught:
            solve(tmp_path, dataset("a"))
        assert where in str(caught.value.where)


def test_rows_that_complete_each_other_are_merged_whatever_the_white_space(tmp_path):
    clean = tmp_path / "clean"
    lay(clean, "a", "train", ADA, ("Ada  sleeps ", [("sleeps", "place")]))
    one = dataset("a", one_annotation_per_row=True)

    assert solve(tmp_path, one) == {"a/train/1": ("merged_duplicate", "a/train/0")}
    left = kept.kept(clean / "a" / "train-00000.parquet", tmp_path / "dedupe1" / "a").to_pylist()
    assert left[0]["text"] == "Ada sleeps"
    assert left[0]["mentions"] == [
        {"text": "Ada", "start": 0, "end": 3, "label": "person"},
        {"text": "sleeps", "start": 4, "end": 10, "label": "place"},
    ]


@pytest.mark.parametrize(
    ("source", "target", "mention", "expected"),
    [
        ("Ada  sleeps", "Ada sleeps", "sleeps", "sleeps"),
        (" Ada sleeps", "Ada\tsleeps", "Ada sleeps", "Ada\tsleeps"),
        ("Ada  sleeps", "Ada sleeps", "  ", None),
        ("Ada  sleeps", "Ada sleeps", "Ada ", "Ada"),
        ("cafe\u0301 noir", "caf\u00e9  noir", "cafe\u0301", "caf\u00e9"),
        ("cafe\u0301 noir", "caf\u00e9  noir", "cafe", "caf\u00e9"),
        ("caf\u00e9 noir", "cafe\u0301 noir", "\u00e9 n", "e\u0301 n"),
        ("林岚\u3000在雾港。", "林岚 在雾港。", "雾港", "雾港"),
    ],
)
def test_a_span_is_found_again_in_a_text_of_other_white_space(source, target, mention, expected):
    start = source.index(mention)

    span = aligned(source, target, start, start + len(mention))

    assert expected == (span and target[slice(*span)])


def test_everything_dropped_before_is_no_trouble(tmp_path):
    rows = table(ADA, dataset="a")
    index = rows.schema.get_field_index("dropped")
    tagged = rows.set_column(index, rows.schema.field(index), [["too_short"]])
    shards.write(tagged, tmp_path / "clean" / "a" / "train-00000.parquet")

    assert solve(tmp_path, dataset("a"), dataset("b")) == {}


def test_a_leak_names_a_partner_of_its_own_dataset_first(tmp_path):
    lay(tmp_path / "clean", "a", "test", ADA)
    lay(tmp_path / "clean", "b", "train", ADA)
    lay(tmp_path / "clean", "b", "test", ADA)

    assert solve(tmp_path, dataset("a"), dataset("b")) == {
        "b/train/0": ("train_text_in_test", "b/test/0")
    }


def test_a_shard_is_read_with_its_own_tags_and_nothing_else(tmp_path, monkeypatch):
    for number in range(3):
        lay(tmp_path / "clean", "a", "train", ADA, ADA_OTHER, f"text {number}", number=number)
    solve(tmp_path, dataset("a"), conflicts={"train": "merge"})
    opened = []
    real = atomic.stream
    monkeypatch.setattr(atomic, "stream", lambda p, mode: (opened.append(p), real(p, mode))[1])

    clean, out = tmp_path / "clean" / "a", tmp_path / "dedupe1" / "a"
    for name in ("train-00000.parquet", "train-00001.parquet"):
        opened.clear()
        kept.kept(clean / name, out)
        merges = [out / f"merged-{name}"] if name == "train-00000.parquet" else []
        assert sorted(opened) == sorted([clean / name, out / name, *merges])
    opened.clear()
    assert kept.account(clean, out)["train"]["kept"] == 4
    assert {path.parent for path in opened} == {out}


def test_tags_of_other_rows_are_refused(tmp_path):
    lay(tmp_path / "clean", "a", "train", ADA)
    solve(tmp_path, dataset("a"))
    lay(tmp_path / "clean", "a", "train", ADA, "Ben wakes")

    with pytest.raises(RawFileError, match="other rows than the shard"):
        kept.kept(tmp_path / "clean" / "a" / "train-00000.parquet", tmp_path / "dedupe1" / "a")


@pytest.mark.parametrize("near", ["report", "drop"])
def test_files_are_opened_as_often_as_there_are_more_records(tmp_path, monkeypatch, near):
    monkeypatch.setattr(shuffle, "FAN", 4)
    monkeypatch.setattr(shuffle, "LIMIT", 4_000)
    monkeypatch.setattr(duplicates, "_GROUP", 1)
    opened = Counter()
    counts = []
    for count in (4, 16):
        clean = tmp_path / str(count) / "clean"
        for n in range(count):
            # Each text conflicts with one in the shard before or after, and is near another one.
            names = (f"{xxhash.xxh3_64_hexdigest(f'{n // 2} {k // 2}'.encode())}" for k in range(9))
            texts = [
                f"the ship {name * 3} left late{'!' * (k % 2)}" for k, name in enumerate(names)
            ]
            rows = [(text, [("ship", "person" if n % 2 else "place")]) for text in texts]
            lay(clean, "a", "train", *rows, number=n)
        own = dataset("a", conflicts={"train": "merge"})
        with monkeypatch.context() as patch:
            real = pa.memory_map
            patch.setattr(pa, "memory_map", lambda p: (opened.update([count]), real(p))[1])  # noqa: B023
            solve(tmp_path / str(count), own, near_duplicates=near)
        counts.append(opened[count])

    few, many = counts
    # Linear, but for a level of finer parts. Parts times shards would be 16 times as many.
    assert many < 5 * few
