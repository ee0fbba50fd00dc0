"""IEPile's unified format: what is exported can be imported, and exported again."""

import json
import shutil
import tomllib

import msgspec
import pytest

from pipeline import catalog, cli
from pipeline.adding import importing
from pipeline.adding.evidence import UNKNOWN
from pipeline.catalog import raw_files
from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe, Normalize
from pipeline.dedupe import tags as kept
from pipeline.dedupe.stage import dedupe
from pipeline.errors import DeclarationError, RawFileError
from pipeline.execution import atomic, shards
from pipeline.exports import Source, writing
from pipeline.records import Argument, Event, Mention, Relation
from pipeline.tables import from_table
from pipeline.tasks import inventory
from tests.conftest import ROOT
from tests.helpers import normalize_one

#: Every task, both languages, held-out and not; typed relations, qualifiers, nested roles.
SAMPLES = ["conll04", "cluener", "duie2", "duee1", "phee", "fewfc", "scierc", "weibo-ner"]


UNUSED = "attributes listed that never occur"


def records_of(dataset, raw, out):
    """Run the stages that make records, as `iepile run` does."""
    folder, manifest = raw_files.edition(dataset, raw)
    normalize_one(dataset, folder, manifest, Normalize(), out / "normalize" / dataset.id)
    words = ROOT / "pipeline" / "clean" / "stop_words"
    clean([dataset], out / "normalize", Clean(), words, out / "clean")
    dedupe([dataset], out / "clean", Dedupe(), out / "dedupe")
    return out


def exported(dataset, run, out):
    with atomic.replacing(out) as partial:
        return writing.export("iepile-jsonl", Source("records", run, (dataset,)), partial)


@pytest.mark.parametrize("name", SAMPLES)
def test_export_import_export_is_the_identity(name, tmp_path):
    dataset = catalog.load(name)
    run = records_of(dataset, ROOT / "raw" / "sample", tmp_path / "run")
    first = tmp_path / "first"
    exported(dataset, run, first)
    folders = sorted(path.parent for path in first.rglob("schema.json"))
    assert [f.parent.name for f in folders] == sorted(dataset.tasks)

    for folder in folders:
        task = folder.parent.name
        own = tmp_path / task
        wanted = msgspec.structs.replace(UNKNOWN, id=name, use=dataset.use)
        told = importing.run(folder, wanted, own / "raw", own / "toml")
        again = catalog.load(name, own / "toml")
        assert (again.language, again.tasks) == (dataset.language, [task])
        exported(again, records_of(again, own / "raw", own / "run"), own / "second")
        second = own / "second" / folder.relative_to(first)
        assert {p.name for p in second.iterdir()} == {p.name for p in folder.iterdir()}
        for path in folder.iterdir():
            if path.name == "schema.json" and told.get(UNUSED):
                old, new = (
                    [*map(json.loads, p.read_text().splitlines())]
                    for p in (path, second / path.name)
                )
                pairs = [
                    {(t, a) for t, own in lines[2].items() for a in own} for lines in (old, new)
                ]
                assert pairs[1] < pairs[0]
                assert len(pairs[0] - pairs[1]) == told[UNUSED]
            else:
                assert path.read_bytes() == (second / path.name).read_bytes()


