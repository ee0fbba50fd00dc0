"""`iepile show`: records, drops with their partners, and rejects, as the stages wrote them."""

import shutil

import pytest

from pipeline import cli
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("show")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("COLUMNS", "100")
        assert cli.main(["run", "--datasets", "wnut2017,duie2", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def show(out, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments):
        code = cli.main(["show", *arguments, "--out", str(out)])
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
    assert "  星河邮差 ─ 上映时间 → 2016年8月12日; inArea: 中国内地" in lines
    assert lines[-1] == "1 of 1 records shown"


def test_dropped_records_name_their_partner(show):
    _, lines, _ = show("wnut2017", "--dropped", "duplicate")

    reason = next(x for x in lines if x.startswith("dropped, "))
    partner = reason.rpartition(" ")[2]
    at = lines.index("  its partner:")
    assert reason == f"dropped, duplicate: {partner}"
    assert lines[at + 1].startswith(f"  {partner} ")
    assert lines[at + 2].strip() == lines[2]
    assert lines[-1] == "1 of 1 records shown"

    _, lines, _ = show("wnut2017", "--dropped", "--n", "50")
    reasons = {x.split()[1].rstrip(":") for x in lines if x.startswith("dropped, ")}
    assert {"too_short", "mostly_non_letters", "train_text_in_test"} <= reasons


def test_rejects_with_what_is_lost(show):
    _, lines, _ = show("duie2", "--rejects")

    assert lines[0] == "duie2/train/duie_train.json:10"
    assert lines[1].startswith("malformed_json: unexpected end of data")
    assert "  lost: 1 record" in lines


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

    assert cli.main(["show", "wnut2017/train/0", "--out", str(tmp_path)]) == 0
    assert "Harrow Point" in capsys.readouterr().out
    assert cli.main(["show", "wnut2017", "--dropped", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "wnut2017 is not cleaned yet" in told
    assert "to do: clean it first: `dvc repro`" in told
