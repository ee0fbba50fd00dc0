"""The command line: help, exit codes, and messages without a traceback."""

import json
import shutil
import subprocess
import sys
from importlib import import_module

import pytest
import yaml

from pipeline import catalog, cli, config
from pipeline.commands.layout import Workspace
from pipeline.errors import counted
from tests import invariants
from tests.conftest import ROOT

COMMANDS = ["normalize", "clean", "dedupe", "negatives", "instruct", "publish", "report", "run"]
COMMANDS += [
    "audit",
    "use",
    "datasets",
    "neighbors",
    "score",
    "export",
    "import",
    "check",
    "show",
    "new",
    "fetch",
    "settings",
    "doctor",
    "labels",
    "predict",
    "push",
    "completion",
]


def call(capsys, *arguments):
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = stop.code
    return code, *capsys.readouterr()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_helpful_and_documented(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    code, out, _ = call(capsys, command, "--help")

    assert code == 0
    assert f"usage: iepile {command}" in out
    assert f"examples:\n  iepile {command}" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "usage"), [([], "COMMAND"), (["help"], "COMMAND"), (["help", "audit"], "audit")]
)
def test_help_is_given_however_it_is_asked_for(words, usage, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call(capsys, *words)

    assert (code, out.startswith("usage: iepile")) == (0, True)
    assert usage in out.splitlines()[0]
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("show wnut2017 --splt test", "no argument '--splt' is known; did you mean '--split'?"),
        ("audit --colour", "no argument '--colour' is known"),
        ("neighbors conll04 works for", "'for' is known here; put names that hold blanks in quo"),
    ],
)
def test_an_unknown_argument_is_told_with_the_usage_of_its_command(words, told, capsys):
    code, _, err = call(capsys, *words.split())

    assert code == 2
    assert err.startswith(f"usage: iepile {words.split()[0]} ")
    assert told in err


def test_an_unknown_command_does_not_list_those_that_are_not_for_people(capsys):
    code, _, err = call(capsys, "foo")

    assert code == 2
    assert "there is no 'foo'; `iepile --help` lists what there is" in err
    assert "gates" not in err


@pytest.mark.parametrize(("words", "code"), [("audti", 2), ("show nothing-such", 1)])
def test_errors_are_red_on_a_terminal(words, code, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)

    red = call(capsys, *words.split())
    assert "\x1b[1;31merror:\x1b[0m " in red[2]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = red[2].replace("\x1b[1;31merror:\x1b[0m", "error:")
    assert call(capsys, *words.split()) == (code, "", plain)


@pytest.mark.parametrize(
    ("number", "nouns", "words"),
    [
        (0, "records", "0 records"),
        (1, "records", "1 record"),
        (1, "entities", "1 entity"),
        (2000, "entities", "2,000 entities"),
    ],
)
def test_numbers_of_one_read_right(number, nouns, words):
    assert counted(number, nouns) == words


