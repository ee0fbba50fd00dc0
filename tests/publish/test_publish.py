"""Publishing: caps and repeats by hash, shard sizes, lengths, and what the card says."""

import re
from collections import Counter

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import catalog, hashing
from pipeline.config import Instruct, Publish, Settings
from pipeline.dedupe.tags import TAGS
from pipeline.errors import CountError, DeclarationError
from pipeline.execution import shards, shuffle
from pipeline.publish import card, lengths, loading, shares
from pipeline.publish import stage as publish
from pipeline.publish.card import Published
from pipeline.tables import INSTRUCTIONS, RECORDS

NAMES = ("wnut2017", "scierc")
ROWS = {"wnut2017": 300, "scierc": 120}


def instruction(name, split, n):
    text = "x" * (n % 50)
    return {
        "task": "NER",
        "source": name,
        "instruction": text,
        "output": "{}",
        "language": "en",
        "id": f"{name}/{split}/{n}/NER/0",
        "record_id": f"{name}/{split}/{n}",
        "split": split,
        "labels": ["person"],
        "n_positive": 0,
        "n_hard": 0,
        "n_other": 1,
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Instructions of two datasets in shards of 100 rows, and empty folders of records."""
    out = tmp_path_factory.mktemp("stages")
    for name, count in ROWS.items():
        for split, size in (("train", count), ("dev", 30)):
            rows = [instruction(name, split, n) for n in range(size)]
            for start in range(0, size, 100):
                table = pa.Table.from_pylist(rows[start : start + 100], schema=INSTRUCTIONS)
                path = out / "instruct" / name / "NER" / f"{split}-{start // 100:05d}.parquet"
                shards.write(table, path)
        for stage, schema in (("clean", RECORDS), ("dedupe", TAGS)):
            shards.write(schema.empty_table(), out / stage / name / "train-00000.parquet")
        edition = {"edition": {"invented": name == "scierc", "version": "commit 0123456789"}}
        shards.write_json(edition, out / "normalize" / name / "summary.json")
    return {stage: out / stage for stage in ("normalize", "instruct", "clean", "dedupe")}


def published(folders, out, workers=1, **own):
    datasets = [catalog.load(name) for name in NAMES]
    publish.publish(datasets, folders, Settings(publish=Publish(**own)), out, workers)
    found = {}
    for split in ("train", "dev"):
        paths = sorted((out / "NER-en").glob(f"{split}-*.parquet"))
        found[split] = pa.concat_tables([pq.read_table(p) for p in paths])
    return found


def ids(table):
    return table["id"].to_pylist()


def test_train_is_in_the_order_of_its_hashes_and_dev_in_its_own(folders, tmp_path):
    found = published(folders, tmp_path / "corpus")

    keys = hashing.mix64(hashing.hashes(ids(found["train"])))
    assert (keys[1:] > keys[:-1]).all()
    assert {*ids(found["train"])} == {f"{n}/train/{i}/NER/0" for n in NAMES for i in range(ROWS[n])}
    assert ids(found["dev"]) == [f"{n}/dev/{i}/NER/0" for n in sorted(NAMES) for i in range(30)]


def test_parts_and_workers_change_nothing(folders, tmp_path, monkeypatch):
    published(folders, tmp_path / "a", rows_per_shard=70)
    published(folders, tmp_path / "b", rows_per_shard=70, workers=2)
    monkeypatch.setattr(publish, "_ROWS", 32)
    monkeypatch.setattr(shuffle, "FAN", 3)
    monkeypatch.setattr(shuffle, "LIMIT", 2_000)
    published(folders, tmp_path / "c", rows_per_shard=70)

    def contents(folder):
        return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    assert len(contents(tmp_path / "a")) == 8
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")


def test_a_cap_keeps_so_many_train_rows_by_hash(folders, tmp_path):
    full = published(folders, tmp_path / "full")
    found = published(folders, tmp_path / "capped", max_rows={"wnut2017": 77, "scierc": 500})

    assert Counter(found["train"]["source"].to_pylist()) == {"wnut2017": 77, "scierc": 120}
    assert {*ids(found["train"])} <= {*ids(full["train"])}
    assert found["dev"].equals(full["dev"])
    less = published(folders, tmp_path / "less", max_rows={"wnut2017": 40})
    assert {*ids(less["train"])} - {*ids(found["train"])} == set()


@pytest.mark.parametrize(
    ("times", "low", "high"), [(2, 240, 240), (3.0, 360, 360), (1.5, 150, 210)]
)
def test_repeated_rows_have_ids_of_their_own(folders, tmp_path, times, low, high):
    found = published(folders, tmp_path / "corpus", repeat={"scierc": times})["train"]

    own = [i for i in ids(found) if i.startswith("scierc")]
    assert low <= len(own) <= high
    assert len({*ids(found)}) == found.num_rows == 300 + len(own)
    assert Counter(i.partition("#")[0] for i in own).keys() == {
        f"scierc/train/{n}/NER/0" for n in range(120)
    }
    assert {i.partition("#")[2] for i in own} <= {"", "1", "2"}


def test_a_dataset_that_is_not_there_is_an_error(folders, tmp_path):
    with pytest.raises(DeclarationError, match="there is no dataset 'duie3'"):
        published(folders, tmp_path / "corpus", repeat={"duie3": 2})


def test_shards_of_so_many_bytes(folders, tmp_path):
    files = [pq.read_metadata(p) for p in (folders["instruct"]).glob("*/NER/train-*.parquet")]
    size = sum(f.row_group(0).total_byte_size for f in files)
    out = tmp_path / "corpus"

    published(folders, out, bytes_per_shard=size // 4)

    rows = [pq.read_metadata(p).num_rows for p in sorted((out / "NER-en").glob("train-*"))]
    assert len(rows) in (4, 5)
    assert sum(rows) == 420
    assert {*rows[:-1]} == {rows[0]}


def test_lengths_are_characters_or_tokens(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path / "tokenizer")
    table = pa.table({"instruction": ["a b 漢字", "", "c"], "output": ["{} d", "x", "y z w"]})

    assert lengths.measured(table, None).tolist() == [10, 1, 6]
    assert lengths.measured(table, str(tmp_path / "tokenizer")).tolist() == [5, 1, 4]
    with pytest.raises(DeclarationError, match="cannot load the tokenizer"):
        lengths.measured(table, str(tmp_path / "nothing"))


def test_summary_of_lengths():
    found = [pa.array(range(1, 51)).to_numpy(), pa.array(range(51, 102)).to_numpy()]

    assert lengths.summary([lengths.counted([own]) for own in found]) == (5151, 51, 96, 101)
    assert lengths.summary([lengths.counted([])]) == (0, 0, 0, 0)
    assert lengths.summary([]) == (0, 0, 0, 0)


def test_the_card_tells_rows_lengths_hash_parameters_and_code(folders, tmp_path):
    published(folders, tmp_path / "corpus", repeat={"scierc": 2})

    text = (tmp_path / "corpus" / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\| NER-en \| train \| 540 \| [\d,]+ \| \d+ \| \d+ \| 51 \|", text)
    assert publish.corpus_hash(tmp_path / "corpus") in text
    assert "  repeat:\n    scierc: 2.0\n" in text or "scierc: 2" in text
    block = text.partition("```yaml\n")[2].partition("```")[0]
    told = msgspec.yaml.decode(block.encode(), type=Settings)
    assert told.publish == Publish(repeat={"scierc": 2})


def test_the_card_says_how_labels_are_asked_where_they_are_asked_in_sets(folders, tmp_path):
    told = {}
    for grouping in ("confusable", "round_robin"):
        own = Settings(instruct=Instruct(grouping=grouping))
        publish.publish([catalog.load(n) for n in NAMES], folders, own, tmp_path / grouping)
        told[grouping] = (tmp_path / grouping / "README.md").read_text(encoding="utf-8")

    assert "in 64 ways" in told["confusable"]
    assert "6 for NER" in told["confusable"]
    assert "**Base rates.**" in told["confusable"]
    assert "1.5 rows without a positive" in told["confusable"]
    assert "How labels are asked" not in told["round_robin"]


def test_the_card_says_whose_texts_are_invented(folders, tmp_path):
    published(folders, tmp_path / "corpus")
    text = (tmp_path / "corpus" / "README.md").read_text(encoding="utf-8")

    _, front, body = text.split("---\n", 2)
    assert msgspec.yaml.decode(front.encode())["edition"] == {"invented": ["scierc"]}
    told = "**Invented text.** The texts of 1 of 2 datasets (scierc) are invented:"
    assert body.lstrip().startswith(told)
    for name, texts in (("wnut2017", "real, commit 0123456789"), ("scierc", "invented")):
        d = catalog.load(name)
        assert f"| {d.source} | {d.title} | {texts} |" in text
        assert f"| {d.homepage} | {d.citation} |" in text


def test_the_hub_reads_what_the_card_says_of_itself(folders, tmp_path):
    from datasets import Features
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    published(folders, tmp_path / "corpus")
    found = DatasetCard.load(tmp_path / "corpus" / "README.md", ignore_metadata_errors=False)

    data = found.data
    assert data.pretty_name == "Schema-based information-extraction instructions"
    assert (data.license, data.license_name) == ("other", "licenses-of-the-sources")
    assert (data.language, data.size_categories) == (["en"], "n<1K")
    assert data.task_categories == ["text-generation", "token-classification"]
    assert {"information-extraction", "NER", "RE", "invented-text"} <= {*data.tags}
    assert "EE" not in data.tags
    infos = DatasetInfosDict.from_dataset_card_data(data)
    assert infos["NER-en"].features == Features.from_arrow_schema(INSTRUCTIONS)
    splits = infos["NER-en"].splits
    assert {name: split.num_examples for name, split in splits.items()} == {"train": 420, "dev": 60}
    files = [*(tmp_path / "corpus" / "NER-en").iterdir()]
    assert infos["NER-en"].download_size == sum(path.stat().st_size for path in files)
    assert infos["NER-en"].dataset_size == sum(split.num_bytes for split in splits.values()) > 0
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert {*configs} == {"default", "NER-en"}
    assert configs.get_default_config_name() == "default"


@pytest.mark.parametrize(
    ("rows", "size"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (2_500_000, "1M<n<10M")],
)
def test_sizes_are_named_as_the_hub_does(rows, size):
    made = {"NER-en/train": Published({"wnut2017": rows}, lengths.Lengths())}
    front = card._front_matter([catalog.load("wnut2017")], made, [], "name")

    assert msgspec.yaml.decode(front.partition("---\n")[0].encode())["size_categories"] == size


def test_the_card_shows_a_row_columns_and_how_to_load(folders, tmp_path):
    published(folders, tmp_path / "corpus")
    text = (tmp_path / "corpus" / "README.md").read_text(encoding="utf-8")

    row = msgspec.json.decode(text.partition("```json\n")[2].partition("```")[0].encode())
    assert {*row} == {*INSTRUCTIONS.names}
    assert row["split"] == "train"
    columns = text.partition("## Columns\n\n")[2].partition("\n\n")[0].splitlines()[2:]
    kinds = {"int32": "int32", "string": "string", "list<item: string not null>": "list of strings"}
    for line, field in zip(columns, INSTRUCTIONS, strict=True):
        assert line.startswith(f"| `{field.name}` | {kinds[str(field.type)]} | ")
    assert 'load_dataset("path/to/this/folder", "NER-en", split="train"' in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert [*dict.fromkeys(headings)] == headings
    for heading in ("Use", "Intended use", "Limitations", "Personal data", "How it was made"):
        assert f"## {heading}" in headings
    assert "$" not in text


def test_what_datasets_finds_is_checked_without_a_network(folders, tmp_path, monkeypatch):
    def refused(*_):
        raise AssertionError("no network is needed")

    monkeypatch.setattr("socket.socket.connect", refused)
    monkeypatch.setattr("socket.getaddrinfo", refused)
    rows = {"NER-en/train": 420, "NER-en/dev": 60}
    published(folders, tmp_path / "corpus")

    loading.check(tmp_path / "corpus", rows)
    with pytest.raises(CountError, match="421 rows were written to NER-en/train, `datasets` finds"):
        loading.check(tmp_path / "corpus", rows | {"NER-en/train": 421})
    with pytest.raises(CountError, match="0 rows were written to NER-en/dev, `datasets` finds 60"):
        loading.check(tmp_path / "corpus", {"NER-en/train": 420})


def test_what_datasets_cannot_open_gets_no_name(folders, tmp_path, monkeypatch):
    written = publish.card
    monkeypatch.setattr(
        publish, "card", lambda *a: written(*a).replace("NER-en/dev-", "NER-en/div-")
    )

    with pytest.raises(CountError, match="`datasets` cannot open the corpus"):
        published(folders, tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_a_folder_whose_name_looks_like_a_pattern(folders, tmp_path):
    """`datasets` opens nothing there, but the corpus can be moved."""
    assert published(folders, tmp_path / "a [b] * c?")["dev"].num_rows == 60


def test_a_shard_of_other_columns_is_refused(folders, tmp_path):
    published(folders, tmp_path / "corpus")
    (path,) = (tmp_path / "corpus" / "NER-en").glob("dev-*.parquet")
    pq.write_table(pq.read_table(path).drop(["n_hard"]), path)

    with pytest.raises(CountError, match="finds other columns than task, source"):
        loading.check(tmp_path / "corpus", {"NER-en/train": 420, "NER-en/dev": 60})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1), unique=True, max_size=60), st.floats(1, 4))
def test_repeats_do_not_depend_on_other_rows(names, times):
    share = shares.Share(repeat=times)
    together = share.copies(pa.array(names, pa.string())).tolist()

    assert together == [share.copies(pa.array([n]))[0] for n in names]
    assert all(int(times) <= n <= int(times) + 1 for n in together)
