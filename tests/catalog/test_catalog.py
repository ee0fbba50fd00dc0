"""Every dataset of the catalog on its sample edition, and declarations that must be refused."""

import json
import shutil

import msgspec
import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.dedupe import tags as kept
from pipeline.errors import (
    CountError,
    DeclarationError,
    RawFileError,
    UnknownLabelError,
)
from pipeline.execution import shards
from pipeline.records import Record, Reject, violation
from pipeline.tables import from_table
from tests.conftest import ROOT
from tests.helpers import DECLARATION as GOOD
from tests.helpers import normalize_one

SAMPLE = ROOT / "raw" / "sample"
EXPECTED = ROOT / "tests" / "fixtures" / "expected"
IDS = catalog.ids()
LEAST = {"train": 12, "dev": 4, "test": 4}


def normalized(name, out, raw=SAMPLE):
    dataset = catalog.load(name)
    folder, manifest = raw_files.edition(dataset, raw)
    return normalize_one(dataset, folder, manifest, Normalize(), out)


def rows_of(folder):
    return [
        row
        for _, path in kept.record_shards(folder)
        for row in shards.read(path).drop(["dropped", "drop_partner", "drop_detail"]).to_pylist()
    ]


@pytest.mark.parametrize("name", IDS)
def test_the_sample_reads_as_expected_and_keeps_the_invariants(name, tmp_path, update_expected):
    summary = normalized(name, tmp_path / name)
    rows = rows_of(tmp_path / name)
    path = EXPECTED / f"{name}.jsonl"
    if update_expected:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    expected = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert expected == rows
    dataset = catalog.load(name)
    labels = {kind: {*dataset.labels_of(kind)} for kind in ("entity", "relation", "event")}
    roles = dataset.roles_of()

    ids = []
    for _, path in kept.record_shards(tmp_path / name):
        table = shards.read(path)
        ids += table["id"].to_pylist()
        for record in from_table(table):
            assert violation(record) is None
            assert {m.label for m in record.mentions} - {None} <= labels["entity"]
            assert {r.label for r in record.relations} <= labels["relation"]
            assert {e.label for e in record.events} <= labels["event"]
            for event in record.events:
                assert {a.role for a in event.arguments} <= {*roles.get(event.label, [])}
    assert len({*ids}) == len(ids)
    for own in summary["splits"].values():
        assert own["rows"] == own["records"] + own["merged_rows"] + own["rejected"]


def test_the_samples_are_large_enough():
    for name in IDS:
        dataset = catalog.load(name)
        _, manifest = raw_files.edition(dataset, SAMPLE)
        assert (SAMPLE / name / "manifest.toml").is_file()
        for split, own in manifest.splits.items():
            least = LEAST if dataset.use == "train" else {"train": 4, "dev": 4, "test": 12}
            assert own.counts["records"] >= least.get(split, 12), (name, split)


def declare(tmp_path, text, name="toy"):
    (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return catalog.load(name, tmp_path)


def test_a_good_declaration_loads(tmp_path):
    assert declare(tmp_path, GOOD).names("entity") == {"PER": "person"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("title", "tittle"), "unknown key 'tittle'"),
        (('language = "en"', 'language = "French"'), "not a language code"),
        (('tasks = ["NER"]', 'tasks = ["RE"]'), "task RE needs [labels.relation]"),
        (('"columns"', '"colums"'), "there is no reader 'colums'"),
        (('name = "columns"', 'name = "columns", sheme = "IOB2"'), "no option 'sheme'"),
        (('PER = "person"', 'PER = "person"\nPER = "x"'), "overwrite"),
        (('PER = "person"', 'PER = " "'), "labels.entity: it is blank"),
        (("[labels.entity]", "[labels.dropped]\nentity = ['PER']\n[labels.entity]"), "both mapped"),
        (("domain", 'access = "licensed"\ndomain'), "without access_note"),
        (("[labels.entity]", "[roles]\nbuy = ['x']\n[labels.entity]"), "no such event label"),
        (
            ("[labels.entity]", "[splits.train]\nfiles = [{ path = '../x' }]\n[labels.entity]"),
            "leaves the raw folder",
        ),
        (
            ("[labels.entity]", "[splits.tain]\nfiles = []\n[labels.entity]"),
            "there is no split 'tain'",
        ),
        (
            (
                "[labels.entity]",
                "[splits.dev]\nfiles = []\ncounts = { recods = 1 }\n[labels.entity]",
            ),
            "rejects, relations, did you mean 'records'?",
        ),
        (("[labels.entity]", "[descriptions]\nx = 'y'\n[labels.entity]"), "of no label: ['x']"),
        (("[labels.entity]", "[quality]\nuse = 'with care'\n[labels.entity]"), "without why"),
        (
            ("[labels.entity]", "[repairs]\n'[' = ''\n[labels.entity]"),
            "'[' is not a regular expression",
        ),
        (("[labels.entity]", "[repairs]\n'(a)' = ''\n[labels.entity]"), "'(a)' has a group"),
        (("[labels.entity]", "[repairs]\n'a*' = ''\n[labels.entity]"), "matches the empty string"),
        (
            ("[labels.entity]", "[paraphrases]\nperson = ['y']\n[labels.entity]"),
            "[paraphrases] of what has no description: ['person']",
        ),
        (("title =", "title == "), "Invalid"),
    ],
)
def test_a_bad_declaration_is_refused(tmp_path, change, words):
    with pytest.raises(DeclarationError) as caught:
        declare(tmp_path, GOOD.replace(*change, 1))

    assert words in str(caught.value)
    assert "toy.toml" in str(caught.value)


