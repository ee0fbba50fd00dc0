"""One answer to what is stale, for runs, single stages and exports."""

import json
import os
import shutil

import pytest
import yaml

from pipeline import cli
from pipeline.commands import wiring
from pipeline.execution import code
from tests.conftest import ROOT
from tests.faults.conftest import tree

NAMES = ("wnut2017", "cluener")
STAGES = ("normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report")


class Workspace:
    """Raw files and parameters of two datasets, and a folder for what is made of them."""

    def __init__(self, folder):
        self.file, self.out, self.raw = folder / "params.yaml", folder / "out", folder / "raw"
        self.params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        self.params["datasets"] = [*NAMES]
        self.params["raw"] = str(self.raw)

    def start(self):
        for name in NAMES:
            shutil.copytree(ROOT / "raw" / "sample" / name, self.raw / name)
        self.change("publish")
        return self

    def __call__(self, *command):
        options = ["--params", str(self.file), "--out", str(self.out), "--workers", "1"]
        return cli.main([*command, *options])

    def run(self):
        assert self("run", *NAMES) == 0

    def export(self, form):
        options = ["--params", str(self.file), "--run", str(self.out)]
        return cli.main(["export", form, "--out", str(self.out.with_name("exported")), *options])

    def change(self, section, **values):
        self.params[section] |= values
        self.file.write_text(yaml.safe_dump(self.params), encoding="utf-8")

    def stamp(self, stage, name="wnut2017"):
        return json.loads((self.out / "stamps" / stage / f"{name}.json").read_bytes())


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("once")).start()
    workspace.run()
    return workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "work")


@pytest.fixture
def made(once, workspace):
    """A workspace in which all stages have run."""
    shutil.copytree(once.out.parent, workspace.out.parent)
    workspace.change("publish")
    return workspace


@pytest.fixture
def ran(monkeypatch):
    """The stages that are called, each with its datasets."""
    called = []

    def noting(stage, make):
        def noted(datasets, ws, **more):
            called.append((stage, [d.id for d in datasets]))
            make(datasets, ws, **more)

        return noted

    for stage, own in wiring.STAGES.items():
        noted = own._replace(make=noting(stage, own.make))
        monkeypatch.setitem(wiring.STAGES, stage, noted)
    return called


def test_a_second_run_does_nothing(made, ran, capsys):
    before = tree(made.out)

    made.run()

    assert ran == []
    assert tree(made.out) == before
    assert capsys.readouterr().err.count("fresh") == len(STAGES)


def test_single_stages_agree_with_a_run(made, ran, capsys):
    for stage in STAGES:
        assert made(stage) == 0, capsys.readouterr().err

    assert ran == []


def test_a_forced_run_makes_all_anew_and_the_same(made, ran):
    before = tree(made.out)

    assert made("run", *NAMES, "--force") == 0

    assert [stage for stage, _ in ran] == [*STAGES]
    assert tree(made.out) == before


def test_another_version_of_a_package_makes_stale_what_uses_it(made, ran, capsys, monkeypatch):
    installed = code._installed
    monkeypatch.setattr(code, "_installed", lambda name: "9" if name == "mmh3" else installed(name))

    assert made("dedupe") == 0
    assert ran == []
    assert made("instruct") == 1
    assert "negatives of cluener was run before mmh3 changed" in capsys.readouterr().err
    made.run()
    assert [stage for stage, _ in ran] == ["negatives", "publish", "report"]
    assert made.stamp("negatives")["made_from"]["packages"]["mmh3"] == "9"


def test_a_stamp_names_what_was_read_and_written(made):
    from pipeline.execution import freshness

    read = made.stamp("instruct")["made_from"]["inputs"]
    for stage in ("clean", "negatives"):
        files = made.stamp(stage)["files"]
        part = "dictionary" if stage == "negatives" else ""
        assert read[f"{stage} of wnut2017"] == freshness.contents(files, part)
    for stage in ("normalize", "clean", "instruct"):
        assert made.stamp(stage)["files"] == freshness.digests(made.out / stage / "wnut2017")
    assert str(made.out.parent) not in json.dumps([made.stamp(s) for s in ("normalize", "clean")])


def test_stamps_have_the_same_bytes_wherever_they_are_made(made, tmp_path):
    other = Workspace(tmp_path / "elsewhere").start()
    other.run()

    assert tree(other.out / "stamps") == tree(made.out / "stamps")


def test_a_changed_parameter_reruns_what_follows_from_it(made, ran):
    made.change("instruct", seed=4)

    made.run()

    assert [stage for stage, _ in ran] == ["instruct", "publish", "report"]


def test_a_stage_whose_bytes_stay_the_same_ends_the_chain(made, ran):
    made.change("negatives", mentions_per_label=201)

    made.run()

    # Card and page name the parameters.
    assert [stage for stage, _ in ran] == ["negatives", "publish", "report"]