def test_what_the_format_cannot_hold_is_counted(tmp_path):
    run = records_of(catalog.load("duie2"), ROOT / "raw" / "sample", tmp_path / "run")
    counts = exported(catalog.load("duie2"), run, tmp_path / "first")
    rows = [
        json.loads(line)
        for path in (tmp_path / "first").rglob("RE/duie2/[td]*.json")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    records = [
        r
        for _, p in kept.record_shards(run / "clean" / "duie2")
        for r in kept.kept(p, run / "dedupe" / "duie2").to_pylist()
    ]

    assert counts["rows"] == 3 * len(rows) == 3 * len(records)
    slots = sum(len(x["qualifiers"]) for r in records for x in r["relations"])
    assert slots > 0
    assert counts["lost: qualifiers of relations"] == slots
    twice = 0
    for r in records:
        ends = {i for x in r["relations"] for i in (x["head"], x["tail"])}
        own = [r["mentions"][i] for i in ends]
        twice += sum(m["start"] is not None and r["text"].count(m["text"]) > 1 for m in own)
    assert counts["lost: places of mentions that occur more than once"] == twice
    (ids,) = (tmp_path / "first" / "ids" / "duie2").glob("train.txt")
    assert {*ids.read_text().splitlines()} <= {r["id"] for r in records}
    assert len(ids.read_text().splitlines()) == sum(r["split"] == "train" for r in records)


SHAPES = {
    "NER": (
        {"text": "Ada fell in Oslo", "entity": [{"entity": "Ada", "entity_type": "person"}]},
        [["person", "city"], [], {}],
        ["NER"],
    ),
    "RE": (
        {
            "text": "Ada fell in Oslo",
            "relation": [{"head": "Ada", "relation": "in", "tail": "Oslo"}],
        },
        [[], ["in", "near"], {}],
        ["RE"],
    ),
    "SPO": (
        {
            "text": "Ada fell in Oslo",
            "relation": [
                {
                    "head": "Ada",
                    "head_type": "a_b",
                    "relation": "in",
                    "tail": "Oslo",
                    "tail_type": "city",
                }
            ],
        },
        [["a_b", "city"], ["a_b_in_city", "city_near_city"], {}],
        ["RE", "SPO", "KG"],
    ),
    "EE": (
        {
            "input": "Ada fell in Oslo",
            "event": [
                {
                    "event_trigger": "fell",
                    "event_type": "accident",
                    "arguments": [
                        {"argument": "Ada", "role": "victim"},
                        {"argument": "", "role": "place"},
                    ],
                }
            ],
        },
        [
            ["accident", "birth"],
            ["victim", "place"],
            {"accident": ["victim", "place"], "birth": []},
        ],
        ["EE", "EET", "EEA"],
    ),
    "EET": (
        {"text": "Ada fell in Oslo", "event": [{"event_trigger": "NAN", "event_type": "accident"}]},
        [["accident", "birth"], [], {}],
        ["EET"],
    ),
}


def folder_of(path, row, schema, form="lines", *, bom=False):
    path.mkdir(parents=True)
    rows = [
        row,
        {
            **row,
            "text": "Oslo is far",
            **{k: [] for k in ("entity", "relation", "event") if k in row},
        },
    ]
    rows[1].pop("input", None)
    text = json.dumps(rows) if form == "array" else "\n".join(map(json.dumps, rows)) + "\n"
    (path / "train.json").write_text(text, encoding="utf-8-sig" if bom else "utf-8")
    lines = "\n".join(json.dumps(line, ensure_ascii=False) for line in schema)
    (path / "schema.json").write_text(lines, encoding="utf-8-sig" if bom else "utf-8")
    return path


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["lines", "array"])
@pytest.mark.parametrize("bom", [False, True])
def test_the_five_shapes_in_lines_and_arrays_with_and_without_bom(shape, form, bom, tmp_path):
    row, schema, tasks = SHAPES[shape]
    folder = folder_of(tmp_path / "Some Data", row, schema, form, bom=bom)

    told = importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")

    dataset = catalog.load("iepile-some-data", tmp_path / "toml")
    assert dataset.tasks == tasks
    assert (dataset.language, dataset.source, dataset.reader) == (
        "en",
        "Some Data",
        {"name": "iepile_jsonl"},
    )
    assert told["records"] == 2
    assert told["rejects"] == (shape == "EE")  # the argument without a string
    records_of(dataset, tmp_path / "raw", tmp_path / "run")
    table = shards.read(tmp_path / "run" / "clean" / "iepile-some-data" / "train-00000.parquet")
    first, second = from_table(table)
    assert second.text == "Oslo is far"
    assert not second.mentions
    ada = Mention("Ada", 0, 3, None)
    oslo, fell = Mention("Oslo", 12, 16, None), Mention("fell", 4, 8, None)
    if shape == "NER":
        assert first.mentions == [ada._replace(label="person")]
        assert inventory(dataset, "NER") == ["person", "city"]
    elif shape == "RE":
        assert (first.mentions, first.relations) == ([ada, oslo], [Relation("in", 0, 1)])
        assert inventory(dataset, "RE") == ["in", "near"]
    elif shape == "SPO":
        assert first.mentions == [ada._replace(label="a_b"), oslo._replace(label="city")]
        assert inventory(dataset, "SPO") == ["a_b_in_city", "city_near_city"]
        assert dataset.signatures_of() == [("a_b", "in", "city"), ("city", "near", "city")]
    elif shape == "EE":
        assert first.mentions == [fell, ada]
        assert first.events == [Event("accident", 0, (Argument("victim", 1),))]
        assert dataset.roles_of() == {"accident": ["victim", "place"], "birth": []}
    else:
        assert first.events == [Event("accident", None)]


def test_labels_that_the_schema_lacks_are_added_and_told(tmp_path):
    row = {"text": "Ada", "entity": [{"entity": "Ada", "entity_type": "robot"}]}
    folder = folder_of(tmp_path / "NER" / "d", row, [["person"], [], {}])

    told = importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")

    assert told["labels that schema.json lacks"] == 1
    assert catalog.load("iepile-ner-d", tmp_path / "toml").labels.entity == ["person", "robot"]


def test_a_declaration_of_before_is_not_taken_for_the_new_one(tmp_path):
    row = {"text": "Ada", "entity": [{"entity": "Ada", "entity_type": "person"}]}
    folder = folder_of(tmp_path / "NER" / "d", row, [["person"], [], {}])
    importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")
    shutil.rmtree(tmp_path / "raw")
    (tmp_path / "toml" / "iepile-ner-d.toml").unlink()
    (folder / "train.json").write_text('{"text": "Ada", "entity": []}\n', encoding="utf-8")
    (folder / "schema.json").write_text("[]\n[]\n{}\n", encoding="utf-8")

    with pytest.raises(DeclarationError):
        importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")

    assert not (tmp_path / "raw" / "iepile-ner-d").exists()
    assert not (tmp_path / "toml" / "iepile-ner-d.toml").exists()


