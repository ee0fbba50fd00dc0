"""The stages over one folder: none works on what the stage before has not made."""

import msgspec
import pytest

from pipeline import catalog, config
from pipeline.catalog import raw_files
from pipeline.commands import chain
from pipeline.commands.layout import Workspace
from pipeline.errors import RawFileError, StaleError
from pipeline.execution import freshness, shards
from tests.conftest import ROOT
from tests.helpers import make


def workspace(raw, out):
    settings = config.load(ROOT / "params.yaml")
    return Workspace(settings, raw, out)


def test_no_raw_files_at_all_is_an_error(tmp_path):
    with pytest.raises(RawFileError, match="none of these datasets has raw files") as caught:
        chain.everything(["wnut2017"], workspace(tmp_path / "raw", tmp_path / "out"))

    assert caught.value.where == tmp_path / "raw"
    assert not (tmp_path / "out").exists()


def test_a_stage_run_for_some_datasets_is_not_enough_for_others(tmp_path):
    ws = workspace(ROOT / "raw" / "sample", tmp_path)
    make("normalize", ["wnut2017"], ws)

    with pytest.raises(StaleError, match="normalize of scierc has not been run\n") as caught:
        make("clean", ["scierc", "wnut2017"], ws)
    assert caught.value.where == tmp_path / "normalize" / "scierc"


def test_datasets_share_a_budget(tmp_path):
    ws = workspace(ROOT / "raw" / "sample", tmp_path)
    instruct = msgspec.structs.replace(ws.settings.instruct, budget=20)
    ws = ws._replace(settings=msgspec.structs.replace(ws.settings, instruct=instruct))
    names = ["scierc", "wnut2017"]
    chain.everything(names, ws)

    counts = shards.read_json(tmp_path / "reports" / "counts.json", "budget", "datasets")
    assert counts["budget"]["chosen"]["records"] < counts["budget"]["all"]["records"]
    rows = [
        own["train"]["instructions"]
        for dataset in counts["datasets"].values()
        for own in dataset["instructions"].values()
    ]
    assert 10 <= sum(rows) <= 30
    before = freshness.digests(tmp_path / "instruct" / "scierc")
    # What is asked of one dataset follows from the records of the others too.
    chain.Chain(names, ws).make("instruct", force=True)
    assert freshness.digests(tmp_path / "instruct" / "scierc") == before
    for stage in ("normalize", "clean", "dedupe", "negatives"):
        make(stage, [*names, "cluener"], ws)
    assert chain.Chain([*names, "cluener"], ws).why_stale("instruct", "wnut2017")


def test_the_largest_go_first_folders_too():
    """genia2011 is folders of 19 kB, coae2016 folders of less, wnut2017 files of 7 kB."""
    sizes = {}
    for name in ("coae2016", "genia2011", "wnut2017"):
        dataset = catalog.load(name)
        folder, manifest = raw_files.edition(dataset, ROOT / "raw" / "sample")
        paths = [folder / f.path for split in manifest.splits.values() for f in split.files]
        sizes[name] = sum(map(raw_files.size, paths))

    assert sizes["genia2011"] > sizes["wnut2017"] > sizes["coae2016"] > 0
