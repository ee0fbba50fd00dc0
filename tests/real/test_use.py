"""Scores and exports on real bytes: gold scores 100.0, and what is exported can be imported."""

import os
from pathlib import Path

import pytest

from pipeline import catalog
from pipeline.adding import importing
from pipeline.adding.importing import Wanted
from pipeline.catalog import raw_files
from pipeline.clean.stage import clean
from pipeline.config import Clean, Dedupe, Normalize, Settings
from pipeline.dedupe.stage import dedupe
from pipeline.execution import atomic
from pipeline.exports import Source, writing
from pipeline.instruct import coverage
from pipeline.instruct.stage import instruct
from pipeline.publish.stage import publish
from pipeline.scoring import evaluation, predictions
from pipeline.scoring.counting import Options
from tests.conftest import ROOT
from tests.helpers import normalize_one

MANIFESTS = Path(__file__).parent / "manifests"
RAW = os.environ.get("IEPILE_RAW")
NAMES = sorted(path.stem for path in MANIFESTS.glob("*.toml"))
#: Every task and both languages; the round trip of all would take long.
SOME = ["cluener", "conll04", "duie1", "duee1", "fewfc", "genia2011", "scierc", "wnut2017"]

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


def records_of(dataset, raw, manifests, out):
    folder, manifest = raw_files.edition(dataset, raw, manifests)
    normalize_one(dataset, folder, manifest, Normalize(), out / "normalize" / dataset.id)
    words = ROOT / "pipeline" / "clean" / "stop_words"
    clean([dataset], out / "normalize", Clean(), words, out / "clean")
    dedupe([dataset], out / "clean", Dedupe(), out / "dedupe")


@pytest.mark.parametrize("name", NAMES)
def test_gold_scores_100(name, tmp_path):
    dataset, settings = catalog.load(name), Settings()
    records_of(dataset, Path(RAW), MANIFESTS, tmp_path)
    folders = {stage: tmp_path / stage for stage in ("normalize", "clean", "dedupe", "instruct")}
    source = (folders["clean"], folders["dedupe"], {name: {}})
    instruct([dataset], *source, settings.instruct, folders["instruct"])
    publish([dataset], folders, settings, tmp_path / "corpus")
    if not [*tmp_path.glob("corpus/*/*.parquet")]:
        pytest.skip("a held-out set of which these files hold no test split")

    corpus = tmp_path / "corpus"
    scores = evaluation.score(predictions.read(corpus), corpus, Options(samples=20))

    asked = {t for t in dataset.tasks if coverage.way(dataset, t, settings.instruct) != "never"}
    assert {entry["task"] for entry in scores["scores"]} == asked
    for entry in scores["scores"]:
        told = [entry[key] for key in ("precision", "recall", "f1")]
        assert told == [100.0, 100.0, 100.0], entry
        assert not any(entry[key] for key in ("missing", "parse_failures", "malformed_items"))


@pytest.mark.parametrize("name", SOME)
def test_what_is_exported_is_imported_and_exported_again(name, tmp_path):
    dataset = catalog.load(name)
    records_of(dataset, Path(RAW), MANIFESTS, tmp_path / "run")
    with atomic.replacing(tmp_path / "first") as partial:
        writing.export("iepile-jsonl", Source("records", tmp_path / "run", (dataset,)), partial)
    for task in dataset.tasks:
        folder = tmp_path / "first" / f"IE-{dataset.language}" / task / name
        own = tmp_path / task
        wanted = Wanted(name, held_out=dataset.use == "held-out")
        importing.run(folder, wanted, own / "raw", own / "toml")
        again = catalog.load(name, own / "toml")
        normalize_one(
            again, *raw_files.edition(again, own / "raw"), Normalize(), own / "run/clean" / name
        )
        with atomic.replacing(own / "second") as partial:
            writing.export("iepile-jsonl", Source("records", own / "run", (again,)), partial)
        for path in folder.glob("[td]*.json"):
            second = own / "second" / path.relative_to(tmp_path / "first")
            assert path.read_bytes() == second.read_bytes()
