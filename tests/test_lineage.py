"""Folders that do not belong together are refused, with the command that is due."""

import copy
import json
import shutil
from pathlib import Path

import pytest
import yaml

from pipeline import cli, lineage
from tests.conftest import ROOT

NAMES = ("wnut2017", "cluener")
STAGES = ("normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report")


def parameters():
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = {name: params["datasets"][name] for name in NAMES}
    return params | {"raw": str(ROOT / "raw" / "sample")}


@pytest.fixture
def workspace(tmp_path):
    """Parameters of two datasets, and a function that runs a command with them."""
    return Workspace(tmp_path, parameters())


class Workspace:
    def __init__(self, folder, params):
        self.params, self.file, self.out = params, folder / "params.yaml", folder / "out"
        self.file.write_text(yaml.safe_dump(params), encoding="utf-8")

    def __call__(self, *command):
        options = ["--params", str(self.file), "--out", str(self.out)]
        return cli.main([*command, *options, "--workers", "1"])

    def export(self, form):
        options = ["--params", str(self.file), "--output", str(self.out)]
        return cli.main(["export", form, "--out", str(self.out / "exported"), *options])

    def change(self, section, **values):
        self.params[section] |= values
        self.file.write_text(yaml.safe_dump(self.params), encoding="utf-8")

    def stamp(self, stage, name="wnut2017"):
        return self.out / stage / name / lineage.NAME


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("once"), parameters())
    assert workspace("run", "--datasets", ",".join(NAMES)) == 0
    return workspace


@pytest.fixture
def made(once, workspace):
    """A workspace in which all stages have run."""
    shutil.copytree(once.out, workspace.out)
    return workspace


def test_stages_in_their_order_agree_with_a_run(made, capsys):
    for stage in STAGES:
        assert made(stage) == 0, capsys.readouterr().err


def test_a_stamp_names_what_was_read(made):
    stamps = {stage: json.loads(made.stamp(stage).read_bytes()) for stage in lineage.STAGES}

    assert stamps["clean"]["sources"] == {"normalize": stamps["normalize"]["contents"]}
    assert stamps["dedupe"]["sources"] == {"clean": stamps["clean"]["contents"]}
    asked = stamps["instruct"]["sources"]
    assert asked["clean"] == stamps["clean"]["contents"]
    assert asked["dedupe"] == stamps["dedupe"]["contents"]
    assert len({own["declaration"] for own in stamps.values()}) == 1
    for stage, own in stamps.items():
        assert own["contents"] == lineage.contents(made.out / stage / "wnut2017")


@pytest.mark.parametrize(
    ("section", "values", "forgotten", "words", "due"),
    [
        ("normalize", {"max_chars": 40}, "clean", "max_chars was None, is 40", "normalize"),
        ("clean", {"min_characters": 9}, "dedupe", "min_characters was 5, is 9", "clean"),
        ("dedupe", {"across_datasets": False}, "negatives", "across_datasets", "dedupe"),
        ("instruct", {"seed": 4}, "publish", "seed was 0, is 4", "instruct"),
    ],
)
def test_a_parameter_that_changed(made, capsys, section, values, forgotten, words, due):
    made.change(section, **values)

    assert made(forgotten) == 1

    told = capsys.readouterr().err
    assert words in told
    assert f"run `iepile {due}" in told


def test_a_parameter_that_changes_no_record_is_no_matter(made):
    made.change("normalize", max_reject_rate=0.5)

    assert made("clean") == 0


def test_a_forgotten_stage(made, capsys):
    made.change("normalize", records_per_shard=3)
    assert made("normalize", "wnut2017") == 0

    for stage in ("dedupe", "negatives", "instruct", "publish", "report"):
        assert made(stage) == 1
    assert made.export("bio") == 1
    assert "normalize of wnut2017 has changed since clean was run" in capsys.readouterr().err


def test_a_stage_before_its_time(workspace, capsys):
    assert workspace("publish") == 1
    assert "normalize has not been run over cluener" in capsys.readouterr().err

    assert workspace("normalize") == 0
    assert workspace("negatives") == 1
    assert "clean has not been run over cluener" in capsys.readouterr().err


def test_another_list_of_datasets(made, capsys):
    del made.params["datasets"]["cluener"]
    made.change("dedupe")

    assert made("publish") == 1
    assert "cluener is in one list and not in the other" in capsys.readouterr().err


