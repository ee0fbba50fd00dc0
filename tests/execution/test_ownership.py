"""Nothing of a user's is written over or removed, whatever folder a command is given."""

import shutil
from pathlib import Path

import pytest
import yaml

from pipeline import cli
from pipeline.execution import atomic, ownership, shards
from tests.conftest import ROOT

RUN = ["run", "wnut2017", "--workers", "1"]
#: Folders named as ours are, each with a file of the user's.
THESIS = ("reports", "corpus", "dedupe", "clean/wnut2017", "dictionaries/hard_negatives")


def iepile(*arguments):
    return cli.main([str(argument) for argument in arguments])


def tree(folder):
    """Every file with its bytes, every folder, and where links lead."""
    return {
        path.relative_to(folder).as_posix(): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Raw files, parameters, the output of a run, an export of it, and a thesis."""
    folder = tmp_path_factory.mktemp("base")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = ["wnut2017"]
    shards.write_text(yaml.safe_dump(params), folder / "params.yaml")
    for place in ("raw/sample", "corpus", "normalize"):
        shutil.copytree(ROOT / "raw/sample/wnut2017", folder / place / "wnut2017")
    for place in THESIS:
        shards.write_text("precious", folder / "thesis" / place / "chapter.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert iepile(*RUN, "--out", "output") == 0
        assert iepile("export", "bio", "--run", "output", "--out", "made") == 0
    return folder


@pytest.fixture
def work(base, tmp_path, monkeypatch):
    """A copy of it, in which the test works."""
    shutil.copytree(base, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


EXPORT = ["export", "bio", "--run", "output"]
IMPORT = ["import", "iepile-jsonl", "unified", "--id", "x", "--raw"]
WRONG = {
    "raw named as a stage": ([*RUN, "--raw", "corpus", "--out", "."], ". and corpus"),
    "raw named as the first stage": ([*RUN, "--raw", "normalize", "--out", "."], ". and normalize"),
    "a thesis": ([*RUN, "--out", "thesis"], "iepile did not write thesis/"),
    "one stage over a thesis": (["normalize", "--out", "thesis"], "iepile did not write thesis/"),
    "the project": ([*RUN, "--out", "."], ". and raw/sample"),
    "around the project": ([*RUN, "--out", "../.."], "../.. and raw/sample"),
    "everything": ([*RUN, "--out", "/"], "/ and raw/sample"),
    "raw": ([*RUN, "--out", "raw/sample"], "raw/sample and raw/sample"),
    "inside raw": ([*RUN, "--out", "raw/sample/out"], "raw/sample/out and raw/sample"),
    "by dots": ([*RUN, "--out", "output/../raw"], "output/../raw and raw/sample"),
    "parameters inside": ([*RUN, "--params", "output/p.yaml"], "output and output/p.yaml"),
    "manifests around": ([*RUN, "--manifests", ".", "--out", "new"], "new and ."),
    "declarations inside": ([*RUN, "--out", ROOT / "pipeline"], "pipeline/catalog"),
    "a run over dictionaries": ([*RUN, "--out", ROOT / "dictionaries"], "replaces hard_negatives"),
    "a file": ([*RUN, "--out", "params.yaml"], "params.yaml and params.yaml"),
    "a run in a run's stage": ([*RUN, "--out", "output/corpus/x"], "output/corpus/x in "),
    "a run in an export": ([*RUN, "--out", "made/x"], "made/x in "),
    "a run over an export": ([*RUN, "--out", "made"], "iepile export made this folder"),
    "dictionaries of one's own": (
        ["negatives", "--dictionaries", "dictionaries"],
        "iepile did not write dictionaries/mine.txt",
    ),
    "an import that is written over": (
        ["negatives", "--import", "output/dictionaries/hard_negatives.json", "--out", "output"],
        "output and output/dictionaries/hard_negatives.json",
    ),
    "an export over a thesis": ([*EXPORT, "--out", "thesis"], "iepile did not write thesis/"),
    "an export over a file": ([*EXPORT, "--out", "a.jsonl"], "iepile did not write a.jsonl"),
    "an export over a run": ([*EXPORT, "--out", "output"], "output and output/normalize"),
    "an export over another run": ([*EXPORT, "--out", "other"], "keeps the results of its stages"),
    "an export over a stage": ([*EXPORT, "--out", "output/clean"], "output/clean and output/clean"),
    "an export inside a stage": ([*EXPORT, "--out", "output/clean/x"], "output/clean/x and output"),
    "an export over raw": ([*EXPORT, "--out", "raw"], "raw and raw/sample"),
    "fetched into an export": (["fetch", "wnut2017", "--raw", "made"], "made/wnut2017 in "),
    "fetched into a stage": (["fetch", "wnut2017", "--raw", "output/clean"], "clean/wnut2017 in "),
    "imported into a stage": ([*IMPORT, "output/clean"], "output/clean/x in "),
    "scores over answers": (["score", "a.jsonl", "--out", "a.jsonl"], "a.jsonl and a.jsonl"),
    "scores among gold": (
        ["score", "a.jsonl", "--out", "output/corpus/README.md"],
        "output/corpus/README.md and output/corpus",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_ours_is_refused_in_words_and_kept(name, work, capsys):
    shutil.copytree(work / "output", work / "other")
    shutil.copy("params.yaml", "output/p.yaml")
    shards.write_text("{}", Path("a.jsonl"))
    shards.write_text("mine", Path("dictionaries/mine.txt"))
    before = tree(work)
    command, words = WRONG[name]

    code = iepile(*command)

    err = capsys.readouterr().err
    assert code == 1
    assert words in err
    assert "\n  to do: name " in err
    assert tree(work) == before


#: Commands that have nothing to work on in an empty folder.
REFUSED = {
    "a run": ["run"],
    "a run of no such dataset": ["run", "nosuch"],
    "a run deep below": ["run", "--out", "a/b/c"],
    "a stage": ["report"],
    "gates": ["gates"],
    "a stage of a dataset, after others": ["clean", "wnut2017"],
    "raw files that are missing": ["normalize", "wnut2017"],
    "dictionaries": ["negatives", "--dictionaries", "own"],
}


@pytest.mark.parametrize("command", REFUSED.values(), ids=[*REFUSED])
@pytest.mark.parametrize("there", [(), ("output",)], ids=["", "output is there"])
def test_a_refusal_leaves_nothing(command, there, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in there:
        Path(folder).mkdir()
    shards.write_text("mine", Path("mine.txt"))
    before = tree(tmp_path)

    assert iepile(*command) == 1

    assert "\n  to do: " in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_links_lead_to_what_they_would_replace(work, capsys):
    """Inputs and outputs are compared where they lie, not as they are called."""
    Path("elsewhere").symlink_to("raw")
    (work / "linked").mkdir()
    Path("linked/normalize").symlink_to("../raw/sample")
    before = tree(work)

    for out, told in (("elsewhere", "elsewhere"), ("linked", "linked/normalize")):
        assert iepile(*RUN, "--out", out) == 1
        assert f"{told} and raw/sample" in capsys.readouterr().err
    assert tree(work) == before


def test_new_does_not_write_over_a_sample_edition(work, capsys):
    shards.write_text("precious", Path("raw/sample/mine/train.tsv"))
    shards.write_text("Ada\tB-person\n\n" * 9, Path("train.tsv"))
    before = tree(work)

    assert iepile("new", "mine", "--reader", "columns", "--split", "train=train.tsv") == 1

    assert "where: raw/sample/mine\n" in capsys.readouterr().err
    assert tree(work) == before


@pytest.mark.usefixtures("work")
def test_the_usual_places_work():
    """Side by side in a project, a folder inside `output`, and once more over each."""
    for out in ("new", "output/foo", "output/foo", "output"):
        assert iepile(*RUN, "--out", out) == 0
    for out in ("made", "output/made", "output/made"):
        assert iepile(*EXPORT, "--out", out) == 0

    found = {p.as_posix(): p.read_text() for p in Path().rglob(ownership.NAME)}
    runs = dict.fromkeys(("new/.iepile", "output/.iepile", "output/foo/.iepile"), ownership.RUN)
    exports = dict.fromkeys(("made/.iepile", "output/made/.iepile"), ownership.EXPORT)
    assert found == runs | exports


@pytest.mark.usefixtures("work")
def test_what_others_put_into_our_folder_stays():
    shards.write_text("mine", Path("output/sft/model.bin"))

    assert iepile(*RUN, "--out", "output") == 0

    assert Path("output/sft/model.bin").read_text() == "mine"


def test_a_mark_without_its_text_was_left_by_a_kill(work):
    Path("new").mkdir()
    Path("new/.iepile").touch()

    assert iepile(*RUN, "--out", "new") == 0

    assert tree(work / "new") == tree(work / "output")


def test_a_link_in_the_place_of_a_stage_is_replaced_not_followed(work):
    want = tree(work / "output/corpus")
    shutil.rmtree("output/corpus")
    Path("output/corpus").symlink_to("../thesis")
    before = tree(work / "thesis")

    assert iepile("publish", "--out", "output") == 0

    assert tree(work / "thesis") == before
    assert not Path("output/corpus").is_symlink()
    assert tree(work / "output/corpus") == want


@pytest.mark.parametrize("there", [True, False])
def test_the_output_may_be_a_link(work, there):
    want = tree(work / "output")
    Path("output").rename("moved")
    Path("output").symlink_to("moved" if there else "elsewhere")

    assert iepile(*RUN, "--out", "output") == 0
    assert iepile("export", "bio", "--run", "output", "--out", "made") == 0

    assert Path("output").is_symlink()
    assert tree(Path("output").resolve()) == want


@pytest.mark.usefixtures("work")
def test_an_export_may_be_a_link():
    Path("made").rename("moved")
    Path("made").symlink_to("moved")

    assert iepile(*EXPORT, "--out", "made") == 0

    assert Path("made").is_symlink()
    assert Path("moved/export.json").is_file()


def test_a_run_without_out_leaves_the_tracked_dictionary(work):
    """Only the stage as DVC calls it writes there."""
    tracked = ["--dictionaries", "dictionaries"]
    assert iepile("negatives", *tracked) == 0
    before = tree(work / "dictionaries")
    params = Path("params.yaml").read_text(encoding="utf-8").replace("top_k: 6", "top_k: 1")
    Path("params.yaml").write_text(params, encoding="utf-8")

    assert iepile(*RUN) == 0
    made = tree(work / "output")
    for command in (["audit"], ["show", "wnut2017"], ["export", "bio", "--out", "made"]):
        assert iepile(*command) == 0
    assert iepile("instruct", "wnut2017") == iepile("publish") == iepile("report") == 0
    assert tree(work / "output") == made
    assert tree(work / "dictionaries") == before

    assert iepile("negatives", *tracked) == 0
    own = tree(work / "output/dictionaries")
    assert {n: c for n, c in tree(work / "dictionaries").items() if "hard" in n} == own


@pytest.fixture
def bucket():
    """An empty in-memory file system, as fsspec keeps one per process."""
    place = atomic.place("memory://iepile-ours")
    atomic.remove(place)
    yield place
    atomic.remove(place)


def test_urls_are_ours_or_refused_as_folders_are(work, bucket, capsys):
    for path in (work / "raw/sample").rglob("*"):
        if path.is_file():
            shards.write_text(
                path.read_text("utf-8"), bucket / "clean" / path.relative_to(work / "raw/sample")
            )
    shards.write_text("precious", bucket / "thesis/reports/chapter.txt")

    def refused(*more):
        assert iepile(*RUN, *more) == 1
        return capsys.readouterr().err

    assert f"{bucket} and {bucket}/clean" in refused("--raw", bucket / "clean", "--out", bucket)
    inside = bucket / "clean" / "x"
    assert f"{inside} and {bucket}/clean" in refused("--raw", bucket / "clean", "--out", inside)
    told = refused("--out", bucket / "thesis")
    assert "thesis/reports/chapter.txt" in told
    local = f"file://{work}/raw/sample"
    assert f"{local} and raw/sample" in refused("--out", local)
    assert (bucket / "thesis/reports/chapter.txt").read_bytes() == b"precious"
    for _ in range(2):
        assert iepile(*RUN, "--raw", bucket / "clean", "--out", bucket / "out") == 0
    assert (bucket / "out" / ownership.NAME).read_text("utf-8") == ownership.RUN
    inside = bucket / "out" / "corpus" / "x"
    assert f"{inside} in {bucket}/out" in refused("--out", inside)
