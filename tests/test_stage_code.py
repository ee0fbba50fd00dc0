"""What DVC is told that a stage follows from: code reached by way of others, words, parameters."""

import pytest

from pipeline import options, stage_code
from pipeline.config import Instruct, Settings
from pipeline.corpus import card
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("stage", "has"),
    [
        ("normalize", {"stages/normalize.py", "tally.py", "tables.py", "windows.py"}),
        ("clean", {"stages/clean.py", "cleaning/rules.py", "shards.py", "cleaning/chinese.py"}),
        ("dedupe", {"cleaning/minhash.py", "text.py", "kept.py"}),
        ("negatives", {"dictionary/evidence.py", "dictionary/encoders.py", "tasks/_answers.py"}),
        ("instruct", {"corpus/assembly.py", "hashing.py", "tasks/kg.py", "corpus/templates.toml"}),
        ("publish", {"corpus/card.py", "corpus/lengths.py"}),
        ("report", {"audit/examples.py", "audit/page/page.html", "audit/page/charts.py"}),
    ],
)
def test_a_stage_follows_from_what_it_imports(stage, has):
    found = stage_code.code(stage)

    assert {f"pipeline/{name}" for name in has} <= {*found}
    assert all((ROOT / name).is_file() for name in found)
    silent = ("errors", "engines", "cli", "config", "terminal/__init__")
    assert not {*found} & {f"pipeline/{name}.py" for name in silent}
    others = {f"pipeline/stages/{other}.py" for other in stage_code.STAGES if other != stage}
    assert not {*found} & others
    assert not {name for name in found if "/readers/" in name and "/_" not in name}


def test_a_reader_follows_from_those_that_it_imports(tmp_path):
    stage_code.write(Settings(), tmp_path)

    told = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "readers").iterdir()
    }
    assert {*told} == {*options.readers()}
    assert "pipeline/readers/columns.py\n" in told["tagged_json"]
    assert "pipeline/readers/_source.py\n" in told["tagged_json"]
    assert "pipeline/readers/columns.py\n" not in told["fewrel"]


def test_words_in_files_count_as_code():
    assert "pipeline/cleaning/stop_words/zh.txt" in stage_code.code("clean")
    assert "pipeline/catalog/splits/casie-test.txt" in stage_code.code("normalize")


def test_a_parameter_changes_its_own_stage_and_the_card(tmp_path):
    for name, settings in {"a": Settings(), "b": Settings(instruct=Instruct(seed=7))}.items():
        stage_code.write(settings, tmp_path / name)

    changed = {
        stage
        for stage in stage_code.STAGES
        if (tmp_path / "a" / stage).read_bytes() != (tmp_path / "b" / stage).read_bytes()
    }
    assert changed == {"instruct", "publish"}
    assert "k:" not in (tmp_path / "a" / "clean").read_text(encoding="utf-8")


def test_the_card_names_all_code_that_the_corpus_follows_from(tmp_path):
    stage_code.write(Settings(), tmp_path)

    version = stage_code.version()
    assert version in (tmp_path / "publish").read_text(encoding="utf-8")
    assert version not in (tmp_path / "report").read_text(encoding="utf-8")
    assert version in card.card([], {}, {}, Settings(), "0" * 64, [])


def test_machines_are_compared_by_all_of_the_package(tmp_path, monkeypatch):
    stages = (f"stages/{stage}.py" for stage in stage_code.STAGES)
    for name in ("run.py", "engines.py", *stages):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(stage_code, "_HERE", tmp_path)
    version, package = stage_code.version(), stage_code.package()
    (tmp_path / "engines.py").write_text("# other\n", encoding="utf-8")

    assert stage_code.package() != package
    assert stage_code.version() == version