def test_a_changed_dataset_reruns_itself_and_what_is_made_of_all(made, ran):
    path = next((made.raw / "cluener").glob("train*"))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[1:]), encoding="utf-8")
    manifest = made.raw / "cluener" / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text("\n".join(x for x in text.splitlines() if "counts" not in x), "utf-8")

    made.run()

    each = [(stage, names) for stage, names in ran if not wiring.STAGES[stage].whole]
    assert [names for _, names in each] == [["cluener"]] * len(each)
    assert [stage for stage, _ in ran] == [*STAGES]


@pytest.mark.parametrize(
    ("section", "values", "next_stage", "words", "due"),
    [
        ("normalize", {"window_chars": 40}, "clean", "window_chars was None, is 40", "normalize"),
        ("clean", {"min_characters": 9}, "dedupe", "min_characters was 5, is 9", "clean"),
        ("dedupe", {"across_datasets": False}, "negatives", "across_datasets was", "dedupe"),
        ("negatives", {"top_k": 2}, "instruct", "top_k was 6, is 2", "negatives"),
        ("instruct", {"seed": 4}, "publish", "seed was 0, is 4", "instruct"),
    ],
)
def test_a_stage_does_not_go_on_from_stale_ones(
    made, capsys, section, values, next_stage, words, due
):
    made.change(section, **values)

    assert made(next_stage) == 1

    told = capsys.readouterr().err
    assert words in told
    assert f"run `iepile {due}" in told


def test_a_parameter_that_changes_no_record_is_no_matter(made):
    made.change("normalize", max_reject_rate=0.5)

    assert made("clean") == 0


def test_a_forgotten_stage(made, capsys):
    made.change("normalize", records_per_shard=3)
    assert made("normalize") == 0

    for stage in ("dedupe", "negatives", "instruct", "publish", "report"):
        assert made(stage) == 1
    assert made.export("bio") == 1
    told = capsys.readouterr().err
    assert told.count("clean of cluener was run before normalize of cluener changed") == 5 + 1


def test_a_stage_before_its_time(workspace, capsys):
    workspace.start()
    assert workspace("publish") == 1
    assert "normalize of cluener has not been run" in capsys.readouterr().err

    assert workspace("normalize") == 0
    assert workspace("negatives") == 1
    assert "clean of cluener has not been run" in capsys.readouterr().err


def test_another_list_of_datasets(made, capsys):
    made.params["datasets"].remove("cluener")
    made.change("dedupe")

    assert made("publish") == 1
    assert "cluener is in one list and not in the other" in capsys.readouterr().err


def edited(path):
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2", 1))


def half_deleted(path):
    path.unlink()


def mixed(path):
    shutil.copy(path, path.with_name("train-00001.parquet"))


@pytest.mark.parametrize("damage", [edited, half_deleted, mixed])
@pytest.mark.parametrize("stage", ["normalize", "clean", "instruct"])
def test_a_folder_that_is_not_as_its_stamp_says_is_never_used(made, capsys, damage, stage, ran):
    before = tree(made.out)
    damage(next((made.out / stage / "wnut2017").rglob("train-00000.parquet")))

    following = {"normalize": "clean", "clean": "dedupe", "instruct": "publish"}[stage]
    assert made(following) == 1
    assert f"{stage} of wnut2017 wrote other files than are there now" in capsys.readouterr().err
    assert ran == []

    made.run()
    assert tree(made.out) == before
    assert [stage for stage, _ in ran] == [stage]


def test_a_corpus_that_was_edited_is_not_exported(made, capsys):
    edited(made.out / "corpus" / "NER-en" / "train-00000-of-00001.parquet")

    assert made.export("messages") == 1
    assert "publish wrote other files" in capsys.readouterr().err


def test_a_dictionary_that_was_edited_is_made_again(made, capsys, ran):
    path = made.out / "negatives" / "wnut2017" / "dictionary.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.", "1."), encoding="utf-8")

    assert made("instruct") == 1
    told = capsys.readouterr().err
    assert "negatives of wnut2017 wrote other files" in told
    assert "to do: run `iepile negatives`;" in told
    made.run()
    assert ran == [("negatives", ["wnut2017"])]


def test_what_was_left_of_another_dataset_goes_with_a_run(made):
    mine = made.out / "clean" / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("not of any stage", encoding="utf-8")

    assert made("run", "wnut2017") == 0

    for stage in ("normalize", "clean", "dedupe", "negatives", "instruct"):
        found = {p.name for p in (made.out / stage).iterdir() if p.is_dir()}
        assert found == {"wnut2017", *(["mine"] if stage == "clean" else [])}
        assert not (made.out / "stamps" / stage / "cluener.json").exists()


