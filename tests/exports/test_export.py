"""The command `iepile export`, and what all formats share."""

import json

import pyarrow as pa
import pytest

from pipeline import catalog, cli, exports
from pipeline.execution import shards
from pipeline.exports.writing import sharded
from pipeline.tables import INSTRUCTIONS
from tests.conftest import ROOT

SOME = "duie2,fewfc,phee"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    params = ["--params", str(ROOT / "params.yaml"), "--raw", str(ROOT / "raw" / "sample")]
    assert cli.main(["run", *SOME.split(","), "--out", str(out), "--workers", "1", *params]) == 0
    return out


def export(run, out, *more, form="iepile-jsonl"):
    params = ["--params", str(ROOT / "params.yaml"), "--run", str(run)]
    return cli.main(["export", form, "--out", str(out), *params, *more])


def test_instruction_rows_are_those_of_the_corpus(run, tmp_path, capsys):
    from datasets import load_dataset

    assert export(run, tmp_path / "out", "--from", "instructions") == 0

    corpus = {}
    for path in run.glob("corpus/*/*.parquet"):
        key = (path.parent.name, path.name.split("-")[0])
        corpus.setdefault(key, []).extend(shards.read(path).to_pylist())
    written = {}
    for path in (tmp_path / "out").glob("*/*.jsonl"):
        key = (path.parent.name, path.name.split("-")[0])
        lines = path.read_text(encoding="utf-8").splitlines()
        written[key] = [*map(json.loads, lines)]
    columns = ("task", "source", "instruction", "output", "id")
    assert written == {k: [{c: r[c] for c in columns} for r in rows] for k, rows in corpus.items()}
    total = sum(map(len, written.values()))
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert about.pop("invented") == SOME.split(",")
    assert about == {"format": "iepile-jsonl", "from": "instructions", "counts": {"rows": total}}
    told = capsys.readouterr().out
    assert told.startswith("All texts are invented: imagined in the format of the real data.")
    assert f"{total:,}" in told
    loaded = load_dataset(str(tmp_path / "out" / "EE-en"), cache_dir=str(tmp_path / "cache"))
    assert len(loaded["train"]) == len(corpus["EE-en", "train"])


def test_the_unified_format_is_loaded_too(run, tmp_path):
    from datasets import load_dataset

    assert export(run, tmp_path / "out", "--datasets", "phee") == 0

    folder = tmp_path / "out" / "IE-en" / "EE" / "phee"
    files = {split: str(folder / f"{split}.json") for split in ("train", "dev", "test")}
    loaded = load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].column_names == ["text", "event"]
    assert [p.name for p in folder.parent.iterdir()] == ["phee"]


def test_held_out_sets_are_test_alone_and_splits_can_be_chosen(run, tmp_path):
    assert export(run, tmp_path / "out", "--split", "train,test") == 0

    files = {
        dataset: {p.name for p in (tmp_path / "out").glob(f"*/EE/{dataset}/*")}
        for dataset in ("phee", "fewfc")
    }
    assert files == {
        "phee": {"train.json", "test.json", "schema.json"},
        "fewfc": {"test.json", "schema.json"},
    }


def test_a_second_export_replaces_the_first_and_nothing_else(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert export(run, out) == 0
    first = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    (out / "stray.json").write_text("{}")
    assert export(run, out) == 0
    assert first == {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious")
    assert export(run, mine) == 1
    assert "iepile did not write" in capsys.readouterr().err
    assert (mine / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--datasets", "wnut2017"], "there is no dataset 'wnut2017'"),
        (["--split", "train,exam"], "no split 'exam'"),
        (["--run", "nowhere"], "no records to export"),
        (["--datasets", "fewfc", "--split", "train"], "nothing in these datasets and splits"),
        (["--run", "nowhere", "--from", "instructions"], "no instructions to export"),
    ],
)
def test_wrong_calls_are_told(run, tmp_path, capsys, more, words):
    assert export(run, tmp_path / "out", *more) == 1

    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_folder_that_one_is_in_is_not_replaced(run, tmp_path, capsys, monkeypatch):
    (tmp_path / "e").mkdir()
    monkeypatch.chdir(tmp_path / "e")

    for out in (".", "..", "/"):
        assert export(run, out) == 1
        assert "the one you are in, or around it" in capsys.readouterr().err


def test_a_dataset_named_twice_is_exported_once(run, tmp_path):
    assert export(run, tmp_path / "one", "--datasets", "phee,fewfc") == 0
    assert export(run, tmp_path / "two", "--datasets", "phee, fewfc,phee") == 0

    one, two = (
        {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        for out in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    with pytest.raises(SystemExit, match="2"):
        export(run, tmp_path / "none", "--datasets", " ,")


def test_datasets_of_one_published_name_are_told_apart(tmp_path):
    """Two editions of one source: OntoNotes in columns, and with its own tags."""
    names = ("ontonotes5-en", "ontonotes5-name")
    chosen = [catalog.load(name) for name in names]
    assert chosen[0].source == chosen[1].source
    empty = {f.name: "" if f.type == pa.string() else 0 for f in INSTRUCTIONS} | {"labels": []}
    rows = [
        {
            **empty,
            "source": chosen[0].source,
            "id": f"{name}/train/0/NER/0",
            "record_id": f"{name}/train/0",
            "split": "train",
        }
        for name in names
    ]
    table = pa.Table.from_pylist(rows, schema=INSTRUCTIONS)
    shards.write(table, tmp_path / "corpus" / "NER-en" / "train-00000-of-00001.parquet")

    for name, dataset in zip(names, chosen, strict=True):
        source = exports.Source("instructions", tmp_path, (dataset,))
        (found,) = [part for _, _, part in exports.instructions(source)]
        assert found["record_id"].to_pylist() == [f"{name}/train/0"]


def test_lines_go_to_shards(tmp_path):
    with sharded(tmp_path, "jsonl", per_shard=3) as write:
        write("a/train", (n for n in range(4)))
        write("a/train", [4, 5, 6])
        write("a/dev", ["x"])
        write("b/train", [])

    found = {p.relative_to(tmp_path).as_posix(): p.read_text() for p in tmp_path.rglob("*.jsonl")}
    assert found == {
        "a/train-00000.jsonl": "0\n1\n2\n",
        "a/train-00001.jsonl": "3\n4\n5\n",
        "a/train-00002.jsonl": "6\n",
        "a/dev-00000.jsonl": '"x"\n',
    }


def test_tables_are_small_and_complete(run, monkeypatch):
    from pipeline import catalog

    datasets = tuple(map(catalog.load, SOME.split(",")))
    source = exports.Source("instructions", run, datasets)
    monkeypatch.setattr(exports, "_ROWS", 7)

    tables = [table for _, _, table in exports.instructions(source)]

    assert max(table.num_rows for table in tables) == 7
    assert all(table.schema.equals(INSTRUCTIONS) for table in tables)
    total = sum(shards.read(p, ["id"]).num_rows for p in run.glob("corpus/*/*.parquet"))
    assert sum(table.num_rows for table in tables) == total
    names = [(d.id, split) for d, split, _ in exports.records(source._replace(kind="records"))]
    assert ("fewfc", "train") not in names
