"""A run over sample datasets of both languages and all tasks, shared by the tests of exports."""

import pytest

from pipeline import cli
from tests.helpers import shared_by_workers

DATASETS = ["cluener", "conll04", "crossner-ai", "duee1", "duie2", "genia", "phee", "wiki-zsl"]


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    def make(out):
        arguments = ["--raw", "raw/sample", "--out", str(out), "--workers", "1"]
        assert cli.main(["run", *DATASETS, *arguments]) == 0

    return shared_by_workers(tmp_path_factory, "run-of-exports", make)


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