@pytest.mark.parametrize("what", ["parameters", "declaration", "code", "raw files"])
def test_an_edit_while_a_stage_runs_is_refused(made, monkeypatch, capsys, what):
    from pipeline import catalog
    from pipeline.execution import code

    stage = wiring.STAGES["normalize"]

    def edits(datasets, ws, **more):
        stage.make(datasets, ws, **more)
        if what == "parameters":
            made.change("publish", rows_per_shard=7)
        elif what == "declaration":
            read = catalog.read.__wrapped__

            def other(path, *more):
                dataset = read(path, *more)
                dataset.labels.entity = {**dataset.names("entity"), "person": "human"}
                return dataset

            other.cache_clear = lambda: None
            monkeypatch.setattr(catalog, "read", other)
        elif what == "code":
            monkeypatch.setattr(code, "digest", lambda *_: "other")
        else:
            path = next((made.raw / "wnut2017").glob("*.conll"))
            path.write_bytes(path.read_bytes() + b"\n")

    monkeypatch.setitem(wiring.STAGES, "normalize", stage._replace(make=edits))
    made.change("normalize", records_per_shard=5)

    assert made("run", *NAMES) == 1

    told = capsys.readouterr().err
    assert "changed while normalize ran" in told
    assert not (made.out / "stamps" / "normalize" / "wnut2017.json").exists()


def test_a_run_goes_on_where_another_was_stopped(made, monkeypatch):
    """Steps that were done are not done again, whatever stage was stopped."""
    from pipeline.execution import freshness

    before = tree(made.out)
    for name in ("normalize", "clean", "dedupe", "negatives", "instruct", "corpus", "stamps"):
        shutil.rmtree(made.out / name)
    done, stops = [], 0
    step = freshness._step

    def failing(item, job):
        if len(done) in (3, 7, 12, 16) and not done[-1].endswith("!"):
            done[-1] += "!"
            raise KeyboardInterrupt
        done.append(item.name)
        return step(item, job)

    monkeypatch.setattr(freshness, "_step", failing)
    while made("run", *NAMES) == 130:
        stops += 1

    assert stops == 4
    assert tree(made.out) == before
    again = [name.rstrip("!") for name in done]
    monkeypatch.setattr(
        freshness, "_step", lambda item, job: done.append(item.name) or step(item, job)
    )
    shutil.rmtree(made.out)
    done.clear()
    made.run()
    assert done == again


def test_what_a_killed_run_left_is_not_used_for_other_parameters(made, monkeypatch):
    from pipeline.execution import freshness

    step, seen = freshness._step, []

    def failing(item, job):
        if seen:
            raise KeyboardInterrupt
        seen.append(item)
        return step(item, job)

    made.change("instruct", seed=1)
    monkeypatch.setattr(freshness, "_step", failing)
    assert made("instruct") == 130
    monkeypatch.setattr(freshness, "_step", step)
    made.change("instruct", seed=2)
    made.run()
    before = tree(made.out)
    assert made("run", *NAMES, "--force") == 0
    assert tree(made.out) == before


def test_a_half_done_folder_that_was_edited_is_not_used(made, monkeypatch):
    from pipeline.execution import freshness

    before = tree(made.out)
    shutil.rmtree(made.out / "instruct")
    step, seen = freshness._step, []

    def failing(item, job):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(item)
        return step(item, job)

    monkeypatch.setattr(freshness, "_step", failing)
    assert made("instruct") == 130
    monkeypatch.setattr(freshness, "_step", step)
    for path in (made.out / "instruct").glob(".*.partial/files/*/*.parquet"):
        os.truncate(path, 10)

    made.run()

    assert tree(made.out) == before


def test_killed_between_the_last_file_and_the_stamp(made):
    """All was done but for the stamp: nothing is done again."""
    before = tree(made.out)
    stamp = made.out / "stamps" / "clean" / "wnut2017.json"
    under_way = made.out / "clean" / ".wnut2017.partial"
    made.change("clean", min_characters=6)
    from pipeline.execution import freshness

    finish = freshness.finish

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freshness, "finish", killed)
        assert made("clean") == 130
    assert under_way.is_dir()
    steps, step = [], freshness._step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(freshness, "_step", lambda item, job: steps.append(item) or step(item, job))
        assert made("clean") == 0
    assert steps == []
    assert stamp.is_file()
    assert not under_way.exists()
    assert freshness.finish is finish
    made.change("clean", min_characters=5)
    made.run()
    assert tree(made.out) == before


def test_an_imported_dictionary_is_taken_whatever_was_fresh(made, tmp_path):
    peer = tmp_path / "peer.json"
    peer.write_text('{"NER": {"WNUT17": {"person": ["location"]}}}', encoding="utf-8")
    path = made.out / "negatives" / "wnut2017" / "dictionary.json"
    own = path.read_bytes()

    assert made("negatives", "--import", str(peer)) == 0
    assert json.loads(path.read_bytes())["encoder"] == "imported"
    assert made("instruct") == 0

    assert made("negatives") == 0
    assert path.read_bytes() == own


def test_overrides_are_those_of_the_folder_one_is_in(made, tmp_path, monkeypatch, ran):
    """They are in the chain; an export from elsewhere takes a run as it is."""
    monkeypatch.chdir(tmp_path)
    assert made.export("bio") == 0
    assert made("instruct") == 1

    made.run()
    assert [stage for stage, _ in ran] == ["negatives"]