def test_help_is_instant():
    """It imports next to nothing, which is what would take time."""
    code = """if True:
        import atexit, sys
        from pipeline import cli
        atexit.register(lambda: print(*sys.modules, file=sys.stderr))
        cli.main(["--help"])
    """
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"pyarrow", "numpy", "torch", "datasets", "faiss", "jieba", "nltk", "ray", "pandas"}
    imported = {*out.stderr.split()}
    assert heavy & imported == set()
    assert len(imported) < 300  # there are 111, and those of what measures coverage
    assert "usage: iepile" in out.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["normalize", "nothing-such"], "there is no dataset 'nothing-such'"),
        (["normalize", "wnut2017", "--raw", "nowhere"], "this raw file is missing"),
        (["clean", "wnut2017", "--params", "none.yaml"], "cannot read the parameters"),
        (["run", "wnut2018", "--out", "x"], "there is no dataset 'wnut2018'"),
        (["audit", "--run", "nowhere"], "cannot read this JSON file"),
        (["instruct", "wnut2017", "--out", "nowhere"], "normalize of wnut2017 has not been run"),
    ],
)
@pytest.mark.usefixtures("in_project")
def test_foreseeable_problems_are_told_in_words(arguments, words, capsys, tmp_path):
    places = [str(tmp_path / a) if a in {"nowhere", "none.yaml", "x"} else a for a in arguments]

    code, _, err = call(capsys, *places)

    assert code == 1
    assert words in err
    assert "Traceback" not in err
    assert "where:" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["--fly"],
        ["run", "--workers", "0"],
        ["clean", "--x"],
        ["new", "foo", "--option", "scheme"],
        ["new", "foo", "--split", "trial=a.txt"],
        ["score", "answers.jsonl", "--samples", "many"],
        ["export", "bio", "--out", "x", "--datasets", ","],
    ],
)
def test_a_wrong_call_exits_with_2(arguments, capsys):
    code, _, err = call(capsys, *arguments)

    assert code == 2
    assert "usage:" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("instruct: {sead: 1}", "unknown key 'sead'"),
        ("clean: {max_non_letter_share: 1.5}", "it must be at most 1"),
        ("dedupe: {near_duplicate_similarity: 1}", "it must be below 1"),
        ("instruct: {labels_per_instruction: {NER: 0}}", "at least 1"),
        ("a: [", "params"),
        ("dedupe: {conflicts: {train: throw}}", "throw"),
    ],
)
def test_bad_parameters_are_refused(text, words, capsys, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")

    code, _, err = call(capsys, "clean", "--params", str(path))

    assert code == 1
    assert words in err


def test_results_do_not_go_among_the_raw_folders(capsys, tmp_path):
    code, _, err = call(capsys, "run", "--raw", str(tmp_path), "--out", str(tmp_path))

    assert code == 1
    assert "the output would lie among the input" in err


def test_datasets_that_a_variable_does_not_name_are_not_all(capsys):
    code, _, err = call(capsys, "run", "")

    assert code == 1
    assert "'' is no id" in err


def test_settings_show_what_is_in_force(capsys, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("clean: {min_characters: 7}", encoding="utf-8")

    code, out, _ = call(capsys, "settings", "clean", "dedupe", "--params", str(path))

    shown = yaml.safe_load(out)
    assert (code, [*shown]) == (0, ["clean", "dedupe"])
    assert (shown["clean"]["min_characters"], shown["clean"]["long_text"]) == (7, 5000)


@pytest.mark.usefixtures("in_project")
def test_the_catalog_is_listed(capsys):
    _, out, _ = call(capsys, "datasets", "--json")

    assert [entry["id"] for entry in json.loads(out)] == catalog.ids()


@pytest.mark.usefixtures("in_project")
def test_the_table_says_which_raw_files_are_there(capsys, tmp_path):
    _, out, _ = call(capsys, "datasets", "--raw", str(tmp_path))
    _, *rows = out.partition("\n\n")[0].splitlines()
    assert {row.split()[-1] for row in rows} == {"no"}

    _, out, _ = call(capsys, "datasets")
    (row,) = [line for line in out.splitlines() if line.startswith("wnut2017 ")]
    assert row.endswith(" yes")


def test_a_user_without_a_name_and_a_home_makes_a_corpus(tmp_path):
    code = f"""if __name__ == "__main__":
        import os, pwd, sys
        pwd.getpwuid = {{}}.__getitem__
        os.environ.pop("HOME", None)
        from pipeline import cli
        sys.exit(cli.main(["run", "wnut2017", "duie2", "--out", {str(tmp_path)!r}]))
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    ws = Workspace(config.load(ROOT / "params.yaml"), ROOT / "raw" / "sample", tmp_path)
    invariants.whole(["wnut2017", "duie2"], ws)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_the_null_device(closed, tmp_path):
    def iepile(*arguments):
        command = [sys.executable, "-m", "pipeline.cli", *arguments]
        shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
        return subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=False)

    done = iepile("normalize", "wnut2017", "--out", str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert (tmp_path / "normalize/wnut2017/summary.json").is_file()
    settings = iepile("settings")
    assert settings.returncode == 0
    assert ("seed" in settings.stdout) == (">&-" not in closed.replace("2>&-", ""))
    wrong = iepile("normalize", "no-such", "--out", str(tmp_path))
    assert wrong.returncode == 1
    assert ("error: " in wrong.stderr) == ("2>&-" not in closed)


def test_the_number_of_a_closed_stream_is_given_to_no_file():
    code = "import os; from pipeline import cli; cli.main(['settings']); print(os.open('/', 0))"
    shell = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", code]
    done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(done.stdout.split()[-1]) > 2


def test_a_reader_of_the_output_may_go_away():
    command = [sys.executable, "-m", "pipeline.cli", "datasets", "--json"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipe) as process:
        process.stdout.close()
        assert process.wait() == 1
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.usefixtures("in_project")
def test_a_run_skips_what_is_not_there_and_takes_an_imported_dictionary(capsys, tmp_path):
    (tmp_path / "raw").mkdir()
    shutil.copytree(ROOT / "raw/sample/wnut2017", tmp_path / "raw/wnut2017")
    places = ["--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]

    code, out, err = call(capsys, "run", "wnut2017", "ace2005", *places)
    assert code == 0
    assert f"skipped ace2005: no raw files in {tmp_path / 'raw/ace2005'}" in " ".join(out.split())
    assert "publish" in err

    params, peer = tmp_path / "params.yaml", tmp_path / "peer.json"
    params.write_text("datasets: [wnut2017]", encoding="utf-8")
    peer.write_text('{"RE": {}}', encoding="utf-8")
    given = ["--import", str(peer), "--params", str(params), *places]
    code, _, err = call(capsys, "negatives", *given)
    assert code == 0
    assert "wnut2017 NER: no neighbor for person, location" in err
    assert "6 labels without entry; datasets without an entry: wnut2017 NER" in err


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize(
    ("stage", "broken", "where"),
    [
        ("clean", "cleaned", "wnut2017/train-00000"),
        ("instruct", "instructions", "wnut2017/train-00000 (NER)"),
        ("publish", "_tables", "NER-en/train: "),
    ],
)
def test_a_stage_that_fails_names_the_shard(stage, broken, where, run, capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(import_module(f"pipeline.{stage}.stage"), broken, fail)
    params = run.parent / "params.yaml"
    params.write_text("datasets: [wnut2017]", encoding="utf-8")

    arguments = [stage, "--force", "--params", str(params), "--out", str(run), "--workers", "1"]
    code, _, err = call(capsys, *arguments)

    assert code == 1
    assert f"where: {where}" in err
    assert "Input/output error" in err


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        assert cli.main(["run", "wnut2017", "--out", str(folder)]) == 0
    return folder


@pytest.mark.usefixtures("in_project")
def test_dictionaries_are_compared_and_looked_up(capsys, tmp_path):
    mine, peers = tmp_path / "mine.json", tmp_path / "peers.json"
    mine.write_text('{"NER": {"X": {"a": ["b"], "b": ["a", "c"], "c": []}}}')
    peers.write_text('{"NER": {"X": {"a": ["b", "c"], "b": ["a"], "d": ["a"]}}}')

    code, out, _ = call(capsys, "negatives", "compare", str(mine), str(peers))
    assert code == 0
    assert "0.5" in out  # 2 of 4 links of the labels that both have

    assert call(capsys, "negatives", "compare", str(mine))[0] == 2
    code, out, _ = call(capsys, "neighbors", "wnut2017", "person")
    assert code == 0
    assert "score" in out
    assert call(capsys, "neighbors", "wnut2017", "nobody")[0] == 1
