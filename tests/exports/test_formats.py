"""Every format: whole, loadable, the same bytes again, and true to the records behind it."""

import json
from collections import Counter

import msgspec
import orjson
import pyarrow as pa
import pytest
from datasets import load_dataset

from pipeline import catalog, cli, exports
from pipeline.execution import shards
from pipeline.exports._files import json_arrays, json_lines, parquet

CHATS = ["alpaca", "sharegpt", "messages", "prompt-completion"]
RECORDS = ["bio", "gliner", "mlm-wwm", "spert", "uie", "uie-sel"]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def loaded(folder, split, cache):
    files = sorted(
        str(p) for p in folder.glob(f"{split}-*") if p.suffix in {".json", ".jsonl", ".parquet"}
    )
    kind = "parquet" if files[0].endswith("parquet") else "json"
    return load_dataset(kind, data_files=files, split="train", cache_dir=str(cache))


@pytest.mark.parametrize("form", CHATS + RECORDS)
def test_the_same_bytes_again(form, run, exported, tmp_path):
    out = tmp_path / "again"
    assert cli.main(["export", form, "--output", str(run), "--out", str(out)]) == 0

    assert contents(out) == contents(exported(form))


@pytest.mark.parametrize("form", CHATS)
def test_chats_hold_every_instruction(form, run, exported, tmp_path):
    folder = exported(form)
    names = json.loads((folder / "dataset_info.json").read_bytes())
    published = load_dataset("parquet", data_files=f"{run}/corpus/*/*.parquet", split="train",
                             cache_dir=str(tmp_path))  # fmt: skip
    expected = Counter(zip(published["instruction"], published["output"], strict=True))
    found = Counter()
    for entry in names.values():
        place = folder / entry["file_name"]
        assert {path.suffix for path in place.iterdir()} == {".jsonl"}
        data = load_dataset("json", data_dir=str(place), split="train", cache_dir=str(tmp_path))
        for row in data:
            found[pair(form, row)] += 1

    assert found == expected
    assert {*names} == {"iepile_train", "iepile_dev", "iepile_test", "iepile_heldout"}


def pair(form, row):
    """The question and the answer of a row, read as LLaMA-Factory's entry says."""
    if form == "alpaca":
        assert row["input"] == ""
        return row["instruction"], row["output"]
    if form == "prompt-completion":
        return row["prompt"].removesuffix("\n"), row["completion"]
    turns = row["conversations" if form == "sharegpt" else "messages"]
    who, what = ("from", "value") if form == "sharegpt" else ("role", "content")
    roles = ["human", "gpt"] if form == "sharegpt" else ["user", "assistant"]
    assert [turn[who] for turn in turns] == roles
    return tuple(turn[what] for turn in turns)


@pytest.mark.parametrize("form", RECORDS)
def test_every_dataset_loads(form, exported, tmp_path):
    folders = [path for path in exported(form).iterdir() if path.is_dir()]
    assert len(folders) >= 3
    for folder in folders:
        for split in ("train", "dev", "test"):
            if [*folder.glob(f"{split}-*")]:
                assert loaded(folder, split, tmp_path).num_rows > 0


def kept(run, dataset, split):
    from pipeline.dedupe.tags import tables

    found = tables(run / "clean" / dataset, run / "dedupe" / dataset, [split])
    return [row for _, table in found for row in table.to_pylist()]


@pytest.mark.parametrize(("dataset", "split"), [("conll04", "train"), ("cluener", "dev")])
def test_entities_survive_bio_gliner_and_spert(dataset, split, run, exported, tmp_path):
    """The strings of the spans, written out again, are those of the records."""
    tagged, spans, asked = (
        loaded(exported(form) / dataset, split, tmp_path) for form in ("bio", "spert", "gliner")
    )
    names = tagged.features["ner_tags"].feature.names
    joint = "" if dataset == "cluener" else " "
    by_text = {}  # GLiNER's rows are many to a text, one for each set of labels
    for row in asked:
        by_text.setdefault("".join(row["tokenized_text"]), []).append(row)
    for record, b, s in zip(kept(run, dataset, split), tagged, spans, strict=True):
        assert (b["id"], s["orig_id"]) == (record["id"], record["id"])
        expected = {
            (m["label"], "".join(m["text"].split())) for m in record["mentions"] if m["label"]
        }
        assert {
            (e["type"], "".join(s["tokens"][e["start"] : e["end"]])) for e in s["entities"]
        } == expected
        found = by_text.get("".join(b["tokens"]), [])
        assert {
            (label, "".join(g["tokenized_text"][first : last + 1]))
            for g in found
            for first, last, label in g["ner"]
        } == expected
        for g in found:
            assert {label for label, _ in expected}.isdisjoint(g["ner_negatives"])
        assert len(b["tokens"]) == len(b["ner_tags"])
        assert {names[t][2:] for t in b["ner_tags"] if t} <= {label for label, _ in expected}
        for before, tag in zip([0, *b["ner_tags"]], b["ner_tags"], strict=False):
            if names[tag].startswith("I-"):
                assert names[before][2:] == names[tag][2:]
    assert joint.join(b["tokens"])


