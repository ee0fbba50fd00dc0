"""What a user brings: splits told by names, the Hub, other languages; nothing half written."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import catalog, cli
from pipeline.adding import drafting, drafts, language, sources
from pipeline.errors import FetchError, RawFileError
from tests.conftest import ROOT

ROWS = '{"text": "Ida ran.", "entities": [{"start": 0, "end": 3, "label": "PER"}]}\n'
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["train.json", "dev.json", "test.json"], {"train": 1, "dev": 1, "test": 1}),
        (["a-train.tsv", "a.valid.tsv", "a_testing.tsv"], {"train": 1, "dev": 1, "test": 1}),
        (["validation/x.json", "train/x.json"], {"dev": 1, "train": 1}),
        (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"], {"train": 2}),
        (["eng.testa", "eng.testb", "eng.train"], {"dev": 1, "test": 1, "train": 1}),
        (["rows.json", "README.md", "dataset_infos.json"], {"all": 1}),
    ],
)
def test_names_tell_the_splits(tmp_path, names, splits):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(ROWS, encoding="utf-8")

    found = sources.splits_of(tmp_path)

    assert {split: len(files) for split, files in found.items()} == splits


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The cache of the Hub's client with one dataset in it, and no network."""
    folder = tmp_path / "datasets--ida--towns"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text(SHA)
    (folder / "snapshots" / SHA / "data").mkdir(parents=True)
    table = pa.table({"tokens": [["Ida", "ran"]] * 3, "ner_tags": [["B-PER", "O"]] * 3})
    for split in ("train", "validation"):
        pq.write_table(table, folder / f"snapshots/{SHA}/data/{split}-00000-of-00001.parquet")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def test_a_dataset_of_the_hub(hub, monkeypatch):
    from huggingface_hub import snapshot_download

    monkeypatch.setattr(
        "huggingface_hub.snapshot_download",
        lambda *args, **more: snapshot_download(
            *args, cache_dir=hub, local_files_only=True, **more
        ),
    )

    splits = sources.named([sources.Path("hub:ida/towns")])
    draft = drafting.draft("foo", None, {}, splits, None)

    assert draft.survey.counts == {
        "train": {"records": 3, "entities": 3},
        "dev": {"records": 3, "entities": 3},
    }
    with pytest.raises(FetchError, match="no dataset 'ida/hills'"):
        sources.fetched("hub:ida/hills")


