"""A run over sample datasets of both languages and all tasks, shared by the tests of exports."""

import pytest

from pipeline import cli
from tests.conftest import ROOT
from tests.helpers import shared_by_workers

DATASETS = ["cluener", "conll04", "crossner-ai", "duee1", "duie2", "genia", "phee", "wiki-zsl"]


def run_of_some(tmp_path_factory):
    """The folder of a run over DATASETS. Nobody may change what is in it."""

    def make(out):
        arguments = ["--raw", str(ROOT / "raw" / "sample"), "--out", str(out), "--workers", "1"]
        assert cli.main(["run", *DATASETS, *arguments]) == 0

    return shared_by_workers(tmp_path_factory, "run-of-some", make)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return run_of_some(tmp_path_factory)


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory):
    """A function from a format to the folder of its export, made once."""
    made = {}

    def export(form):
        if form not in made:
            folder = tmp_path_factory.mktemp(form) / "out"
            call = ["export", form, "--run", str(run), "--out", str(folder)]
            assert cli.main([*call, "--model", "tiny"]) == 0
            made[form] = folder
        return made[form]

    return export