def test_nested_mentions_are_counted(exported):
    """Of genia's nested mentions BIO keeps the outer ones; the other formats keep all."""
    counts = {
        form: json.loads((exported(form) / "export.json").read_bytes())["counts"]
        for form in ("bio", "gliner")
    }

    assert counts["bio"]["lost: nested"] > 0
    assert counts["bio"]["entities"] + counts["bio"]["lost: nested"] == counts["gliner"]["entities"]


def test_uie_spans_are_the_text_at_their_offsets(exported, tmp_path):
    for dataset in ("conll04", "duie2", "duee1", "phee"):
        data = loaded(exported("uie") / dataset, "train", tmp_path)
        answered = 0
        for row in data:
            for span in row["result_list"]:
                assert row["content"][span["start"] : span["end"]] == span["text"]
                answered += 1
        assert answered > 0
        assert any(not row["result_list"] for row in data)


@pytest.mark.parametrize("form", ["uie", "uie-sel", "spert"])
def test_typed_relations_alone_are_exported_as_relations(form, run, exported, tmp_path):
    """As `iepile import` makes datasets of SPO."""
    whole = catalog.load("duie2")
    source = exports.Source("records", run, (msgspec.structs.replace(whole, tasks=["SPO"]),))

    exports.export(form.replace("-", "_"), source, tmp_path)

    for path in sorted((exported(form) / "duie2").glob("train-*")):
        own, other = (p.read_bytes() for p in (tmp_path / "duie2" / path.name, path))
        assert len(own) > 0.8 * len(other)
    assert "国籍" in "".join(p.read_text(encoding="utf-8") for p in tmp_path.glob("duie2/*"))


def test_spert_types_cover_the_rows(exported):
    for folder in (p for p in exported("spert").iterdir() if p.is_dir()):
        types = json.loads((folder / "types.json").read_bytes())
        for path in folder.glob("*-0*.json"):
            for row in json.loads(path.read_bytes()):
                assert {e["type"] for e in row["entities"]} <= {*types["entities"]}
                assert {r["type"] for r in row["relations"]} <= {*types["relations"]}


def test_sel_schemas_cover_the_rows(exported):
    for folder in (p for p in exported("uie-sel").iterdir() if p.is_dir()):
        spots, associations, together = (
            orjson.loads(line) for line in (folder / "record.schema").read_bytes().splitlines()
        )
        assert [*together] == spots
        for path in folder.glob("*.jsonl"):
            for row in map(orjson.loads, path.read_bytes().splitlines()):
                assert {*row["spot"]} <= {*spots}
                assert {*row["asoc"]} <= {*associations}
                assert all(f"<spot> {label} " in row["ssi"] for label in row["spot"])


def test_shards_are_cut_and_nothing_is_lost(tmp_path):
    with json_lines(tmp_path, per_shard=3) as write:
        write("a/train", (b'{"n": %d}' % n for n in range(4)))
        write("a/train", (b'{"n": %d}' % n for n in range(4, 7)))
    with json_arrays(tmp_path, per_shard=3) as write:
        for name in ("a/train", "b/train"):
            write(name, [{"n": n} for n in range(4)])
            write(name, [{"n": n} for n in range(4, 7)])
        write("c/train", [])

    lines = [p.read_text().splitlines() for p in shards.listed(tmp_path, "a/*.jsonl")]
    assert [[json.loads(x)["n"] for x in part] for part in lines] == [[0, 1, 2], [3, 4, 5], [6]]
    for name in ("a", "b"):
        parts = [json.loads(p.read_text()) for p in shards.listed(tmp_path, f"{name}/*.json")]
        assert [[row["n"] for row in part] for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert not (tmp_path / "c").exists()


def test_parquet_shards_are_cut(tmp_path):
    schema = pa.schema([("n", pa.int64())])
    with parquet(tmp_path, per_shard=8) as write:
        for name in ("a/train", "b/train"):
            for start in range(0, 20, 4):
                write(name, [{"n": n} for n in range(start, start + 4)], schema)

    for name in ("a", "b"):
        tables = [shards.read(path) for path in shards.listed(tmp_path / name)]
        assert [t.num_rows for t in tables] == [8, 8, 4]
        assert [n for t in tables for n in t["n"].to_pylist()] == [*range(20)]


@pytest.mark.parametrize("form", ["uie", "uie-sel"])
def test_a_split_with_an_inventory_of_its_own_is_asked_for_no_other(exported, run, form):
    """The splits of wiki-zsl, which is held out, have relations of their own."""
    whole = catalog.load("wiki-zsl").labels_of("relation")
    own = {r["label"] for record in kept(run, "wiki-zsl", "test") for r in record["relations"]}
    (file,) = (exported(form) / "wiki-zsl").glob("*.jsonl")
    asked = set()
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        asked |= {label for label in whole if f"<asoc> {label} <" in line.get("ssi", "")}
        named = [label for label in whole if line.get("prompt", "").startswith(f"{label} of ")]
        asked |= {*sorted(named, key=len)[-1:]}

    assert asked == own
    assert len(own) < len(whole)
