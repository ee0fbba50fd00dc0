"""The budget: which records are chosen for about so many instructions, and what they cover."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Instruct
from pipeline.execution import shards
from pipeline.instruct.stage import instruct
from pipeline.tables import RECORDS
from tests.helpers import declared, table

NAMES = [
    f"{a}{b}" for a in ("Ada", "Bo", "Cleo", "Dan", "Eve") for b in ("ric", "nna", "lin", "so")
]
#: Of "big": persons are in nearly all records, the other labels in few.
RARE = {"ship": 6, "river": 3, "treaty": 1}


def lay(folder, name, rows, per_shard=10_000):
    for n, start in enumerate(range(0, max(len(rows), 1), per_shard)):
        path = folder / name / f"train-{n:05d}.parquet"
        whole = table(*rows, dataset=name) if rows else RECORDS.empty_table()
        shards.write(whole.slice(start, per_shard), path)


def many(count, rare=RARE):
    """Records of about one length, of which most have a person."""
    rows = [
        (f"{NAMES[n % 20]} number {n * 7919} came", [(NAMES[n % 20], "person")])
        for n in range(count)
    ]
    kinds = [label for label, n in rare.items() for _ in range(n)]
    rows += [
        (f"they speak of Thing{n} {n * 104729}", [(f"Thing{n}", kind)])
        for n, kind in enumerate(kinds)
    ]
    return rows + [(f"nothing {n * 7907} to be seen here", []) for n in range(count // 10)]


BIG = declared("big", entity=["person", *RARE])
SMALL = declared("small", entity=["person", "place"])


@pytest.fixture
def corpus(tmp_path):
    lay(tmp_path / "clean", "big", many(3000))
    lay(tmp_path / "clean", "small", many(60, {"place": 9}))
    return tmp_path / "clean"


def made(clean, out, datasets=(BIG, SMALL), workers=1, **settings):
    """Record ids asked by dataset, and what the budget covers."""
    near = {d.id: {} for d in datasets}
    instruct(datasets, clean, None, near, Instruct(**settings), out, workers)
    asked = {
        d.id: pa.concat_tables(
            pq.read_table(path) for path in sorted((out / d.id / "NER").glob("train-*"))
        )["record_id"].to_pylist()
        for d in datasets
    }
    path = out / datasets[0].id / "budget.json"
    return asked, shards.read_json(path) if path.exists() else None


def test_about_so_many_rows_cover_labels_and_datasets_evenly(corpus, tmp_path):
    asked, covered = made(corpus, tmp_path / "out", budget=300)

    rows = sum(map(len, asked.values()))
    assert 240 <= rows <= 360
    chosen, random = covered["chosen"], covered["random"]
    assert chosen["records"] == sum(len({*own}) for own in asked.values())
    assert covered["all"]["labels"]["covered"] == chosen["labels"]["covered"] == 6
    assert random["labels"]["covered"] < 6
    assert chosen["labels"]["least"] == 1  # there is one treaty
    assert chosen["datasets"]["least"] > 2 * random["datasets"]["least"]
    assert len({*asked["small"]}) == chosen["datasets"]["least"]


def test_every_record_is_asked_where_the_budget_has_room(corpus, tmp_path):
    whole, _ = made(corpus, tmp_path / "whole")
    asked, covered = made(corpus, tmp_path / "out", budget=10**6)

    assert asked == whole
    assert [*covered] == ["rows", "all"]


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_and_workers_change_nothing(corpus, tmp_path, workers):
    asked, covered = made(corpus, tmp_path / "out", budget=300)
    cut = tmp_path / "cut"
    lay(cut, "big", many(3000), 701)
    lay(cut, "small", many(60, {"place": 9}), 7)

    assert made(cut, tmp_path / "again", (SMALL, BIG), workers, budget=300) == (asked, covered)


def numbers(asked):
    return {int(name.rpartition("/")[2]) for name in asked}


def test_near_duplicates_come_after_others(tmp_path):
    words = "the old ferry to the island left an hour late and nobody on the quay knew why"
    words += ", nor did anyone ask those who came back with it in the evening of the next day"
    alike = [(f"{words}, says Ada {n}", [("Ada", "person")]) for n in range(200)]
    # Texts of about the same length that share nothing.
    strange = [" ".join(f"{n * 7919 + k * 104729:x}" for k in range(1, 24)) for n in range(1, 15)]
    other = [(f"{text}, says Bo", [("Bo", "person")]) for text in strange]
    lay(tmp_path / "clean", "small", alike + other)

    asked, _ = made(tmp_path / "clean", tmp_path / "out", [SMALL], budget=30)

    # A random choice would leave out most of them.
    assert numbers(asked["small"]) >= {*range(200, 214)}


def test_texts_of_all_lengths_are_chosen(tmp_path):
    short = [(f"Ada {n * 7919}", [("Ada", "person")]) for n in range(100, 600)]
    long = [(f"Bo {n} " + f"goes {n} and comes " * 40, [("Bo", "person")]) for n in range(100, 125)]
    lay(tmp_path / "clean", "small", short + long)

    asked, covered = made(tmp_path / "clean", tmp_path / "out", [SMALL], budget=40)

    assert len([n for n in numbers(asked["small"]) if n >= 500]) >= 8  # of a random choice, two
    assert covered["random"]["lengths"]["75 %"] < covered["chosen"]["lengths"]["95 %"]


def test_a_dataset_without_records_takes_nothing(tmp_path):
    lay(tmp_path / "clean", "big", many(500))
    lay(tmp_path / "clean", "small", [])

    asked, _ = made(tmp_path / "clean", tmp_path / "out", budget=50)

    assert asked["small"] == []
    assert asked["big"]
