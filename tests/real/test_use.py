"""Scores and exports on real bytes: gold scores 100.0, and what is exported can be imported."""

import json
import os
from collections import defaultdict
from pathlib import Path

import jsonschema
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline import catalog
from pipeline.adding import importing
from pipeline.adding.evidence import UNKNOWN
from pipeline.catalog import raw_files
from pipeline.config import Normalize
from pipeline.execution import atomic, shards
from pipeline.exports import Source, writing
from pipeline.instruct.asking import way
from pipeline.scoring import evaluation, predictions
from pipeline.scoring.counting import Options
from pipeline.tasks import json_schema
from tests.helpers import normalize_one

MANIFESTS = Path(__file__).parent / "manifests"
RAW = os.environ.get("IEPILE_RAW")
NAMES = sorted(path.stem for path in MANIFESTS.glob("*.toml"))
#: Every task and both languages; the round trip of all would take long.
SOME = ["cluener", "conll04", "duie1", "duee1", "fewfc", "genia2011", "scierc", "wnut2017"]

pytestmark = pytest.mark.skipif(RAW is None, reason="IEPILE_RAW names no folder of real raw files")


@pytest.fixture(scope="module")
def some(real_run, tmp_path_factory):
    """A corpus of 150 records of each config, split and dataset, beside the records of its run."""
    run = tmp_path_factory.mktemp("some")
    for stage in ("clean", "dedupe"):
        (run / stage).symlink_to(real_run.folders[stage])
    pieces = defaultdict(list)
    for path in shards.listed(real_run.folders["publish"], "*/*.parquet"):
        pieces[path.parent.name, path.name.partition("-")[0]].append(shards.read(path))
    for (config, split), tables in pieces.items():
        table = pa.concat_tables(tables)
        records = pc.unique(table["record_id"])
        names = pc.replace_substring_regex(records, "/.*", "")
        own = [records.filter(pc.equal(names, name)).to_pylist() for name in pc.unique(names)]
        chosen = [record for ids in own for record in ids[:: -(-len(ids) // 150)]]
        rows = table.filter(pc.is_in(table["record_id"], pa.array(chosen)))
        shards.write(rows, run / "corpus" / config / f"{split}-00000-of-00001.parquet")
    return run / "corpus"


def reversed_gold(corpus):
    """Answers that say what the gold says, each list of annotations from its end."""
    gold = predictions.read(corpus)
    texts = []
    for text in gold.texts.to_pylist():
        answer = json.loads(text)
        turned = {k: v[::-1] if isinstance(v, list) else v for k, v in answer.items()}
        texts.append(json.dumps(turned, ensure_ascii=False))
    return gold._replace(texts=pa.chunked_array([texts], pa.large_string()))


@pytest.fixture(scope="module")
def scores(some):
    """What the gold scores, as answers to itself: by dataset."""
    by_dataset = defaultdict(list)
    scored = evaluation.score(reversed_gold(some), some, Options(samples=20))
    for entry in scored["scores"]:
        by_dataset[entry["dataset"]].append(entry)
    return by_dataset


@pytest.fixture(scope="module")
def some_rows(some):
    by_dataset = defaultdict(list)
    for path in shards.listed(some, "*/*.parquet"):
        for row in shards.read(path).to_pylist():
            by_dataset[row["record_id"].partition("/")[0]].append(row)
    return by_dataset


@pytest.mark.parametrize("name", NAMES)
def test_gold_scores_100(name, real_run, scores):
    dataset = catalog.load(name)
    _, manifest = raw_files.edition(dataset, Path(RAW), MANIFESTS)
    if dataset.use == "held-out" and not {"test", "all"} & {*manifest.splits}:
        assert not scores[name]  # held-out sets are published as tests, and here is none
        return
    instructions = real_run.settings.instruct
    asked = {t for t in dataset.tasks if way(dataset, t, instructions) != "never"}

    assert {entry["task"] for entry in scores[name]} == asked
    for entry in scores[name]:
        told = [entry[key] for key in ("precision", "recall", "f1")]
        assert told == [100.0, 100.0, 100.0], entry
        assert not any(entry[key] for key in ("missing", "parse_failures", "malformed_items"))


def test_gold_scores_100_by_places_and_with_the_types_of_ends(some):
    options = Options("span", samples=0, strict=True)
    entities = [name for name in SOME if "NER" in catalog.load(name).tasks]
    gold = reversed_gold(some)
    scores = evaluation.score(gold, some, options, datasets=entities)["scores"]

    assert {"entity", "strict"} <= {entry["measure"] for entry in scores}
    assert [entry for entry in scores if entry["f1"] != 100.0] == []


@pytest.mark.parametrize("name", NAMES)
def test_gold_fits_its_json_schema(name, some_rows):
    for row in some_rows[name]:
        validator = jsonschema.Draft202012Validator(json_schema.of_row(row))
        validator.validate(json.loads(row["output"]))
    assert some_rows[name] or catalog.load(name).use == "held-out"


@pytest.mark.parametrize("name", SOME)
def test_what_is_exported_is_imported_and_exported_again(name, real_run, tmp_path):
    dataset = catalog.load(name)
    with atomic.replacing(tmp_path / "first") as partial:
        writing.export("iepile-jsonl", Source("records", real_run.out, (dataset,)), partial)
    for task in dataset.tasks:
        folder = tmp_path / "first" / f"IE-{dataset.language}" / task / name
        for path in folder.glob("[td]*.json"):  # some 2,000 lines say as much as all
            rows = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(rows[:: -(-len(rows) // 2_000)]))
        own = tmp_path / task
        wanted = msgspec.structs.replace(UNKNOWN, id=name, use=dataset.use)
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
