"""Large files: judged by their first rows, and said so."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import cli
from pipeline.adding import drafting
from pipeline.adding.excerpts import excerpts
from pipeline.readers._source import json_rows, lines
from pipeline.readers._tables import rows

TEXTS = [f"Ida ran {n} miles." for n in range(1000)]
ROWS = [{"text": t, "entities": [{"start": 0, "end": 3, "label": "PER"}]} for t in TEXTS]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS)


def excerpt(tmp_path, name, content, size=5000):
    (tmp_path / name).write_bytes(content)
    (found,) = excerpts([tmp_path / name], tmp_path / "cut", 50, size)
    assert found != tmp_path / name
    assert found.name == name
    return found


def test_lines_are_cut_where_one_ends(tmp_path):
    for name, content in (("a.json", LINES.encode()), ("a.json.gz", gzip.compress(LINES.encode()))):
        found = excerpt(tmp_path, name, content, 1500)

        kept = [row for _, row in json_rows(found)]
        assert kept == ROWS[: len(kept)]
        assert 10 < len(kept) < 20


def test_sentences_are_kept_whole(tmp_path):
    found = excerpt(tmp_path, "a.tsv", b"Ida\tB-PER\nran\tO\n.\tO\n\n" * 1000)

    assert [line for _, line in lines(found)][-3:] == ["Ida\tB-PER", "ran\tO", ".\tO"]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_keeps_its_first_elements(tmp_path, indent):
    found = excerpt(tmp_path, "a.json", json.dumps(ROWS, indent=indent).encode())

    kept = [row for _, row in json_rows(found)]
    assert kept == ROWS[: len(kept)]
    assert 20 < len(kept) <= 50


def test_an_object_keeps_the_first_entries_of_its_lists(tmp_path):
    found = excerpt(tmp_path, "a.json", json.dumps({"items": ROWS}, indent=1).encode())

    ((_, value),) = json_rows(found)
    assert value == {"items": ROWS[:10]}


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_table_keeps_its_first_rows_and_the_names_of_classes(tmp_path, kind):
    feature = {"_type": "ClassLabel", "names": ["no", "yes"]}
    metadata = {"huggingface": json.dumps({"info": {"features": {"own": feature}}})}
    table = pa.table({"text": TEXTS, "own": [1] * 1000}).replace_schema_metadata(metadata)
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)

    found = excerpt(tmp_path, path.name, path.read_bytes())

    assert [*rows(found)] == [{"text": text, "own": "yes"} for text in TEXTS[:50]]


def test_a_large_file_is_declared_without_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drafting, "_TRIED", (50, 2000))
    monkeypatch.setattr(drafting, "_SURVEYED", (50, 5000))
    (tmp_path / "params.yaml").write_text("datasets: []\n")
    (tmp_path / "train.jsonl").write_text(LINES)
    (tmp_path / "test.jsonl").write_text(LINES[:1000].rpartition("\n")[0])

    draft = drafting.draft(
        "foo", None, {}, {k: [tmp_path / f"{k}.jsonl"] for k in ("train", "test")}, None
    )

    assert draft.cut == [tmp_path / "train.jsonl"]
    assert draft.dataset.splits["train"].counts == {}
    assert draft.dataset.splits["test"].counts["records"] > 5
    assert draft.survey.counts["train"]["records"] < 100
    assert draft.dataset.splits["train"].files[0].bytes == len(LINES)

    assert cli.main(["new", "foo", "train.jsonl", "test.jsonl"]) == 0
    told = capsys.readouterr().out
    assert "counted in the first rows of train.jsonl alone; `iepile check` reads all" in told