def test_another_dictionary(made, capsys):
    path = made.out / "dictionaries" / "hard_negatives" / "wnut2017.json"
    content = json.loads(path.read_bytes())
    content["tasks"]["NER"]["person"] = []
    path.write_text(json.dumps(content), encoding="utf-8")
    assert made("publish") == 1
    assert "the dictionary of wnut2017 has changed since instruct" in capsys.readouterr().err

    del content["tasks"]["NER"]["person"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert made("instruct") == 1
    assert "does not know the label 'person'" in capsys.readouterr().err


def test_another_declaration(made, capsys, monkeypatch):
    from pipeline import catalog

    real = catalog.load

    def renamed(name, *more):
        dataset = copy.deepcopy(real(name, *more))
        if name == "wnut2017":
            dataset.labels.entity = {**dataset.labels.entity, "person": "human being"}
            dataset.title = "Another title"
        return dataset

    monkeypatch.setattr(catalog, "load", renamed)
    for stage in ("clean", "dedupe", "negatives", "instruct", "publish", "report"):
        assert made(stage) == 1
    assert made.export("messages") == 1
    told = capsys.readouterr().err
    assert told.count("the declaration of wnut2017 has changed since normalize was run") == 7


def test_a_corpus_older_than_its_instructions_is_not_exported(made, capsys):
    assert made.export("messages") == 0
    made.change("instruct", seed=4)
    assert made("instruct") == 0

    assert made.export("messages") == 1
    told = capsys.readouterr().err
    assert "the instructions of cluener are others than publish saw" in told
    assert "run `iepile publish` and the stages after it" in told
    assert made("publish") == 0
    assert made.export("messages") == 0


def test_a_corpus_of_other_parameters_is_not_exported(made, capsys, monkeypatch):
    monkeypatch.chdir(made.out.parent)
    made.out.rename("output")
    made.change("publish", max_rows={"wnut2017": 3})
    Path("dictionaries").symlink_to("output/dictionaries")

    assert cli.main(["export", "messages", "--out", "exported"]) == 1
    told = capsys.readouterr().err
    assert "publish was run with other parameters: max_rows was {}, is {'wnut2017': 3}" in told


def test_a_title_or_a_licence_makes_nothing_stale():
    from msgspec.structs import replace

    from pipeline import catalog

    dataset = catalog.load("wnut2017")
    assert lineage.declaration(replace(dataset, title="x", license="y")) == lineage.declaration(
        dataset
    )
    assert lineage.declaration(replace(dataset, source="x")) != lineage.declaration(dataset)


def test_a_run_removes_what_was_left_of_other_datasets_and_killed_runs(made):
    kept = made.out / "clean" / "mine"
    kept.mkdir()
    (kept / "notes.txt").write_text("not of any stage", encoding="utf-8")
    (made.out / "instruct" / ".wnut2017.partial").mkdir()

    assert made("run", "--datasets", "wnut2017") == 0

    for stage in ("normalize", "clean", "dedupe", "instruct"):
        found = {p.name for p in (made.out / stage).iterdir() if p.is_dir()}
        assert found == {"wnut2017", *(["mine"] if stage == "clean" else [])}


def test_a_run_of_nothing_is_an_error_and_leaves_the_corpus(made, capsys, tmp_path):
    before = (made.out / "corpus" / "README.md").read_bytes()

    assert made("run", "--raw", str(tmp_path / "nowhere")) == 1

    assert "none of these datasets has raw files" in capsys.readouterr().err
    assert (made.out / "corpus" / "README.md").read_bytes() == before


@pytest.mark.parametrize(
    ("section", "values", "word"),
    [
        ("publish", {"max_rows": {"wnut2018": 5}}, "wnut2018"),
        ("negatives", {"weights": {"nam": 1.0}}, "nam"),
    ],
)
def test_what_a_later_stage_would_refuse_stops_a_run_before_the_first(
    made, capsys, section, values, word
):
    made.change(section, **values)
    before = made.stamp("normalize").stat().st_mtime_ns

    assert made("run", "--datasets", "wnut2017") == 1

    assert word in capsys.readouterr().err
    assert made.stamp("normalize").stat().st_mtime_ns == before
