"""`iepile use`: params.yaml lists the datasets that have raw files, and keeps the rest."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import yaml

from pipeline import catalog, cli, config
from pipeline.catalog import editions
from tests.conftest import ROOT

SAMPLE = ROOT / "raw" / "sample"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a params.yaml, a sample edition of three datasets and a full one of two."""
    monkeypatch.chdir(tmp_path)
    for edition, names in (("sample", ["cluener", "scierc", "wnut2017"]), ("full", ["scierc"])):
        for name in names:
            shutil.copytree(SAMPLE / name, tmp_path / "raw" / edition / name)
    # As placed by hand: the declared names, without a manifest.
    (tmp_path / "raw/full/cluener").mkdir()
    shutil.copy(SAMPLE / "cluener/train.json", tmp_path / "raw/full/cluener")
    text = "# what runs\nraw: raw/sample\ndatasets:\n  - wnut2017\nclean:\n"
    (tmp_path / "params.yaml").write_text(text + "  min_characters: 7 # ours\n", encoding="utf-8")
    return tmp_path


def test_to_the_full_edition_and_back(project, capsys):
    params = project / "params.yaml"
    assert cli.main(["use", "sample"]) == 0
    before = params.read_text(encoding="utf-8")
    assert "datasets:\n  - cluener\n  - scierc\n" in before

    assert cli.main(["use", "full"]) == 0
    assert "2 datasets from raw/full: cluener, scierc" in capsys.readouterr().out
    settings = config.load(params)
    assert settings.raw == "raw/full"
    assert settings.datasets == ["cluener", "scierc"]
    assert settings.clean.min_characters == 7

    assert cli.main(["use", "sample"]) == 0
    assert params.read_text(encoding="utf-8") == before
    assert before.startswith("# what runs\n")
    assert "min_characters: 7 # ours" in before
    assert [*yaml.safe_load(before)["datasets"]] == ["cluener", "scierc", "wnut2017"]


def test_of_twins_the_full_edition_takes_the_better_one(project, capsys):
    for name in ("nyt", "nyt11-hrl"):
        shutil.copytree(SAMPLE / name, project / "raw" / "full" / name)
        shutil.copytree(SAMPLE / name, project / "raw" / "sample" / name)
        # The texts are invented all the same, but this edition does not say so.
        manifest = project / "raw" / "full" / name / "manifest.toml"
        manifest.write_text(manifest.read_text("utf-8").replace("invented = true", ""), "utf-8")

    assert cli.main(["use", "full"]) == 0
    assert config.load(project / "params.yaml").datasets == ["cluener", "nyt", "scierc"]
    assert "same texts: nyt11-hrl" in capsys.readouterr().out
    shutil.rmtree(project / "raw" / "full" / "nyt")
    assert cli.main(["use", "full"]) == 0
    assert config.load(project / "params.yaml").datasets == ["cluener", "nyt11-hrl", "scierc"]
    # The sample edition shows every dataset.
    assert cli.main(["use", "sample"]) == 0
    assert {"nyt", "nyt11-hrl"} <= {*config.load(project / "params.yaml").datasets}


@pytest.mark.parametrize("name", catalog.ids())
def test_every_dataset_of_the_catalog_is_judged(name):
    quality = catalog.load(name).quality

    assert quality.use in ("good", "with care", "not as it is")
    assert quality.use == "good" or len(quality.why) > 30
    if quality.prefer:
        better = catalog.load(quality.prefer)
        assert better.language == catalog.load(name).language
        assert not better.quality.prefer


def test_any_folder_of_raw_files_is_an_edition(project):
    (project / "raw/full").rename(project / "mine")

    assert cli.main(["use", "mine"]) == 0
    assert config.load(project / "params.yaml").raw == "mine"


def test_a_folder_without_raw_files_changes_nothing(project, capsys):
    before = (project / "params.yaml").read_bytes()

    assert cli.main(["use", "nowhere"]) == 1
    assert "no dataset has raw files here\n" in capsys.readouterr().err
    assert cli.main(["use", "sampel"]) == 1
    assert "no dataset has raw files here, did you mean 'sample'?" in capsys.readouterr().err
    assert (project / "params.yaml").read_bytes() == before


def test_six_datasets_added_at_once_are_all_listed(project, monkeypatch):
    """Each reads what the others have written: none may write before another that has read."""
    names = ["cluener", "duie2", "fewfc", "phee", "scierc", "wikievents"]
    meeting, write = threading.Barrier(len(names), timeout=1), editions.shards.write_text

    def together(text, path):
        with suppress(threading.BrokenBarrierError):  # the others wait for this one
            meeting.wait()
        write(text, path)

    monkeypatch.setattr(editions.shards, "write_text", together)
    params = project / "params.yaml"
    before = sorted(path.name for path in project.iterdir())
    with ThreadPoolExecutor(len(names)) as pool:
        for done in [pool.submit(editions.add, catalog.load(name), params) for name in names]:
            done.result()

    assert [*config.load(params).datasets] == [*names, "wnut2017"]
    assert sorted(path.name for path in project.iterdir()) == before


def test_a_link_to_the_parameters_stays(project):
    (project / "params.yaml").rename(project / "shared.yaml")
    (project / "params.yaml").symlink_to("shared.yaml")

    assert cli.main(["use", "full"]) == 0

    assert (project / "params.yaml").is_symlink()
    assert config.load(project / "shared.yaml").raw == "raw/full"