SENTENCES = {
    "de": "Der Arzt Karl Moor wohnt mit seiner Frau in der Stadt Bremen und arbeitet bei der Post",
    "no": "Legen Karl Moor bor med kona si i byen Bergen og arbeider ikke for det som er igjen",
    "ja": "医師のカールさんは東京に住んでいて、郵便局で働いている",
    "ar": "يعيش الطبيب كارل في مدينة القاهرة مع زوجته ويعمل في مكتب البريد",
    "zh": "医生卡尔和妻子住在北京，在邮局工作",
    "en": "The doctor Karl Moor lives with his wife in the town of Bremen and works for the post",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_the_language_of_texts(code):
    assert language.spoken([SENTENCES[code]]) == code
    assert language.disagreement(code, [SENTENCES[code]]) is None
    other = "ar" if code != "ar" else "en"
    assert language.disagreement(other, [SENTENCES[code]]) == code


@pytest.mark.parametrize("code", ["de", "no", "ja", "ar"])
def test_files_in_other_languages(tmp_path, code):
    text = SENTENCES[code]
    span = {"start": 0, "end": 3, "label": "X word"}
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps({"text": text, "entities": [span]}) + "\n", encoding="utf-8")

    dataset = drafting.draft("foo", "span_json", {}, {"train": [file]}, None).dataset

    assert dataset.language == code


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A workspace with a catalog of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_nothing_is_left_of_a_draft_that_cannot_be_written(project, monkeypatch):
    (project / "train.jsonl").write_text(ROWS * 5, encoding="utf-8")
    splits = {"train": [project / "train.jsonl"]}
    draft = drafting.draft("foo", None, {}, splits, None)
    monkeypatch.setattr(drafts, "toml", lambda _dataset: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        drafts.write(draft.dataset, splits, project / "raw")

    assert not (project / "raw/full/foo").exists()
    assert not (project / "raw/sample/foo").exists()
    assert not catalog.file_of("foo").exists()


def test_a_second_try_with_corrected_files_just_works(project, capsys):
    file = project / "train.jsonl"
    file.write_text('{"text": "Ida ran.", "entities": []}\n', encoding="utf-8")
    assert cli.main(["new", "foo", str(file)]) == 1
    file.write_text(ROWS * 5, encoding="utf-8")

    assert cli.main(["new", "foo", str(file)]) == 0

    told = capsys.readouterr().out
    assert "train: 5 records, 5 entities" in told
    assert len(told.splitlines()) <= 30
    assert cli.main(["check", "foo", "--raw", "raw/full"]) == 0


def test_names_of_labels_come_from_a_table(project, capsys):
    file = project / "train.jsonl"
    file.write_text(ROWS.replace("PER", "HCCX") * 5, encoding="utf-8")
    (project / "codes.csv").write_text("HCCX,human being\nQ,unused\n", encoding="utf-8")

    assert cli.main(["new", "foo", str(file), "--names", "codes.csv"]) == 0

    assert catalog.load("foo").names("entity") == {"HCCX": "human being"}
    assert "need readable names" not in capsys.readouterr().out


def test_a_code_is_told_with_the_place_of_its_name(project, capsys):
    file = project / "train.jsonl"
    file.write_text(ROWS.replace("PER", "HCCX") * 5, encoding="utf-8")

    assert cli.main(["new", "foo", str(file)]) == 0

    assert "entity labels without readable names: HCCX" in capsys.readouterr().out
    assert "HCCX = " in catalog.file_of("foo").read_text(encoding="utf-8")


#: Language -> (a text, with the name and the town of a record; names; towns).
TALES = {
    "de": (
        "Der Arzt {} wohnt mit seiner Frau in {} und arbeitet nicht mehr bei der Post.",
        ["Karl Moor", "Uwe Groß", "Jörg Abel"],
        ["Bremen", "Köln", "Ulm"],
    ),
    "no": (
        "Legen {} bor med kona si i {} og arbeider ikke for det som er igjen av posten.",
        ["Karl Moe", "Åse Lie", "Ola Nes"],
        ["Bergen", "Tromsø", "Moss"],
    ),
    "ja": (
        "医師の{}さんは{}に住んでいて、郵便局で働いている。",
        ["山田太郎", "佐藤花子", "鈴木一郎"],
        ["東京", "大阪", "札幌"],
    ),
    "ar": (
        "يعيش الطبيب {} في مدينة {} مع زوجته ويعمل في مكتب البريد.",
        ["كارل", "سليم", "يوسف"],
        ["القاهرة", "دمشق", "بغداد"],
    ),
}


@pytest.mark.parametrize("code", TALES)
def test_files_in_other_languages_run_to_instructions(code, project, capsys):
    tale, people, towns = TALES[code]
    for split, most in (("train", 9), ("test", 3)):
        rows = []
        for n in range(most):
            names = (people[n % 3], towns[n // 3 if split == "train" else (n + 1) % 3])
            text = f"{tale.format(*names)} {n}{split}"
            spans = [(text.index(name), text.index(name) + len(name)) for name in names]
            own = [
                {"start": a, "end": b, "label": label}
                for (a, b), label in zip(spans, ("person", "town"), strict=True)
            ]
            rows.append(json.dumps({"text": text, "entities": own}, ensure_ascii=False))
        (project / f"{split}.jsonl").write_text("\n".join(rows), encoding="utf-8")

    assert cli.main(["new", "foo", "train.jsonl", "test.jsonl"]) == 0
    told = capsys.readouterr().out
    assert f"language: {code}; tasks: NER" in told
    assert f"there are no instruction texts in {code!r}: they will be English" in told
    assert cli.main(["check", "foo", "--raw", "raw/full"]) == 0
    assert cli.main(["run", "foo", "--raw", "raw/full", "--out", "out"]) == 0

    folder = project / f"out/corpus/NER-{code}"
    rows = [row for path in folder.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["split"] for row in rows} == {"train", "test"}
    answers = {name for r in rows for own in json.loads(r["output"]).values() for name in own}
    assert {*people, *towns} <= answers


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" * 40])
def test_files_that_hold_no_text_are_refused(tmp_path, content):
    (tmp_path / "train.txt").write_bytes(content)

    with pytest.raises(RawFileError):
        drafting.draft("foo", None, {}, {"train": [tmp_path / "train.txt"]}, None)