def test_an_unknown_dataset_is_told_with_the_known_ones(tmp_path):
    declare(tmp_path, GOOD)
    with pytest.raises(DeclarationError, match="use one of: toy"):
        catalog.load("tyo", tmp_path)


def edition(tmp_path, text, **counts):
    folder = tmp_path / "raw" / "toy"
    folder.mkdir(parents=True)
    (folder / "a.tsv").write_text(text, encoding="utf-8")
    split = catalog.Split(files=[catalog.File("a.tsv")], counts=counts)
    return folder, catalog.Manifest(splits={"train": split})


ROWS = "Ada\tB-PER\nsleeps\tO\n\nBo\tB-PER\nwakes\tO\n"


def test_counts_are_enforced(tmp_path):
    folder, manifest = edition(tmp_path, ROWS, records=2, entities=3)

    with pytest.raises(CountError) as caught:
        normalize_one(declare(tmp_path, GOOD), folder, manifest, Normalize(), tmp_path / "out")

    assert "entities: declared 3, found 2" in str(caught.value)
    assert "toy/train" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_hashes_are_enforced(tmp_path):
    folder, manifest = edition(tmp_path, ROWS)
    manifest.splits["train"].files[0].sha256 = "0" * 64

    with pytest.raises(RawFileError, match=r"sha256 is .* declared is 0000"):
        normalize_one(declare(tmp_path, GOOD), folder, manifest, Normalize(), tmp_path / "out")


def test_all_unknown_labels_are_named_at_once(tmp_path):
    folder, manifest = edition(tmp_path, ROWS.replace("PER", "LOC", 1) + "\nX\tB-ORG\n")

    with pytest.raises(UnknownLabelError) as caught:
        normalize_one(declare(tmp_path, GOOD), folder, manifest, Normalize(), tmp_path / "out")

    assert "entity 'LOC' (1x), entity 'ORG' (1x)" in str(caught.value)


def test_too_many_rejects_are_an_error(tmp_path):
    folder, manifest = edition(tmp_path, ROWS + "\nCy\n")

    with pytest.raises(RawFileError) as caught:
        normalize_one(declare(tmp_path, GOOD), folder, manifest, Normalize(), tmp_path / "out")
    assert "toy/train/a.tsv:7" in str(caught.value)
    assert "missing_column" in str(caught.value)

    settings = Normalize(max_reject_rate=0.5)
    summary = normalize_one(declare(tmp_path, GOOD), folder, manifest, settings, tmp_path / "out")
    assert summary["splits"]["train"]["rejects"] == {"missing_column": 1}
    (reject,) = shards.read(tmp_path / "out" / "rejects.parquet").to_pylist()
    assert (reject["origin"], reject["excerpt"]) == ("a.tsv:7", "Cy")


def test_a_missing_file_is_told(tmp_path):
    folder, manifest = edition(tmp_path, ROWS)
    (folder / "a.tsv").unlink()

    with pytest.raises(RawFileError, match="this raw file is missing"):
        normalize_one(declare(tmp_path, GOOD), folder, manifest, Normalize(), tmp_path / "out")


def test_no_relation_may_be_asked_as_a_label():
    plain = catalog.load("semeval2010-task8")
    asked = catalog.load("semeval2010-task8", no_relation_label="else")

    assert "else" not in plain.labels_of("relation")
    assert asked.labels_of("relation") == [*plain.labels_of("relation"), "else"]


def test_the_hash_of_a_folder_covers_names_and_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("1")
    first = raw_files.digest(tmp_path)
    (tmp_path / "a" / "x.txt").rename(tmp_path / "a" / "y.txt")

    assert raw_files.digest(tmp_path) != first


def test_a_role_of_another_event_is_unknown(tmp_path):
    dataset = catalog.load("phee")
    folder, manifest = raw_files.edition(dataset, ROOT / "raw/sample")
    event = next(iter(dataset.roles))
    fewer = msgspec.structs.replace(dataset, roles={**dataset.roles, event: []})

    with pytest.raises(UnknownLabelError, match=f"role of an event '.* of {event}'"):
        normalize_one(fewer, folder, manifest, Normalize(), tmp_path / "out")


