"""The stages over one folder: none works on what the stage before has not made."""

import pytest

from pipeline import config, run
from pipeline.errors import RawFileError, StaleError
from tests.conftest import ROOT


def workspace(raw, out):
    settings = config.load(ROOT / "params.yaml")
    return run.Workspace(settings, raw, out, out / "dictionaries")


@pytest.mark.parametrize(
    "stage", [run.clean, run.dedupe, run.negatives, run.instruct, run.publish, run.report]
)
def test_a_stage_whose_input_is_not_there_is_an_error_that_names_it(stage, tmp_path):
    """An empty folder would become an empty corpus."""
    with pytest.raises(StaleError, match="has not been run over scierc"):
        stage(["wnut2017", "scierc"], workspace(ROOT / "raw" / "sample", tmp_path))

    assert [*tmp_path.iterdir()] == []


def test_a_stage_run_for_some_datasets_is_not_enough_for_others(tmp_path):
    ws = workspace(ROOT / "raw" / "sample", tmp_path)
    run.normalize(["wnut2017"], ws)

    with pytest.raises(StaleError, match="normalize has not been run over scierc\n") as caught:
        run.clean(["scierc", "wnut2017"], ws)
    assert caught.value.where == tmp_path / "normalize" / "scierc"


def test_the_largest_go_first_folders_too(tmp_path):
    """genia2011 is folders of 19 kB, coae2016 folders of less, wnut2017 files of 7 kB."""
    ws, told = workspace(ROOT / "raw" / "sample", tmp_path), []
    run.normalize(["coae2016", "genia2011", "wnut2017"], ws, told.append)

    assert [line.split()[1] for line in told] == ["genia2011", "wnut2017", "coae2016"]


def test_no_raw_files_at_all_is_an_error(tmp_path):
    told = []
    with pytest.raises(RawFileError, match="none of these datasets has raw files") as caught:
        run.everything(["wnut2017"], workspace(tmp_path / "raw", tmp_path / "out"), told.append)

    assert caught.value.where == tmp_path / "raw"
    assert told == []
    assert not (tmp_path / "out").exists()
