"""Every format: whole, loadable, the same bytes again, and true to the records behind it."""

import json
import random
import re
import runpy
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import msgspec
import orjson
import pyarrow as pa
import pytest
import yaml

from pipeline import catalog, cli, exports
from pipeline.execution import shards
from pipeline.exports import writing
from pipeline.exports.writing import sharded
from pipeline.tasks import json_schema

CHATS = ["alpaca", "sharegpt", "messages", "prompt-completion"]
RECORDS = [form for form, about in writing.formats().items() if "files" in about]
REWARDED = ["trl-grpo", "swift-grpo", "verl", "batch", "json-schema"]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def loaded(folder, split, cache):
    from datasets import load_dataset

    files = sorted(
        str(p) for p in folder.glob(f"{split}-*") if p.suffix in {".json", ".jsonl", ".parquet"}
    )
    kind = "parquet" if files[0].endswith("parquet") else "json"
    return load_dataset(kind, data_files=files, split="train", cache_dir=str(cache))


@pytest.mark.parametrize("form", CHATS + RECORDS + REWARDED)
def test_the_same_bytes_again(form, run, exported, tmp_path):
    out = tmp_path / "again"
    call = ["export", form, "--run", str(run), "--out", str(out), "--model", "tiny"]
    assert cli.main(call) == 0

    assert contents(out) == contents(exported(form))


@pytest.mark.parametrize("form", CHATS)
def test_chats_hold_every_instruction(form, run, exported, tmp_path):
    from datasets import load_dataset

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


def published(run):
    """Id -> row of the corpus."""
    tables = [shards.read(path) for path in run.glob("corpus/*/*.parquet")]
    return {row["id"]: row for table in tables for row in table.to_pylist()}


@pytest.mark.parametrize("form", REWARDED)
def test_every_row_is_there_with_its_id_question_and_gold(form, run, exported, tmp_path):
    from datasets import load_dataset

    rows = published(run)
    folder = exported(form)
    seen = Counter()
    kind = "parquet" if form == "verl" else "json"
    pattern = "*.parquet" if form == "verl" else "*.jsonl"
    for split in ("train", "dev", "test", "heldout"):
        files = [str(path) for path in sorted((folder / split).glob(pattern))]
        if form in {"batch", "json-schema"}:  # objects of many shapes are no table
            lines = (line for path in files for line in Path(path).read_bytes().splitlines())
            made = [*map(json.loads, lines)]
        else:
            made = load_dataset(kind, data_files=files, split="train", cache_dir=str(tmp_path))
        for row in made:
            about = row.get("extra_info", row)
            own = rows[row["custom_id"] if form == "batch" else about["id"]]
            seen[own["id"]] += 1
            asked = [{"role": "user", "content": own["instruction"]}]
            if form == "batch":
                assert (row["body"]["messages"], row["body"]["model"]) == (asked, "tiny")
                schema = row["body"]["response_format"]["json_schema"]["schema"]
                assert [*schema["properties"]] == schema["required"]
            elif form == "json-schema":
                assert row["schema"] == json_schema.of_row(own)
            else:
                assert row["messages" if form == "swift-grpo" else "prompt"] == asked
                assert about["task"] == own["task"]
                gold = {"trl-grpo": "gold", "swift-grpo": "solution"}.get(form)
                answer = row[gold] if gold else row["reward_model"]["ground_truth"]
                assert answer == own["output"]
    assert seen == Counter(dict.fromkeys(rows, 1))


def test_lm_eval_has_a_task_for_every_config_of_dev_and_test(run, exported):
    folder = exported("lm-eval")
    rows = published(run)
    functions = (folder / "utils.py").read_text(encoding="utf-8")
    asked = set()
    for path in folder.glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("!function ", "")
        task = yaml.safe_load(text)
        assert (task["task"], task["tag"]) == (path.stem, "iepile")
        assert all(f"def {metric['metric']}(items)" in functions for metric in task["metric_list"])
        for file in task["dataset_kwargs"]["data_files"]["test"]:
            asked |= {*shards.read(Path(file), ["id"])["id"].to_pylist()}
    assert asked == {i for i, row in rows.items() if row["split"] != "train"}


def test_what_lm_eval_calls_scores_as_we_do(run):
    """Batches come in any order, and are pooled by record."""
    from pipeline.scoring import evaluation, harness
    from pipeline.scoring.counting import Options
    from pipeline.scoring.predictions import Answers

    chance = random.Random(1)
    rows = [row for row in published(run).values() if row["split"] == "test"]
    answers = {
        row["id"]: row["output"] if chance.random() < 0.6 else row["output"].replace("e", "E")
        for row in rows
    }
    columns = [pa.chunked_array([[*side]]) for side in (answers, answers.values())]
    texts = columns[1].cast(pa.large_string())
    scores = evaluation.score(Answers(columns[0], texts), run / "corpus", Options(samples=0))
    chance.shuffle(rows)
    items = {}
    for row in rows:
        held_out = catalog.load(row["record_id"].partition("/")[0]).use == "held-out"
        for metric, item in harness.measured(row, [answers[row["id"]]]).items():
            items.setdefault((row["task"], row["language"], held_out, metric), []).append(item)
    expected = {
        (e["task"], e["dataset"].rpartition(" ")[2], "held" in e["dataset"], f"{e['measure']}_f1"):
        e["f1"]
        for e in scores["languages"]
    }  # fmt: skip
    assert {key: round(harness.f1_of(own), 2) for key, own in items.items()} == expected
    assert len({*expected.values()}) > 3