def test_a_signature_that_is_not_declared_is_told_what_to_do(tmp_path):
    dataset = catalog.load("duie2")
    folder, manifest = raw_files.edition(dataset, ROOT / "raw/sample")
    relation = next(iter(dataset.signatures))
    fewer = {k: v for k, v in dataset.signatures.items() if k != relation}
    without = msgspec.structs.replace(dataset, signatures=fewer)

    with pytest.raises(UnknownLabelError, match="signature '") as caught:
        normalize_one(without, folder, manifest, Normalize(), tmp_path / "out")
    assert caught.value.todo == "add the types of head and tail to the relation under [signatures]"


def test_relations_of_a_dropped_entity_go_with_it(tmp_path):
    dataset = catalog.load("duie2")
    folder, manifest = raw_files.edition(dataset, ROOT / "raw/sample")
    whole = normalize_one(dataset, folder, manifest, Normalize(), tmp_path / "whole")
    label = next(iter(dataset.names("entity")))
    names = {k: v for k, v in dataset.names("entity").items() if k != label}
    labels = msgspec.structs.replace(dataset.labels, entity=names, dropped={"entity": [label]})
    fewer = msgspec.structs.replace(dataset, labels=labels)

    summary = normalize_one(fewer, folder, manifest, Normalize(), tmp_path / "out")

    def relations(name):
        tables = [shards.read(path) for _, path in kept.record_shards(tmp_path / name)]
        return sum(len(row) for table in tables for row in table["relations"].to_pylist())

    splits = summary["splits"].values()
    gone = sum(
        n for own in splits for k, n in own["dropped_labels"].items() if k.startswith("relation:")
    )
    assert gone > 0
    assert relations("out") == relations("whole") - gone
    assert [own["relations"] for own in splits] == [
        own["relations"] for own in whole["splits"].values()
    ]


def test_many_annotations_lost_from_records_that_stay_are_an_error(tmp_path):
    """The texts would teach that nothing is there."""
    raw = tmp_path / "raw"
    shutil.copytree(ROOT / "raw/sample/anatem-brat", raw / "anatem-brat")
    dataset = catalog.load("anatem-brat")
    folder, manifest = raw_files.edition(dataset, ROOT / "raw/sample")
    splits = {k: msgspec.structs.replace(s, counts={}) for k, s in manifest.splits.items()}
    uncounted = msgspec.structs.replace(manifest, splits=splits)
    normalize_one(dataset, folder, uncounted, Normalize(), tmp_path / "out")
    for path in (raw / "anatem-brat").rglob("*.txt"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(" ", "  ", 1), encoding="utf-8")

    with pytest.raises(RawFileError, match="entities are lost from records that stay"):
        normalize_one(dataset, raw / "anatem-brat", uncounted, Normalize(), tmp_path / "out")


def test_a_name_of_no_relation_that_a_relation_has_is_refused():
    with pytest.raises(DeclarationError, match="which is a relation of semeval2010-task8"):
        catalog.load("semeval2010-task8", no_relation_label="causes")
    one, two = (catalog.load("conll04", no_relation_label=name) for name in (None, "else"))
    assert one == two


def test_lists_of_documents_are_kept_account_of():
    """A reject without a document counts once; a listed document that is absent is told."""
    split = catalog.Split([], {}, documents="splits/casie-dev.txt")
    listed = (raw_files.CATALOG / split.documents).read_text(encoding="utf-8").split()
    items = [Record("x", "o", source_id=i) for i in (*listed, "other")] + [Reject("o", "broken")]

    assert len([*raw_files.documents_of(iter(items), split)]) == len(listed) + 1
    assert len([*raw_files.documents_of(iter(items), split, first=False)]) == len(listed)
    with pytest.raises(RawFileError, match=f"documents .* not in the files: {listed[0]}"):
        [*raw_files.documents_of(iter(items[1:]), split)]
    counted = msgspec.structs.replace(split, counts={"records": 1})
    assert len([*raw_files.documents_of(iter(items[1:]), counted)]) == len(listed)


def test_long_texts_make_more_shards_of_the_same_records(tmp_path, monkeypatch):
    dataset = catalog.load("wnut2017")
    folder, manifest = raw_files.edition(dataset, ROOT / "raw/sample")

    def ids(name):
        normalize_one(dataset, folder, manifest, Normalize(), tmp_path / name)
        found = kept.record_shards(tmp_path / name)
        return len(found), [i for _, shard in found for i in shards.read(shard)["id"].to_pylist()]

    few, whole = ids("few")
    monkeypatch.setattr("pipeline.normalize.stage._SHARD_CHARACTERS", 100)
    many, parts = ids("many")

    assert many > few
    assert parts == whole
