"""Records go to annotation tools and come back: the same texts, mentions, relations, events."""

import json

import pytest

from pipeline import catalog, cli
from pipeline.adding import drafting
from pipeline.exports import comments
from pipeline.exports.annotation import doccano
from pipeline.records import Mention, Record, Reject, Relation
from pipeline.tables import to_table
from tests.exports.test_formats import kept


def written(record, *, name=str, events=False):
    """A record by its strings, as far as it can be drawn in a tool."""
    mentions = record["mentions"]
    ends = {r[end] for r in record["relations"] for end in ("head", "tail")}
    ends |= {a["mention"] for e in record["events"] if events for a in e["arguments"]}
    labels = {
        i: name(m["label"] or "entity")
        for i, m in enumerate(mentions)
        if m["start"] is not None and (m["label"] or i in ends)
    }

    def place(i):
        return mentions[i]["start"], mentions[i]["end"]

    return (
        record["text"],
        sorted((*place(i), label) for i, label in labels.items()),
        sorted(
            (name(r["label"]), place(r["head"]), place(r["tail"]))
            for r in record["relations"]
            if {r["head"], r["tail"]} <= {*labels}
        ),
        sorted(
            (
                name(e["label"]),
                place(e["trigger"]),
                *sorted(
                    (name(a["role"]), place(a["mention"]))
                    for a in e["arguments"]
                    if a["mention"] in labels
                ),
            )
            for e in (record["events"] if events else ())
            if e["trigger"] is not None
        ),
    )


def brought_back(files, *, events=False):
    """What `iepile new` reads of files that it is told nothing about."""
    draft = drafting.draft("foo", None, {}, {"train": files}, None)
    records = [*catalog.reader(draft.dataset)(files)]
    assert not [record for record in records if isinstance(record, Reject)]
    table = to_table(
        records, [str(n) for n in range(len(records))], dataset="foo", split="train", language="en"
    )
    return draft, [written(row, events=events) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("form", "reader"), [("label-studio", "label_studio"), ("doccano", "doccano")]
)
@pytest.mark.parametrize("dataset", ["conll04", "cluener", "genia"])
def test_what_goes_out_comes_back(form, reader, dataset, run, exported):
    draft, records = brought_back([*sorted((exported(form) / dataset).glob("train-*"))])

    assert reader in draft.choice.best.why or draft.dataset.reader["name"] == reader
    expected = [written(record) for record in kept(run, dataset, "train")]
    assert records == expected
    assert sum(map(len, (own[1] for own in records))) > 10
    assert any(own[2] for own in records) == (dataset == "conll04")


@pytest.mark.parametrize("dataset", ["conll04", "genia", "phee", "duee1"])
def test_brat_holds_events_too(dataset, run, exported):
    def name(label):
        return "_".join(label.replace(":", " ").split())

    events = dataset in {"phee", "duee1"}
    draft, records = brought_back([exported("brat") / dataset / "train"], events=True)

    assert draft.dataset.reader == {"name": "brat"}
    expected = [written(r, name=name, events=True) for r in kept(run, dataset, "train")]
    assert sorted(records) == sorted(expected)
    assert any(own[3] for own in records) == events
    index = (exported("brat") / "records.tsv").read_text(encoding="utf-8").splitlines()
    rows = dict(line.split("\t")[:2] for line in index)
    assert all((exported("brat") / path).is_file() for path in rows)
    assert {r["id"] for r in kept(run, dataset, "train")} <= {*rows.values()}


ODD = Record("Ada Vale met Bo", "x:1", [Mention("da Vale", 1, 8, "a"), Mention("Eve", label="a")])


def test_what_is_odd_is_told():
    table = to_table([ODD], ["toy/train/0"], dataset="toy", split="train", language="en")
    (row,) = table.to_pylist()

    assert comments(row, "en") == ["cuts a word: da Vale", "no place in the text: Eve"]
    assert comments(row, "zh") == ["no place in the text: Eve"]
    dropped = {**row, "mentions": [], "dropped": "too_short", "drop_detail": "3 characters"}
    assert comments(dropped, "en") == ["too_short: 3 characters"]
    assert comments({**row, "mentions": []}, "en") == []


def test_what_cannot_be_drawn_is_counted():
    record = ODD._replace(relations=[Relation("knows", 0, 1)])
    table = to_table([record], ["toy/train/0"], dataset="toy", split="train", language="en")
    (row,), counts = doccano(table.to_pylist()[0], catalog.load("conll04"), None)

    assert [own["start_offset"] for own in row["entities"]] == [1]
    assert row["relations"] == []
    assert counts["lost: mentions without offsets"] == 1
    assert counts["lost: relations of which an end is lost"] == 1


def test_only_suspicious_records_are_sent_with_the_reason(run, tmp_path, capsys):
    from pipeline.dedupe.tags import tagged
    from pipeline.execution import shards

    out = tmp_path / "out"
    call = ["export", "doccano", "--run", str(run), "--out", str(out), "--only", "suspicious"]
    assert cli.main(call) == 0

    rows = {}
    for path in out.rglob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            (rows[row["record_id"]],) = row["Comments"]
    for dataset in sorted({name.split("/")[0] for name in rows}):
        paths = shards.record_shards(run / "clean" / dataset)
        tables = [tagged(path, run / "dedupe" / dataset) for _, path in paths]
        dropped = {r["id"]: r["dropped"] for t in tables for r in t.to_pylist() if r["dropped"]}
        held_out = catalog.load(dataset).use == "held-out"
        for name, why in dropped.items():
            if not held_out or "/test/" in name:
                assert rows[name].startswith(why)
    assert any(comment.startswith("duplicate") for comment in rows.values())
    assert cli.main([*call[:1], "bio", *call[2:]]) == 1
    assert "no room for comments" in capsys.readouterr().err