@pytest.mark.parametrize("form", writing.formats())
def test_limit_split_and_datasets_are_alike_in_all_formats(form, run, tmp_path, capsys):
    call = ["export", form, "--run", str(run), "--out", str(tmp_path / "out"), "--model", "tiny"]
    assert cli.main([*call, "--limit", "2", "--split", "dev", "--datasets", "conll04"]) == 0
    text = b"".join(
        json.dumps(shards.read(path).to_pylist()).encode()
        if path.suffix == ".parquet" else path.read_bytes()
        for path in (tmp_path / "out").rglob("*") if path.is_file()
    )  # fmt: skip
    records = {*re.findall(rb"conll04/dev/\d+(?![\d.])", text)}
    assert len(records) == 2
    assert b"conll04/train" not in text
    assert b"cluener" not in text
    told = capsys.readouterr().out
    assert "\nlost: " in told
    assert ("\nlost: nothing\n" in told) or form not in CHATS
    assert told.endswith(f"\nto:   {tmp_path / 'out'}\n")


def rows_in(folder):
    """All rows of an export, whatever its files are."""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            yield from shards.read(path).to_pylist()
        elif path.suffix == ".jsonl":
            yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())
        elif re.search(r"-\d{5}\.json$", path.name):
            yield from json.loads(path.read_bytes())


#: Where the ids stand, if not in the row itself; brat and IEPile's records have files of ids.
ABOUT = {"verl": "extra_info", "label-studio": "data"}


@pytest.mark.parametrize("form", sorted({*writing.formats()} - {"brat", "iepile-jsonl"}))
def test_every_row_has_the_ids_of_its_row_and_record(form, exported):
    rows = [row.get(ABOUT.get(form), row) for row in rows_in(exported(form))]
    if form == "batch":
        assert len({row["custom_id"] for row in rows}) == len(rows) > 0
        return
    assert all(re.fullmatch(r"[^/]+/(train|dev|test)/\d+", row["record_id"]) for row in rows)
    if form != "label-studio":  # one row a record
        assert len({row["id"] for row in rows}) == len(rows) > 0
        assert all(row["id"].startswith(row["record_id"]) for row in rows)


def test_gliner2_holds_the_strings_of_the_records(run, exported):
    for dataset, split in (("conll04", "train"), ("cluener", "dev")):
        found = {}
        for path in (exported("gliner2") / dataset).glob(f"{split}-*"):
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                own = found.setdefault(row["record_id"], (set(), set()))
                entities, relations = row["output"]["entities"], row["output"].get("relations", ())
                own[0].update((label, s) for label, texts in entities.items() for s in texts)
                own[1].update(
                    (label, ends["head"], ends["tail"])
                    for relation in relations
                    for label, ends in relation.items()
                )
        for record in kept(run, dataset, split):
            mentions = record["mentions"]
            entities, relations = found[record["id"]]
            assert entities == {(m["label"], m["text"]) for m in mentions if m["label"]}
            assert relations == {
                (r["label"], mentions[r["head"]]["text"], mentions[r["tail"]]["text"])
                for r in record["relations"]
            }


def strings_in(value):
    """All strings of a value, at any depth."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [string for own in inner for string in strings_in(own)]


def test_gliner2_finds_every_string_in_its_text(run, exported):
    """Joined parts of a discontinuous mention are no part of the text: PHEE has some."""
    discontinuous = [
        mention
        for split in ("train", "dev", "test")
        for record in kept(run, "phee", split)
        for mention in record["mentions"]
        if mention["text"] not in record["text"]
    ]
    rows = [*rows_in(exported("gliner2"))]
    for row in rows:
        output = {key: own for key, own in row["output"].items() if key != "entity_descriptions"}
        assert all(string in row["input"] for string in strings_in(output))
    counts = json.loads((exported("gliner2") / "export.json").read_bytes())["counts"]
    assert counts["lost: strings that the text does not hold"] >= len(discontinuous) > 0


def test_the_plugin_of_swift_grpo_registers_the_reward(exported, monkeypatch):
    """With stand-ins for what ms-swift 4 has in `swift.rewards`."""
    orms = {}
    stand_in = SimpleNamespace(ORM=object, orms=orms)
    monkeypatch.setitem(sys.modules, "swift", SimpleNamespace(rewards=stand_in))
    monkeypatch.setitem(sys.modules, "swift.rewards", stand_in)
    runpy.run_path(str(exported("swift-grpo") / "plugin.py"))
    rows = [row for row in rows_in(exported("swift-grpo")) if json.loads(row["solution"])]
    columns = {name: [row[name] for row in rows] for name in rows[0]}

    assert {*orms["iepile"]()(columns["solution"], **columns)} == {1.0}


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

    assert counts["bio"]["lost: entities nested"] > 0
    assert (
        counts["bio"]["entities"] + counts["bio"]["lost: entities nested"]
        == counts["gliner"]["entities"]
    )


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

    writing.export(form, source, tmp_path)

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
    with sharded(tmp_path, "jsonl", per_shard=3) as write:
        write("a/train", ({"n": n} for n in range(4)))
        write("a/train", ({"n": n} for n in range(4, 7)))
    with sharded(tmp_path, "json", per_shard=3) as write:
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
    with sharded(tmp_path, "parquet", per_shard=8) as write:
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