def test_an_empty_file_is_not_imported(tmp_path):
    folder = folder_of(tmp_path / "NER" / "d", *SHAPES["NER"][:2])
    (folder / "test.json").touch()

    with pytest.raises(RawFileError, match="this file is empty"):
        importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")


def test_the_manifest_is_enforced(tmp_path):
    folder = folder_of(tmp_path / "NER" / "d", *SHAPES["NER"][:2])
    importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")
    manifest = tomllib.loads(
        (tmp_path / "raw" / "iepile-ner-d" / "manifest.toml").read_text(encoding="utf-8")
    )

    split = manifest["splits"]["train"]
    assert split["counts"] == {
        "records": 2,
        "entities": 1,
        "relations": 0,
        "events": 0,
        "arguments": 0,
        "rejects": 0,
    }
    with (tmp_path / "raw" / "iepile-ner-d" / "train.json").open("a") as stream:
        stream.write(" ")
    with pytest.raises(RawFileError, match="sha256"):
        records_of(
            catalog.load("iepile-ner-d", tmp_path / "toml"), tmp_path / "raw", tmp_path / "run"
        )


def test_odd_labels_survive_toml(tmp_path):
    odd = ['a "b" \\ c', "tab\there", "del\x7f", "x.y = [z]", "名 字"]
    row = {
        "text": "Ada",
        "event": [
            {"event_trigger": "Ada", "event_type": t, "arguments": [{"argument": "Ada", "role": t}]}
            for t in odd
        ],
    }
    folder = folder_of(tmp_path / "EE" / "d", row, [odd, odd, {t: [t] for t in odd}])

    importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")

    dataset = catalog.load("iepile-ee-d", tmp_path / "toml")
    assert dataset.labels.event == odd
    assert dataset.roles_of() == {t: [t] for t in odd}
    records_of(dataset, tmp_path / "raw", tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda f: (f / "schema.json").write_text('["a"]\n[]'), RawFileError, "no schema"),
        (lambda f: (f / "schema.json").write_text("a"), RawFileError, "not JSON lines"),
        (
            lambda f: (f / "schema.json").write_text('["a"]\n[]\n{"a"  : [], "a"  : []}'),
            RawFileError,
            "'a' stands twice",
        ),
        (lambda f: (f / "schema.json").unlink(), RawFileError, "cannot read"),
        (lambda f: (f / "train.json").unlink(), RawFileError, "no train.json"),
        (
            lambda f: (f / "train.json").write_text(
                '{"text": "Ada", "relation": [{"head": "Ada", "relation": "x", "tail": "Ada"}]}'
            ),
            DeclarationError,
            "without head_type",
        ),
    ],
)
def test_a_folder_that_is_none_is_told_and_leaves_nothing(change, kind, words, tmp_path):
    folder = folder_of(tmp_path / "SPO" / "d", *SHAPES["SPO"][:2])
    change(folder)

    with pytest.raises(kind, match=words):
        importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")

    assert not [*tmp_path.glob("raw/*"), *tmp_path.glob("toml/*")]


def test_the_command_imports_and_refuses_to_overwrite(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = folder_of(tmp_path / "RE" / "d", *SHAPES["RE"][:2])
    call = ["import", "iepile-jsonl", str(folder), "--raw", str(tmp_path / "raw")]
    call += ["--id", "mine", "--held-out"]

    assert cli.main(call) == 0
    assert "records" in capsys.readouterr().out
    assert catalog.load("mine").use == "held-out"
    assert (tmp_path / "catalog/mine.toml").is_file()
    assert cli.main(["datasets", "--raw", "raw"]) == 0
    assert "mine" in capsys.readouterr().out
    assert cli.main(call) == 1
    assert "this exists already" in capsys.readouterr().err
    assert cli.main([*call, "--tasks", "XX"]) == 1
    assert "no task 'XX'" in capsys.readouterr().err


def test_a_declaration_that_cannot_be_leaves_nothing(tmp_path):
    folder = folder_of(tmp_path / "NER" / "d", *SHAPES["NER"][:2])
    said = msgspec.structs.replace(UNKNOWN, tasks=["EE"])

    with pytest.raises(DeclarationError, match=r"task EE needs \[roles\]"):
        importing.run(folder, said, tmp_path / "raw", tmp_path / "toml")

    assert not [*tmp_path.glob("raw/*"), *tmp_path.glob("toml/*")]


def test_a_schema_may_be_one_array_and_list_what_has_no_types(tmp_path):
    row, (types, roles, own) = SHAPES["SPO"][:2]
    folder = folder_of(tmp_path / "SPO" / "d", row, [types, [*roles, "unheard of"], own])
    lines = (folder / "schema.json").read_text(encoding="utf-8").splitlines()
    (folder / "schema.json").write_text(f"[{','.join(lines)}]", encoding="utf-8")

    told = importing.run(folder, UNKNOWN, tmp_path / "raw", tmp_path / "toml")

    assert told["relations listed that no types are known of"] == 1
    dataset = catalog.load("iepile-spo-d", tmp_path / "toml")
    assert dataset.signatures_of() == [("a_b", "in", "city"), ("city", "near", "city")]
