"""Small tables of records for tests, and stages run over few datasets."""

import fcntl
import os
import re
import shutil

import numpy as np
import pytest

from pipeline import catalog
from pipeline.catalog import Dataset, Labels, raw_files
from pipeline.commands import chain, wiring
from pipeline.commands.layout import Workspace
from pipeline.config import Settings
from pipeline.execution import shards
from pipeline.instruct.stage import instruct
from pipeline.normalize import stage as normalize
from pipeline.publish.stage import publish
from pipeline.records import Mention, Record
from pipeline.tables import to_table
from tests.conftest import ROOT

#: A declaration, for tests that change a word of it.
DECLARATION = """
title = "Toy"
source = "Toy"
license = "CC0"
language = "en"
domain = "toys"
tasks = ["NER"]
reader = { name = "columns" }
[labels.entity]
PER = "person"
"""


def table(*texts, dataset="toy", split="train", language="en", label="person"):
    """Records of texts, or of (text, [(mention, label), ...]) pairs."""
    records = []
    for n, entry in enumerate(texts):
        text, named = entry if isinstance(entry, tuple) else (entry, [])
        mentions = [
            Mention(m, text.index(m), text.index(m) + len(m), kind or label) for m, kind in named
        ]
        records.append(Record(text, f"toy.txt:{n + 1}", mentions))
    ids = [f"{dataset}/{split}/{n}" for n in range(len(records))]
    return to_table(records, ids, dataset=dataset, split=split, language=language)


def declared(name="toy", tasks=("NER",), entity=(), relation=(), event=(), role=(), **more):
    """A dataset that declares these labels of each kind."""
    labels = {"entity": entity, "relation": relation, "event": event, "role": role}
    return Dataset(
        id=name,
        title=name,
        source=name,
        license="-",
        language="en",
        domain="-",
        tasks=[*tasks],
        reader={"name": "columns"},
        labels=Labels(**{kind: [*own] for kind, own in labels.items()}),
        **more,
    )


def normalize_one(dataset, folder, manifest, settings, out):
    """Normalize one dataset into the folder `out`; return the summary that is written."""
    made = out.with_name(f"{out.name}-made")
    normalize.normalize([normalize.Source(dataset, folder, manifest)], settings, made)
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    (made / dataset.id).rename(out)
    made.rmdir()
    return shards.read_json(out / "summary.json")


def each(cases, check):
    """Check every case, a tuple of arguments; then raise all that failed, each noted with its case.

    For checks so cheap that a test of pytest's for each would cost more than what it tests.
    """
    failed = []
    for case in cases:
        try:
            check(*case)
        except (Exception, pytest.fail.Exception) as problem:  # noqa: BLE001 - raised below
            problem.add_note(f"case: {case!r:.200}")
            failed.append(problem)
    if failed:
        raise BaseExceptionGroup(f"{len(failed)} cases", failed)


def make(stage, names, ws):
    """Run what is due of one stage."""
    due = chain.Chain(names, ws)
    due.require(*wiring.STAGES[stage].reads)
    due.make(stage)


def shared_by_workers(tmp_path_factory, name, make):
    """Return a folder that `make(folder)` fills once for all workers of pytest.

    Nobody may change what is in it.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # the other worker may have failed
            make(folder)
            done.touch()
    return folder


def clean_sample(tmp_path_factory):
    """The datasets of the sample edition, and their folder, normalized, cleaned and deduped."""
    raw = ROOT / "raw" / "sample"
    datasets = [catalog.load(name) for name in catalog.ids()]
    editions = {d.id: raw_files.edition(d, raw) for d in datasets}
    datasets = [d for d in datasets if raw_files.present(*editions[d.id])]

    def made(out):
        ws = Workspace(Settings(), raw, out)
        for stage in ("normalize", "clean", "dedupe"):
            make(stage, [d.id for d in datasets], ws)

    return datasets, shared_by_workers(tmp_path_factory, "clean-sample", made)


def corpus_of_sample(tmp_path_factory):
    """The datasets of the sample edition, and their corpus, with negatives drawn at random."""
    datasets, folder = clean_sample(tmp_path_factory)

    def made(out):
        settings = Settings()
        folders = {stage: folder / stage for stage in ("normalize", "clean", "dedupe")}
        folders["instruct"] = out / "instruct"
        near = {d.id: {} for d in datasets}
        instruct(datasets, *[*folders.values()][1:3], near, settings.instruct, folders["instruct"])
        publish(datasets, folders, settings, out / "corpus")

    return datasets, shared_by_workers(tmp_path_factory, "sample-corpus", made) / "corpus"


def save_model(texts, folder):
    """Save a small model of sentence-transformers: a text is the mean of its words' vectors."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers.models import WordLevel

    known = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)})
    words = ["[UNK]", *known]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.random.RandomState(0).normal(size=(len(words), 64)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=vectors)
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))
