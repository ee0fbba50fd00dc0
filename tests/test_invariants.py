"""The checker of runs is not blind: what is spoiled in a run, with the stamp made anew, is found."""

import json
import shutil

import orjson
import pyarrow as pa
import pytest

from pipeline.commands import chain
from pipeline.commands.layout import ALL, Workspace
from pipeline.commands.wiring import STAGES
from pipeline.config import Settings
from pipeline.execution import engines, freshness, shards
from tests import invariants
from tests.conftest import ROOT

NAMES = ["phee", "semeval2010-task8", "wnut2017"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    out = tmp_path_factory.mktemp("ran")
    ws = Workspace(Settings(), ROOT / "raw/sample", out / "out", workers=engines.Workers(1))
    chain.everything(NAMES, ws)
    return ws


def shard(change):
    """Change a table of a shard."""

    def spoil(path):
        table = change(shards.read(path))
        shards.write(table, path)

    return spoil


def rows(change):
    """Change the rows of a shard, a list of dicts."""

    def spoil(table):
        values = table.to_pylist()
        return pa.Table.from_pylist(change(values) or values, schema=table.schema)

    return shard(spoil)


def first(field, value, where=lambda _: True):
    """Another value for a field of the first row that is fit."""

    def spoil(values):
        row = next(row for row in values if where(row))
        row[field] = value(row) if callable(value) else value

    return rows(spoil)


def inside(field, name, value):
    """Another value in the first annotation that a row of the shard has."""

    def spoil(values):
        item = next(row[field][0] for row in values if row[field])
        item[name] = value(item) if callable(value) else value

    return rows(spoil)


def content(change):
    """Change a JSON file."""

    def spoil(path):
        value = orjson.loads(path.read_bytes())
        change(value)
        path.write_bytes(json.dumps(value).encode())

    return spoil


def near(change):
    return content(lambda value: change(value["tasks"]["NER"]))


def answered(row):
    said = orjson.loads(row["output"])
    key = next(key for key, value in said.items() if value)
    return orjson.dumps({**said, key: []}).decode()


def of_other(row):
    return orjson.dumps({**orjson.loads(row["output"]), "dragon": ["x"]}).decode()


def positive(row):
    return row["n_positive"]


def dropped(row):
    return row["dropped"]


def swap(values):
    values[0], values[1] = values[1], values[0]


TRAIN = "{}/wnut2017/train-00000.parquet"
ROWS = "instruct/wnut2017/NER/train-00000.parquet"
CORPUS = "corpus/NER-en/train-00000-of-00001.parquet"
#: What is spoiled: the stage, the file, how -> the words of the checker.
SPOILED = {
    "an offset": ("normalize", TRAIN, inside("mentions", "start", lambda m: m["start"] + 1), "is not at"),
    "an end alone": ("normalize", TRAIN, inside("mentions", "start", None), "is not at None"),
    "a text cut": ("normalize", TRAIN, first("text", lambda r: r["text"][:3], lambda r: r["mentions"]), "is not at"),
    "a label": ("normalize", TRAIN, inside("mentions", "label", "dragon"), "not declared: ['dragon']"),
    "an index": ("normalize", "{}/semeval2010-task8/train-00000.parquet", inside("relations", "tail", 99), "tail of a relation is no mention"),
    "a trigger": ("normalize", "{}/phee/train-00000.parquet", inside("events", "trigger", -1), "trigger of a event is no mention"),
    "an id twice": ("normalize", TRAIN, first("id", "wnut2017/train/1"), "stands after"),
    "an id elsewhere": ("normalize", TRAIN, first("id", "wnut2017/dev/0"), "is not of wnut2017/train"),
    "rows swapped": ("normalize", TRAIN, rows(swap), "stands after"),
    "a record gone": ("normalize", TRAIN, shard(lambda t: t.slice(1)), "records of train"),
    "a sum": ("normalize", "{}/wnut2017/summary.json", content(lambda v: v["splits"]["train"].update(rows=99)), "rejected, merged and kept rows"),
    "a text of clean": ("clean", TRAIN, first("text", lambda r: r["text"] + "!"), "text is not that of normalize"),
    "a reason": ("clean", TRAIN, first("dropped", "bad_luck"), "dropped for ['bad_luck']"),
    "a row of clean gone": ("clean", TRAIN, shard(lambda t: t.slice(1)), "is not that of normalize"),
    "a drop forgotten": ("dedupe", TRAIN, first("dropped", None, dropped), "another reason than clean's"),
    "a partner of none": ("dedupe", TRAIN, first("drop_partner", "wnut2017/train/999", lambda r: r["drop_partner"]), "there is no partner"),
    "a partner of another text": ("dedupe", TRAIN, first("drop_partner", "wnut2017/train/0", lambda r: r["drop_partner"]), "has another text"),
    "a text of a test kept": ("dedupe", TRAIN, rows(lambda v: [r | ({"dropped": None, "drop_partner": None} if r["drop_partner"] else {}) for r in v]), "its text is"),
    "tags of another shard": ("dedupe", TRAIN, shard(lambda t: t.slice(1)), "rows"),
    "a neighbor of none": ("negatives", "{}/wnut2017/dictionary.json", near(lambda v: v["person"].append({"label": "dragon", "score": -9.0})), "near labels that are none"),
    "neighbors in disorder": ("negatives", "{}/wnut2017/dictionary.json", near(lambda v: v.update({k: o[::-1] for k, o in v.items()})), "are not in order"),
    "a label without a list": ("negatives", "{}/wnut2017/dictionary.json", near(lambda v: v.pop("person")), "the labels"),
    "an account": ("negatives", "{}/wnut2017/account.json", near(lambda v: v.update(neighbors=0)), "the account"),
    "n_positive": ("instruct", ROWS, first("n_positive", lambda r: r["n_positive"] + 1), "n_positive is not what is asked"),
    "n_hard and n_other": ("instruct", ROWS, first("n_hard", lambda r: r["n_hard"] - 1, lambda r: r["n_hard"]), "n_hard is not what is asked"),
    "a label twice": ("instruct", ROWS, first("labels", lambda r: [r["labels"][1], *r["labels"][1:]]), "asked twice"),
    "a label too few": ("instruct", ROWS, first("labels", lambda r: r["labels"][:-1]), "is not what is asked"),
    "a label of none": ("instruct", ROWS, first("labels", lambda r: ["dragon", *r["labels"][1:]]), "asked that is none"),
    "an answer taken away": ("instruct", ROWS, first("output", answered, positive), "is answered []"),
    "an answer to a label not asked": ("instruct", ROWS, first("output", of_other), "keys of the answer"),
    "another answer": ("instruct", ROWS, first("output", lambda r: r["output"].replace('["', '["x'), positive), "instead of"),
    "a row gone": ("instruct", ROWS, rows(lambda v: [r for r in v if r is not next(filter(positive, v))]), "not asked"),
    "a row of what was dropped": ("instruct", ROWS, first("record_id", "wnut2017/train/999"), "is no row of"),
    "another text": ("instruct", ROWS, first("instruction", lambda r: r["instruction"].replace('"input": "', '"input": "x')), "another text"),
    "a poll": ("instruct", "instruct/wnut2017/NER/dev-00000.parquet", first("labels", lambda r: r["labels"][::-1]), "not polled"),
    "a row that is not published": ("publish", CORPUS, shard(lambda t: t.slice(1)), "rows of"),
    "a row twice": ("publish", CORPUS, shard(lambda t: pa.concat_tables([t, t.slice(0, 1)])), "stands twice"),
    "a row of nobody": ("publish", CORPUS, first("id", "wnut2017/train/999/NER/0"), "in no folder of instruct"),
    "a column": ("publish", CORPUS, first("source", "x"), "source is not what instruct wrote"),
    "a column less": ("publish", CORPUS, shard(lambda t: t.drop_columns(["n_other"])), "the columns are"),
    "a test in another order": ("publish", "corpus/NER-en/test-00000-of-00001.parquet", rows(swap), "not in the order"),
    "a config gone": ("publish", "corpus/EEA-en/test-00000-of-00001.parquet", lambda p: p.unlink(), "not published"),
    "a count": ("report", "reports/counts.json", content(lambda v: v["datasets"]["wnut2017"]["records"]["train"].update(kept=0)), "records of train"),
    "instructions counted": ("report", "reports/counts.json", content(lambda v: v["datasets"]["wnut2017"]["instructions"]["NER"]["train"].update(n_hard=0)), "instructions"),
    "a total": ("report", "reports/total.json", content(lambda v: v.update(kept=0)), "the sum of kept"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_spoiled_is_found(case, ran, tmp_path):
    stage, file, spoil, words = SPOILED[case]
    ws = ran._replace(out=tmp_path / "out")
    shutil.copytree(ran.out, ws.out)
    spoil(ws.out / file.format(stage))
    name = ALL if STAGES[stage].whole else file.split("/")[1]
    place = ws.place(stage, name)

    with pytest.raises(invariants.UnsoundError, match="other files than stamped"):
        invariants.stamped(stage, name, NAMES, ws)
    freshness.finish(place, freshness.stamp_of(place).made_from)
    with pytest.raises(invariants.UnsoundError) as caught:
        invariants.after(stage, [name], NAMES, ws)

    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value) or "wnut2017/" in str(caught.value)


def test_a_stamp_of_other_inputs_is_found(ran, tmp_path):
    ws = ran._replace(out=tmp_path / "out")
    shutil.copytree(ran.out, ws.out)
    place = ws.place("clean", "wnut2017")
    made_from = freshness.stamp_of(place).made_from
    made_from["inputs"] = dict.fromkeys(made_from["inputs"], "0" * 32)
    freshness.finish(place, made_from)

    with pytest.raises(invariants.UnsoundError, match="names another normalize of wnut2017"):
        invariants.after("clean", ["wnut2017"], NAMES, ws)


def test_no_stage_of_a_test_goes_unchecked(ran, tmp_path, monkeypatch):
    """Whoever runs a stage in this process is told what is wrong with it."""
    ws = ran._replace(out=tmp_path / "out")
    normalize = STAGES["normalize"]

    def spoiling(datasets, workspace):
        normalize.make(datasets, workspace)
        SPOILED["an offset"][2](workspace.out / TRAIN.format("normalize"))

    monkeypatch.setitem(STAGES, "normalize", normalize._replace(make=spoiling))

    with pytest.raises(invariants.UnsoundError, match="is not at"):
        chain.Chain(["wnut2017"], ws).make("normalize")
