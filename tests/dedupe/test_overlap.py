"""Passages that train and dev texts share with a test: found, counted, dropped only if asked."""

import json

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Dedupe
from pipeline.dedupe.overlap import ngrams
from pipeline.dedupe.stage import dedupe
from pipeline.errors import DeclarationError
from pipeline.execution import freshness, shards
from tests.dedupe.test_dedupe import dataset, drops, lay
from tests.helpers import table

SAID = "the ship left the harbour late at night, and nobody on the pier saw it go"
AGAIN = "Some say: The ship left the harbour late -- at night and nobody on the pier saw it."
LESS = "Some say the ship left the harbour late at night and nobody there saw it go"


def found(tmp_path, *names, workers=1, **settings):
    out = tmp_path / f"out{workers}"
    own = Dedupe(near_duplicates="ignore", **settings)
    dedupe([dataset(name) for name in names], tmp_path / "clean", own, out, workers)
    pairs = shards.read_json(out / "overlap.json")["pairs"]
    return pairs, drops(tmp_path / "clean", out, *names)


def test_thirteen_words_in_a_row_are_found_whatever_stands_between(tmp_path):
    lay(tmp_path / "clean", "a", "test", SAID)
    lay(tmp_path / "clean", "b", "train", "Ben wakes", AGAIN, LESS)
    lay(tmp_path / "clean", "b", "dev", AGAIN)

    pairs, gone = found(tmp_path, "a", "b")
    assert pairs == [
        {"dataset": "b", "split": "dev", "test": "a/test", "records": 1, "examples": ["b/dev/0"]},
        {
            "dataset": "b",
            "split": "train",
            "test": "a/test",
            "records": 1,
            "examples": ["b/train/1"],
        },
    ]
    assert gone == {}
    # Ten words in a row are shared with the third as well.
    assert found(tmp_path, "a", "b", overlap_words=10)[0][1]["records"] == 2


def test_they_are_dropped_if_asked_and_name_the_test(tmp_path):
    lay(tmp_path / "clean", "a", "test", SAID)
    lay(tmp_path / "clean", "a", "train", AGAIN, LESS)

    pairs, gone = found(tmp_path, "a", overlap="drop")
    assert gone == {"a/train/0": ("test_passage", "a/test")}
    assert [pair["records"] for pair in pairs] == [1]


def test_chinese_passages_are_counted_in_characters(tmp_path):
    text = "雾港的渡轮昨夜很晚才离开码头，没有人看见它驶向外海。"
    for split, own in (("test", text), ("train", "据说" + text[:-1]), ("dev", "据说" + text[:19])):
        rows = table(own, dataset="a", split=split)
        rows = rows.set_column(3, rows.schema.field(3), [["zh"]])
        shards.write(rows, tmp_path / "clean" / "a" / f"{split}-00000.parquet")
    out = tmp_path / "out"
    zh = msgspec.structs.replace(dataset("a"), language="zh")
    dedupe([zh], tmp_path / "clean", Dedupe(near_duplicates="ignore"), out)

    (pair,) = shards.read_json(out / "overlap.json")["pairs"]
    assert pair["examples"] == ["a/train/0"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bench.txt", f"first line\n{SAID}\n".encode()),
        ("bench.jsonl", json.dumps({"id": 1, "parts": [{"text": SAID}]}).encode()),
        ("bench.json", json.dumps([{"text": SAID}]).encode()),
    ],
)
def test_a_folder_of_outside_benchmarks_counts_as_a_test(tmp_path, name, content):
    lay(tmp_path / "clean", "a", "train", AGAIN, LESS)
    path = tmp_path / "outside" / "deep" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    pairs, gone = found(tmp_path, "a", against=[str(tmp_path / "outside")], overlap="drop")
    assert [(pair["test"], pair["examples"]) for pair in pairs] == [(str(path), ["a/train/0"])]
    assert gone == {"a/train/0": ("test_passage", str(path))}


def test_a_parquet_file_of_a_benchmark_is_read(tmp_path):
    lay(tmp_path / "clean", "a", "train", AGAIN)
    shards.write(pa.table({"n": [1], "question": [SAID]}), tmp_path / "bench.parquet")

    pairs, _ = found(tmp_path, "a", against=[str(tmp_path / "bench.parquet")])
    assert [pair["records"] for pair in pairs] == [1]


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("none", None, "no file of a benchmark"),
        ("bad.json", b"{", "cannot read a benchmark"),
        ("bad.txt", b"\xff\xfe\x00", "cannot read a benchmark"),
        ("bad.parquet", b"no such thing", "benchmark|Parquet|parquet"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, path, content, words):
    lay(tmp_path / "clean", "a", "train", AGAIN)
    if content is not None:
        (tmp_path / path).write_bytes(content)

    with pytest.raises(DeclarationError if path != "bad.parquet" else Exception, match=words) as it:
        found(tmp_path, "a", against=[str(tmp_path / path)])
    assert path in str(it.value.where)


def test_workers_shards_and_a_second_try_change_nothing(tmp_path, monkeypatch):
    texts = [f"{SAID} {n}" for n in range(3)] + [f"word {n} alone" for n in range(9)]
    lay(tmp_path / "clean", "a", "test", SAID + " again")
    for number in range(3):
        lay(tmp_path / "clean", "a", "train", *texts[number::3], number=number)
    one = found(tmp_path, "a", overlap="drop")

    assert one[0][0]["records"] == 3
    assert found(tmp_path, "a", workers=2, overlap="drop") == one

    def twice(function, items, *_):
        for item in items:
            function(item)
            yield function(item)

    monkeypatch.setattr(freshness.engines, "run", twice)
    assert found(tmp_path, "a", overlap="drop") == one


@given(st.lists(st.text("ab 。，", max_size=12), max_size=5), st.integers(1, 4))
def test_n_grams_are_those_of_each_text_alone(texts, n):
    settings = Dedupe(overlap_words=n, overlap_characters=n)
    for language in ("en", "zh"):
        grams, row = ngrams(pa.array(texts, pa.string()), language, settings)
        for number, text in enumerate(texts):
            kept = "".join(c if c.isalnum() else " " for c in text)
            units = kept.split() if language == "en" else kept.replace(" ", "")
            wanted = [tuple(units[i : i + n]) for i in range(len(units) - n + 1)]
            own = grams[row == number]
            assert len(own) == len(wanted)
            assert len({*own.tolist()}) == len({*wanted})
            alone, _ = ngrams(pa.array([text], pa.string()), language, settings)
            assert np.array_equal(own, alone)
