"""Whatever the parameters, no stage writes a record of false offsets, indices or labels."""

import json
import random
from itertools import product
from types import SimpleNamespace
from typing import get_args

import pytest

from pipeline import catalog
from pipeline.catalog import raw_files
from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe, Fixable, Instruct, Negatives, Normalize, Policy, Settings
from pipeline.dedupe import tags as kept
from pipeline.dedupe.stage import dedupe
from pipeline.errors import RecordError
from pipeline.execution import shards
from pipeline.instruct.stage import instruct
from pipeline.negatives.interchange import dictionary_for
from pipeline.negatives.stage import negatives
from pipeline.normalize import stage as first_stage
from pipeline.normalize.stage import Source, normalize
from pipeline.publish.stage import publish
from pipeline.records import Argument, Event, Mention, Record, Relation
from pipeline.tables import from_table, to_table
from tests import invariants
from tests.conftest import ROOT
from tests.helpers import declared, table

STOP_WORDS = ROOT / "pipeline" / "clean" / "stop_words"
#: Values of enum roles in long documents, and a row per annotation.
SAMPLES = [*map(catalog.load, ("duee-fin", "gids"))]
LABELS = {
    "entity": ["film", "novel", "place"],
    "relation": ["adapted from", "set in"],
    "event": ["release", "award"],
    "role": ["work", "kind", "place"],
}
PLANTED = declared(
    "planted",
    ("NER", "RE", "EE", "EET", "EEA"),
    **LABELS,
    roles=dict.fromkeys(LABELS["event"], LABELS["role"]),
    enum_roles=["kind"],
)
FIXES = [[], *([kind] for kind in get_args(Fixable)), [*get_args(Fixable)]]
WINDOW_CHARS = (None, 40)
NEAR = ("ignore", "report", "drop")


def records(split):
    """Records of few words: texts are equal, equal but for white space, or nearly equal."""
    chance = random.Random(0)  # the same texts in every split
    words = ["Rome", "Rome", "caf\u00e9", "cafe\u0301", "won", "in", "the", "silver", "river"]
    texts = []
    for _ in range(8):
        sizes = (chance.randint(3, 8) for _ in range(chance.randint(1, 5)))
        texts.append(" ".join(f"A {' '.join(chance.choices(words, k=k))}." for k in sizes))
    chance = random.Random(split)
    for number in range(30):
        text = chance.choice(texts)
        if chance.random() < 0.5:
            blanks = (chance.choice([" ", " ", "  ", "\t"]) for _ in text)
            text = "".join(b if c == " " else c for b, c in zip(blanks, text, strict=True))
        if chance.random() < 0.1:
            text += " Indeed."
        yield annotated(chance, text, f"planted:{number}")


def annotated(chance, text, origin):
    mentions = [mention_of(chance, text) for _ in range(chance.randint(0, 6))]
    mentions += chance.sample(mentions, min(len(mentions), chance.randint(0, 2)))  # equal ones

    def any_mention():
        return chance.randrange(len(mentions))

    def slots(most):
        return tuple(
            Argument(chance.choice(LABELS["role"]), any_mention())
            for _ in range(chance.randint(0, most))
        )

    if not mentions:
        return Record(text, origin, [], [], [Event("award")] * chance.randint(0, 1))
    relations = [
        Relation(chance.choice(LABELS["relation"]), any_mention(), any_mention(), slots(2))
        for _ in range(chance.randint(0, 3))
    ]
    events = [
        Event(chance.choice(LABELS["event"]), chance.choice([None, any_mention()]), slots(3))
        for _ in range(chance.randint(0, 3))
    ]
    return Record(text, origin, mentions, relations, events)


def mention_of(chance, text):
    start = chance.randrange(len(text))
    end = min(len(text), start + chance.randint(1, 12))
    label = chance.choice([None, *LABELS["entity"]])
    kind = chance.random()
    if kind < 0.6:
        return Mention(text[start:end], start, end, label)
    if kind < 0.8:
        return Mention(text[start:end], None, None, label)
    if kind < 0.9:
        return Mention(chance.choice(["yes", "elsewhere"]), None, None, label)
    pieces = text.split()
    return Mention(f"{pieces[0]} {pieces[-1]}", None, None, label, discontinuous=True)


def made(folder, monkeypatch, window_chars):
    """The normalized samples and planted records; texts over `window_chars` are parted."""
    readers = catalog.reader

    def reader(dataset):
        return readers(dataset) if dataset.id != "planted" else lambda files: records(files[0].name)

    monkeypatch.setattr(catalog, "reader", reader)
    raw = folder / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        (raw / split).write_text("read by nobody")
    files = {split: catalog.Split([catalog.File(split)]) for split in ("train", "dev", "test")}
    sources = [Source(PLANTED, raw, catalog.Manifest(files))]
    sources += [Source(d, *raw_files.edition(d, ROOT / "raw" / "sample")) for d in SAMPLES]
    normalize(sources, Normalize(window_chars=window_chars), folder / "normalize")
    return [source.dataset for source in sources]


