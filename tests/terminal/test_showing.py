"""`iepile show`: records, drops with their partners, and rejects, as the stages wrote them."""

import shutil

import pytest

from pipeline import catalog, cli
from pipeline.config import Dedupe
from pipeline.dedupe import tags as kept
from pipeline.dedupe.stage import dedupe
from pipeline.execution import shards
from pipeline.records import Record
from pipeline.report import examples
from pipeline.tables import REJECTS, to_table
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("show")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("COLUMNS", "100")
        assert cli.main(["run", "wnut2017", "duie2", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def show(out, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments):
        code = cli.main(["show", *arguments, "--run", str(out)])
        told = capsys.readouterr()
        return code, told.out.splitlines(), told.err

    return call


def test_records_with_their_marks(show):
    code, lines, _ = show("wnut2017", "--n", "1")

    assert code == 0
    assert lines == [
        "wnut2017/train/0  wnut17train.conll:1",
        "The ferry to Harrow Point left an hour late again #commute",
        "             ━━━━━━━━━━━━",
        "             location",
        "",
        "1 of 26 records shown",
    ]


def test_a_split_a_string_and_one_record(show):
    _, lines, _ = show("wnut2017", "--split", "test", "--n", "50")
    assert {x.split()[0].rsplit("/", 1)[0] for x in lines if x.startswith("wnut2017/")} == {
        "wnut2017/test"
    }

    _, lines, _ = show("wnut2017", "--grep", "Harrow Point")
    heads = [i for i, x in enumerate(lines) if x.startswith("wnut2017/")]
    assert heads
    assert all("Harrow Point" in "".join(lines[i + 1 : i + 3]) for i in heads)

    _, lines, _ = show("duie2/train/1")
    assert lines[0].startswith("duie2/train/1 ")
    assert "  上映时间: 星河邮差 → 2016年8月12日; inArea: 中国内地" in lines
    assert lines[-1] == "1 of 1 record shown"


def test_dropped_records_name_their_partner(show):
    _, lines, _ = show("wnut2017", "--dropped", "duplicate")

    reason = next(x for x in lines if x.startswith("dropped, "))
    partner = reason.rpartition(" ")[2]
    at = lines.index("  its partner:")
    assert reason == f"dropped, duplicate: {partner}"
    assert lines[at + 1].startswith(f"  {partner} ")
    assert lines[at + 2].strip() == lines[2]
    assert lines[-1] == "1 of 1 record shown"

    _, lines, _ = show("wnut2017", "--dropped", "--n", "50")
    reasons = {x.split()[1].rstrip(":") for x in lines if x.startswith("dropped, ")}
    assert {"too_short", "mostly_non_letters", "train_text_in_test"} <= reasons


def test_rejects_with_what_is_lost(show):
    _, lines, _ = show("duie2", "--rejects")

    assert lines[0] == "duie2/train/duie_train.json:10"
    assert lines[1].startswith("malformed_json: unexpected end of data")
    assert "  lost: records 1" in lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wnut2017", "--dropped", "dull"], "the reasons here are: conflicting_duplicate (2)"),
        (["scierc"], "there are no records of scierc yet"),
        (["scierc", "--rejects"], "there are no records of scierc yet"),
        (["nothing"], "there is no dataset 'nothing'"),
        (["wnut2017/train/9999"], "there is no record 'wnut2017/train/9999'"),
    ],
)
def test_what_is_not_there_is_told(show, arguments, words):
    code, _, err = show(*arguments)

    assert code == 1
    assert words in err


def test_what_is_not_cleaned_yet_is_shown_as_it_was_read(out, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    shutil.copytree(out / "normalize", tmp_path / "normalize")

    assert cli.main(["show", "wnut2017/train/0", "--run", str(tmp_path)]) == 0
    assert "Harrow Point" in capsys.readouterr().out
    assert cli.main(["show", "wnut2017", "--dropped", "--run", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "wnut2017 is not cleaned yet" in told
    assert "to do: clean it first: `dvc repro`" in told


def test_the_partner_of_a_part_of_a_long_text_is_found(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    own = catalog.load("wnut2017")
    texts = ["Fog over the bay.", "The ferry is late.", "Nobody waits.", "The ferry is late."]
    rows = [Record(text, f"a.conll:{n}") for n, text in enumerate(texts)]
    ids = [f"wnut2017/train/{n}" for n in ("5.1", "5.2", "6", "9.1")]
    table = to_table(rows, ids, dataset="wnut2017", split="train", language="en")
    shards.write(table, tmp_path / "clean" / "wnut2017" / "train-00000.parquet")
    dedupe([own], tmp_path / "clean", Dedupe(), tmp_path / "dedupe")

    assert cli.main(["show", "wnut2017/train/9.1", "--run", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("  its partner:")
    assert lines[1] == "dropped, duplicate: wnut2017/train/5.2"
    assert lines[at + 1 : at + 3] == ["  wnut2017/train/5.2  a.conll:1", "  The ferry is late."]

    folders = {stage: tmp_path / stage for stage in ("normalize", "clean", "dedupe")}
    shards.write(REJECTS.empty_table(), folders["normalize"] / "wnut2017" / "rejects.parquet")
    groups = {}
    path = folders["clean"] / "wnut2017" / "train-00000.parquet"
    tagged = kept.tagged(path, folders["dedupe"] / "wnut2017")
    examples.choose(groups, tagged, tagged["dropped"], "id", 8)
    chosen = examples.chosen(own, groups, folders["normalize"] / "wnut2017", 8)
    found = examples.with_partners(chosen, None, folders, {"wnut2017"}, 1)
    (dropped,) = [row for row in found if row["outcome"].startswith("dropped")]
    assert (dropped["id"], dropped["partner"]["id"]) == (ids[3], ids[1])