def all_sound(dataset, *tables):
    for one in tables:
        invariants.records.sound(one, dataset, dataset.id)


def corpus_of(datasets, folders, out):
    """The stages after dedupe; every instruction asks of a record that was kept."""
    negatives(datasets, folders["clean"], folders["dedupe"], Negatives(), out / "negatives")
    near = {d.id: dictionary_for(d, out / "negatives") for d in datasets}
    instruct(datasets, folders["clean"], folders["dedupe"], near, Instruct(), folders["instruct"])
    publish(datasets, folders, Settings(), out / "corpus")
    texts = {
        (record["id"], record["text"])
        for d in datasets
        for _, table in kept.tables(folders["clean"] / d.id, folders["dedupe"] / d.id)
        for record in table.select(["id", "text"]).to_pylist()
    }
    rows = [r for p in (out / "corpus").rglob("*.parquet") for r in shards.read(p).to_pylist()]
    assert len(rows) == len({row["id"] for row in rows})
    for row in rows:
        asked = json.loads(row["instruction"])
        assert (row["record_id"], asked["input"]) in texts
        assert json.loads(row["output"]).keys() <= {*map(shown, asked["schema"])}


def shown(item):
    """How the output calls a label."""
    names = ("event_type", "entity_type", "predicate")
    return item if isinstance(item, str) else next(item[n] for n in names if n in item)


@pytest.mark.parametrize("window_chars", WINDOW_CHARS)
def test_whatever_the_parameters_every_record_of_every_stage_is_sound(
    window_chars, tmp_path, monkeypatch
):
    datasets = made(tmp_path, monkeypatch, window_chars)
    folders = {"normalize": tmp_path / "normalize"}
    for d in datasets:
        all_sound(
            d, *(shards.read(p) for _, p in shards.record_shards(folders["normalize"] / d.id))
        )
    merged = 0
    for number, fix in enumerate(FIXES):
        folders["clean"] = tmp_path / f"clean{number}"
        clean(
            datasets,
            folders["normalize"],
            Clean(fix=fix, long_text=60),
            STOP_WORDS,
            folders["clean"],
        )
        for d in datasets:
            all_sound(d, *(table for _, table in kept.tables(folders["clean"] / d.id, None)))
        for policy, near in product(get_args(Policy), NEAR) if len(fix) != 1 else ():
            place = tmp_path / f"{number}-{policy}-{near}"
            folders |= {"dedupe": place / "dedupe", "instruct": place / "instruct"}
            conflicts = dict.fromkeys(("train", "dev", "test"), policy)
            settings = Dedupe(conflicts=conflicts, near_duplicates=near)
            dedupe(datasets, folders["clean"], settings, folders["dedupe"])
            ws = SimpleNamespace(
                folders=folders,
                dataset={d.id: d for d in datasets}.__getitem__,
                settings=Settings(clean=Clean(fix=fix), dedupe=settings),
            )
            for d in datasets:
                invariants.records.cleaned(d.id, ws)
            invariants.records.deduped([d.id for d in datasets], ws)
            for d in datasets:
                own = folders["dedupe"] / d.id
                all_sound(d, *(table for _, table in kept.tables(folders["clean"] / d.id, own)))
                merged += d is PLANTED and any(own.glob("merged-*"))
            if fix and near == "drop" and policy in {"first", "merge"}:
                corpus_of(datasets, folders, place)
    assert merged == 2 * len(NEAR)


def test_a_shard_that_was_changed_is_found_by_the_next_stage(tmp_path):
    dataset = declared(entity=["place"], conflicts={"train": "merge"})
    path = tmp_path / "toy" / "train-00000.parquet"
    texts = [("Rome fell", [("Rome", "place")]), ("Rome  fell", [])]
    good = from_table(table(*texts))
    broken = to_table(
        [r._replace(mentions=[m._replace(start=51, end=55) for m in r.mentions]) for r in good],
        ["toy/train/0", "toy/train/1"], dataset="toy", split="train", language="en",
    )  # fmt: skip
    shards.write(broken, path)

    for stage in (
        lambda: clean([dataset], tmp_path, Clean(), STOP_WORDS, tmp_path / "clean"),
        lambda: dedupe([dataset], tmp_path, Dedupe(), tmp_path / "dedupe"),
    ):
        with pytest.raises(RecordError, match="51:55 in a text of 9 characters") as caught:
            stage()
        assert caught.value.where == "toy/train/0, from toy.txt:1"


def test_a_window_that_is_not_sound_is_not_written(tmp_path, monkeypatch):
    bad = Record("Rome fell", "planted:0", [Mention("Rome", 51, 55, "place")])
    monkeypatch.setattr(first_stage, "windows", lambda *_: ([bad], {}))

    with pytest.raises(RecordError, match="51:55 in a text of 9 characters"):
        made(tmp_path, monkeypatch, 4)
