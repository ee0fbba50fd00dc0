"""Every command with files, folders and arguments that are wrong: a clear message, never a traceback.

A case is a call and the words of its message. The message says what, where and what to do; the exit
code is 1 for what is wrong with data and declarations, 2 for a call that argparse refuses.
"""

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import catalog, cli
from tests import promises
from tests.conftest import ROOT
from tests.inputs import BOM, CONTENTS, DEEP, FOLDER, LABELS, MISSING, NO_JSON, SOUGHT

SAMPLE = ROOT / "raw" / "sample"
NAMES = ("wnut2017", "boson")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with raw files, parameters, a whole run under an odd name, and files that are none."""
    folder = tmp_path_factory.mktemp("hostile")
    for name in NAMES:
        shutil.copytree(SAMPLE / name, folder / "raw" / name)
    listed = (f"  - {name}\n" for name in NAMES)
    content = f"raw: {folder / 'raw'}\ndatasets:\n{''.join(listed)}"
    (folder / "params.yaml").write_text(content, encoding="utf-8")
    (folder / "a file").write_text("x")
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    options = [
        "--params",
        str(folder / "params.yaml"),
        "--out",
        str(folder / FOLDER),
        "--workers",
        "1",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where no links are changed by hand
        assert cli.main(["run", *NAMES, *options]) == 0
    return folder


@pytest.fixture
def call(place, capsys, monkeypatch, tmp_path):
    """Call a command; {name} in an argument is a path of `place`, {tmp} a folder of the case."""
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    def run(*arguments):
        paths = {
            "out": place / FOLDER, "raw": place / "raw", "params": place / "params.yaml", "tmp": tmp_path,
            "file": place / "a file", "empty": place / "empty", "loop": place / "loop", "none": place / "none",
        }  # fmt: skip
        try:
            code = cli.main(
                [a.format_map({k: str(v) for k, v in paths.items()}) for a in arguments]
            )
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def refused(result, words):
    """A result of `call` is a whole error with these words."""
    code, _, err = result
    promises.told(code, err, words)


RUN = ["--params", "{params}", "--workers", "1"]
#: Command and arguments -> words of its message.
CALLS = {
    "run: out is a file": (["run", *RUN, "--out", "{file}"], "iepile did not write"),
    "run: out below a file": (["run", *RUN, "--out", "{file}/x/y"], "Not a directory"),
    "run: out is a loop": (["run", *RUN, "--out", "{loop}"], "File exists"),
    "run: out is too long": (["run", *RUN, "--out", "{tmp}/" + "n" * 300], "File name too long"),
    "run: raw is a file": (["run", *RUN, "--raw", "{file}", "--out", "{tmp}/o"], "none of these datasets has raw files"),
    "run: raw is nothing": (["run", *RUN, "--raw", "{none}", "--out", "{tmp}/o"], "none of these datasets has raw files"),
    "run: raw is a loop": (["run", *RUN, "--raw", "{loop}", "--out", "{tmp}/o"], "none of these datasets has raw files"),
    "run: a dataset that leaves": (["run", "../catalog/boson", *RUN, "--out", "{tmp}/o"], "is no id"),
    "run: a misspelled dataset": (["run", "bosun", *RUN, "--out", "{tmp}/o"], "did you mean 'boson'?"),
    "run: an unknown protocol": (["run", *RUN, "--raw", "nosuch://x", "--out", "{tmp}/o"], "cannot use this URL"),
    "run: an address without ray": (["run", *RUN, "--address", "x:1", "--out", "{tmp}/o"], "--engine ray"),
    "normalize: raw is a file": (["normalize", "boson", *RUN, "--raw", "{file}", "--out", "{tmp}/o"], "is missing"),
    "normalize: an id of blanks": (["normalize", " ", *RUN, "--out", "{tmp}/o"], "is no id"),
    "run: a dataset without raw files": (["run", "boson", *RUN, "--raw", "{none}", "--out", "{tmp}/o"], "none of these datasets has raw files"),
    "normalize: a misspelled dataset": (["normalize", "bosun", *RUN, "--out", "{tmp}/o"], "did you mean 'boson'?"),
    "clean: nothing normalized": (["clean", "boson", *RUN, "--out", "{tmp}/o"], "normalize of boson has not been run"),
    "clean: out is a file": (["clean", "boson", *RUN, "--out", "{file}"], "iepile did not write"),
    "dedupe: nothing cleaned": (["dedupe", *RUN, "--out", "{tmp}/o"], "normalize of boson has not been run"),
    "negatives: nothing cleaned": (["negatives", *RUN, "--out", "{tmp}/o"], "normalize of boson has not been run"),
    "instruct: nothing cleaned": (["instruct", "boson", *RUN, "--out", "{tmp}/o"], "normalize of boson has not been run"),
    "publish: nothing cleaned": (["publish", *RUN, "--out", "{tmp}/o"], "normalize of boson has not been run"),
    "report: nothing normalized": (["report", *RUN, "--out", "{tmp}/o"], "normalize of boson has not been run"),
    "audit: no report": (["audit", "--run", "{empty}"], "cannot read this JSON file"),
    "audit: run is a file": (["audit", "--run", "{file}"], "cannot read this JSON file"),
    "check: no parameters": (["check", "boson", "--params", "{none}"], "there is no such file"),
    "check: parameters are a folder": (["check", "boson", "--params", "{empty}"], "there is no such file"),
    "check: parameters are a loop": (["check", "boson", "--params", "{loop}"], "there is no such file"),
    "show: nothing made": (["show", "boson", "--run", "{empty}"], "no records of boson yet"),
    "show: a misspelled dataset": (["show", "bosun", "--run", "{out}"], "did you mean 'boson'?"),
    "show: no such record": (["show", "boson/test/99999", "--run", "{out}"], "there is no record"),
    "show: an odd record": (["show", "boson/test/0/0", "--run", "{out}"], "there is no record"),
    "show: no id": (["show", "", "--run", "{out}"], "is no id"),
    "show: an id that leaves": (["show", "../boson", "--run", "{out}"], "is no id"),
    "show: no such reason": (["show", "wnut2017", "--run", "{out}", "--dropped", "nix"], "the reasons here are"),
    "show: no such rejects": (["show", "boson", "--run", "{empty}", "--rejects"], "no records of boson yet"),
    "check: nothing there": (["check", "--all", "--params", "{params}", "--raw", "{empty}"], "no dataset has raw"),
    "check: no such dataset": (["check", "nix", "--params", "{params}"], "there is no dataset"),
    "neighbors: no such dataset": (["neighbors", "nix", "x", "--run", "{out}"], "there is no dataset"),
    "neighbors: an id that leaves": (["neighbors", "../x", "x", "--run", "{out}"], "is no id"),
    "neighbors: no such label": (["neighbors", "boson", "nix", "--run", "{out}"], "there is no label 'nix'"),
    "neighbors: a misspelled label": (["neighbors", "wnut2017", "persn", "--run", "{out}"], "person"),
    "neighbors: no such task": (["neighbors", "boson", "nix", "--task", "X", "--run", "{out}"], "there is no task"),
    "neighbors: no dictionary": (["neighbors", "boson", "time", "--run", "{empty}"], "cannot read this JSON"),
    "compare: no files": (["negatives", "compare", "{none}", "{none}"], "there is no such file or folder"),
    "compare: no JSON": (["negatives", "compare", "{file}", "{file}"], "cannot read this JSON file"),
    "compare: no dictionaries": (["negatives", "compare", "{empty}", "{empty}"], "no dictionary is in this folder"),
    "negatives: a peer's file that is none": (["negatives", "--import", "{file}", *RUN, "--out", "{out}"], "cannot read"),
    "use: nothing there": (["use", "{empty}", "--params", "{params}"], "no dataset has raw files"),
    "use: a file": (["use", "{file}", "--params", "{params}"], "no dataset has raw files"),
    "use: parameters are text": (["use", "{raw}", "--params", "{file}"], "must be a table"),
    "use: parameters are missing": (["use", "{raw}", "--params", "{none}"], "there is no such file"),
    "settings: no such section": (["settings", "nix", "--params", "{params}"], "there is no section 'nix'"),
    "settings: parameters are text": (["settings", "--params", "{file}"], "must be a table"),
    "fetch: no such dataset": (["fetch", "nix"], "there is no dataset"),
    "fetch: a misspelled source": (["fetch", "--edition", "iepile", "--only", "FabNRE"], "FabNER"),
    "settings: a misspelled section": (["settings", "instrct", "--params", "{params}"], "instruct"),
    "score: no predictions": (["score", "{none}", "--corpus", "{out}/corpus"], "no such file or folder"),
    "score: an empty folder": (["score", "{empty}", "--corpus", "{out}/corpus"], "no predictions here"),
    "score: no JSON": (["score", "{file}", "--corpus", "{out}/corpus"], "not JSON"),
    "score: no gold": (["score", "{out}/corpus", "--corpus", "{none}"], "no such file or folder"),
    "score: gold without shards": (["score", "{out}/corpus", "--corpus", "{empty}"], "no Parquet shards here"),
    "score: gold of records": (["score", "{out}/corpus", "--corpus", "{out}/clean"], "no column 'record_id'"),
    "score: no such field": (["score", "{out}/corpus", "--corpus", "{out}/corpus", "--field", "x"], "needs the fields"),
    "score: scores into a folder": (["score", "{out}/corpus", "--corpus", "{out}/corpus", "--samples", "0", "--out", "{empty}"], "Is a directory"),
    "score: scores below a file": (["score", "{out}/corpus", "--corpus", "{out}/corpus", "--samples", "0", "--out", "{file}/x"], "File exists"),
    "export: nothing made": (["export", "bio", "--run", "{empty}", "--out", "{tmp}/e", "--params", "{params}"], "no records to export"),
    "export: over a run": (["export", "bio", "--run", "{out}", "--out", "{out}/corpus", "--params", "{params}"], "would lie among the input"),
    "export: over raw files": (["export", "messages", "--run", "{out}", "--out", "{raw}", "--params", "{params}"], "would lie among the input"),
    "export: no such run": (["export", "messages", "--run", "{none}", "--out", "{tmp}/e", "--params", "{params}"], "--run"),
    "export: over a file": (["export", "bio", "--run", "{out}", "--out", "{file}", "--params", "{params}"], "iepile did not write"),
    "export: below a file": (["export", "bio", "--run", "{out}", "--out", "{file}/x", "--params", "{params}"], "Not a directory"),
    "export: no such split": (["export", "bio", "--run", "{out}", "--out", "{tmp}/e", "--split", "tain", "--params", "{params}"], "no split 'tain'"),
    "export: no such dataset": (["export", "bio", "--run", "{out}", "--out", "{tmp}/e", "--datasets", "nix", "--params", "{params}"], "no dataset 'nix'"),
    "export: from what it is not": (["export", "bio", "--from", "instructions", "--run", "{out}", "--out", "{tmp}/e", "--params", "{params}"], "is not made from instructions"),
    "import: no folder": (["import", "iepile-jsonl", "{none}"], "there is no train.json"),
    "import: a file": (["import", "iepile-jsonl", "{file}"], "there is no train.json"),
    "import: an empty folder": (["import", "iepile-jsonl", "{empty}"], "there is no train.json"),
    "import: no such task": (["import", "iepile-jsonl", "{empty}", "--tasks", "XX"], "there is no task 'XX'"),
    "new: no reader": (["new", "toyy"], "no files"),
    "new: a misspelled reader": (["new", "toyy", "--reader", "colums"], "there is no reader 'colums'"),
    "new: no files": (["new", "toyy", "--reader", "columns"], "no files"),
    "new: no such file": (["new", "toyy", "--reader", "columns", "--split", "train={none}", "--params", "{params}"], "no such file"),
    "new: all and another": (["new", "toyy", "--reader", "columns", "--split", "all={file}", "--split", "dev={file}"], "all= stands alone"),
    "new: an id that leaves": (["new", "../x", "--reader", "columns", "--split", "train={file}", "--params", "{params}"], "is no id"),
    "new: an id of blanks": (["new", " ", "--reader", "columns", "--split", "train={file}", "--params", "{params}"], "is no id"),
    "new: an id that is there": (["new", "boson", "--reader", "columns", "--split", "train={file}", "--params", "{params}"], "there is a dataset"),
    "new: no such option": (["new", "toyy", "--reader", "columns", "--split", "train={file}", "--option", "shceme=IO", "--params", "{params}"], "did you mean 'scheme'?"),
    "new: an option of another type": (["new", "toyy", "--reader", "columns", "--split", "train={file}", "--option", "token_column=a", "--params", "{params}"], "must be a whole number"),
    "new: nothing readable": (["new", "toyy", "--reader", "columns", "--split", "train={file}", "--params", "{params}"], "to do"),
    "new: a folder as a file": (["new", "toyy", "--reader", "columns", "--split", "train={empty}", "--params", "{params}"], "Is a directory"),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_a_call_that_cannot_be_done(case, call, place):
    arguments, words = CALLS[case]

    with promises.untouched(place):
        refused(call(*arguments), words)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["fetch"],
        ["import", "iepile-jsonl"],
        ["frobnicate"],
        ["export", "nix", "--out", "x"],
        ["export", "messages"],
        ["score"],
        ["score", "x", "--samples", "-1"],
        ["negatives", "compare", "x"],
        ["fetch", "boson", "--timeout", "0"],
        ["show", "boson", "--n", "0"],
        ["show", "boson", "--split", "valid"],
        ["new", "toyy", "--option", "scheme"],
        ["new", "toyy", "--split", "valid=x"],
        ["run", "--workers", "two"],
        ["run", "--workers", "²"],
        ["run", "--engine", "spark"],
    ],
    ids=" ".join,
)
def test_a_call_that_is_none(arguments, call):
    code, _, err = call(*arguments)

    assert code == 2
    assert "usage: iepile" in err


@pytest.mark.parametrize("where", ["{file}", "{loop}"])
def test_what_check_finds_where_no_folder_is(where, call):
    code, out, _ = call("check", "boson", "--params", "{params}", "--raw", where)

    assert code == 1
    assert "this raw file is missing" in out


@pytest.mark.parametrize("where", ["{file}", "{loop}"])
def test_fetch_where_no_folder_can_be(where, call):
    code, _, err = call("fetch", "boson", "--mirror", "{raw}", "--raw", where)

    assert code == 1
    assert "to do: check that the path is right" in err


def manifest(content):
    return lambda raw: (raw / "boson" / "manifest.toml").write_bytes(content)


#: What is wrong with the mirror or the folder of raw files -> words.
FETCHED = {
    "a mirror that is no address": ("http://[", None, "this is no address"),
    "a mirror of another scheme": ("ftp://x/y", None, "the mirror has no such file"),
    "a mirror of two lines": ("a\nb", None, "the mirror has no such file"),
    "a mirror that is a file": ("{file}", None, "the mirror has no such file"),
    "a folder in the place of a file": ("{raw}", lambda raw: (raw / "boson" / "origindata.txt").mkdir(), "origindata.txt"),
    "a loop in the place of a folder": ("{raw}", lambda raw: (raw / "boson").rmdir() or (raw / "boson").symlink_to(raw / "boson"), "boson"),
    "a file in the place of the work": ("{raw}", lambda raw: (raw / ".fetch").write_text("x"), "Not a directory"),
    "a manifest that is no TOML": ("{raw}", manifest(b"splits = ["), "other bytes"),
    "a manifest that is no UTF-8": ("{raw}", manifest(b"\xff\xfe"), "other bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", FETCHED)
def test_fetch_from_what_is_no_mirror_to_what_is_no_folder(case, call, tmp_path):
    mirror, change, words = FETCHED[case]
    (tmp_path / "full" / "boson").mkdir(parents=True)
    if change:
        change(tmp_path / "full")

    code, _, err = call("fetch", "boson", "--mirror", mirror, "--raw", "{tmp}/full")

    assert code == 1
    assert words in err
    assert "to do: " in err


@pytest.mark.parametrize("text", SOUGHT)
def test_any_text_can_be_sought(text, call):
    code, out, _ = call("show", "boson", "--run", "{out}", "--grep", text)

    assert code == 0
    assert "records shown" in out


def test_a_path_of_several_lines_is_told_on_one(call):
    _, _, err = call("show", "boson/test/99", "--run", "{out}")

    assert any("\\n名😀" in line for line in err.splitlines() if line.startswith("  where: "))


def answers(place):
    """Gold rows of the test splits as answers."""
    paths = sorted((place / FOLDER / "corpus").glob("*/test-*.parquet"))
    rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
    return [{"id": row["id"], "prediction": row["output"]} for row in rows]


def as_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(**columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def column(rows, key):
    return [row[key] for row in rows]


def flipped(content, place):
    broken = bytearray(content)
    broken[len(content) // place] ^= 0xFF
    return bytes(broken)


def whole(rows):
    return as_parquet(id=column(rows, "id"), prediction=column(rows, "prediction"))


#: What stands in the file of predictions -> its name and words, or None where it counts.
PREDICTIONS = {
    "an id that is not asked": (lambda r: as_lines([{**r[0], "id": "nix"}]), "p.jsonl", "does not hold"),
    "an id twice": (lambda r: as_lines([*r, r[0]]), "p.jsonl", "answered more than once"),
    "no id": (lambda _: as_lines([{"prediction": "x"}]), "p.jsonl", "needs the fields id"),
    "no text": (lambda r: as_lines([{"id": r[0]["id"]}]), "p.jsonl", "prediction or output"),
    "lists": (lambda _: as_lines([[1]]), "p.jsonl", "needs the fields"),
    "numbers": (lambda _: as_lines([1]), "p.jsonl", "needs the fields"),
    "null": (lambda _: as_lines([None]), "p.jsonl", "needs the fields"),
    "nothing": (lambda _: b"", "p.jsonl", "no predictions here"),
    "an empty array": (lambda _: b"[]", "p.json", "no predictions here"),
    "an id of null": (lambda _: as_lines([{"id": None, "prediction": ""}]), "p.jsonl", "does not hold"),
    "an id of another type": (lambda _: as_lines([{"id": {}, "prediction": ""}]), "p.jsonl", "does not hold"),
    "UTF-16": (lambda r: as_lines(r).decode().encode("utf-16"), "p.jsonl", "not JSON"),
    "NUL bytes": (lambda _: b"\0\0", "p.jsonl", "not JSON"),
    "a key twice": (lambda _: b'{"id": "a", "id": "b", "prediction": ""}', "p.jsonl", "stands twice"),
    "100,000 brackets": (lambda _: b"[" * DEEP, "p.jsonl", "not a JSON document"),
    "an unfinished line": (lambda r: as_lines(r)[:-9], "p.jsonl", "not JSON"),
    "Parquet under another name": (whole, "p.jsonl", ""),
    "JSON under the name of Parquet": (as_lines, "p.parquet", "cannot read this Parquet file"),
    "half a Parquet file": (lambda r: whole(r)[: len(whole(r)) // 2], "p.parquet", "cannot read this Parquet"),
    "no Parquet": (lambda _: b"PAR1", "p.parquet", "cannot read this Parquet"),
    "another byte in the data": (lambda r: flipped(whole(r), 3), "p.parquet", "cannot read this Parquet"),
    "another byte early on": (lambda r: flipped(whole(r), 20), "p.parquet", "does not hold"),
    "another byte in the footer": (lambda r: whole(r)[:-20] + b"\xff" * 8 + whole(r)[-12:], "p.parquet", "cannot read this Parquet"),
    "other columns": (lambda r: as_parquet(name=column(r, "id")), "p.parquet", "needs the fields id"),
    "ids that are objects": (lambda _: as_parquet(id=[{"a": 1}], prediction=["x"]), "p.parquet", "cannot read this Parquet"),
    "ids that are numbers": (lambda _: as_parquet(id=[1, 2], prediction=["x", "y"]), "p.parquet", "does not hold"),
    "ids that are null": (lambda _: as_parquet(id=pa.array([None], pa.string()), prediction=["x"]), "p.parquet", "does not hold"),
    "ids that are no UTF-8": (lambda _: as_parquet(id=[b"\xff"], prediction=["x"]), "p.parquet", "cannot read this Parquet"),
    "texts that are bytes": (lambda r: as_parquet(id=column(r, "id"), prediction=[b"x"] * len(r)), "p.parquet", "not a string"),
    "no rows of Parquet": (lambda _: as_parquet(id=pa.array([], pa.string()), prediction=pa.array([], pa.string())), "p.parquet", "no predictions here"),
    "in another order": (lambda r: as_lines(r[::-1]), "p.jsonl", None),
    "an array": (lambda r: json.dumps(r).encode(), "p.json", None),
    "Parquet in another order": (lambda r: whole(r[::-1]), "p.parquet", None),
    "CRLF and a BOM": (lambda r: BOM + as_lines(r).replace(b"\n", b"\r\n"), "p.jsonl", None),
    "objects for texts": (lambda r: as_lines([{**x, "prediction": json.loads(x["prediction"])} for x in r]), "p.jsonl", None),
}  # fmt: skip


#: Of these the message is another: JSON they are.
SAID = {"300 levels": "nested", "a key twice": "stands twice"}
PREDICTIONS |= {
    f"{name} as an id": (
        lambda _, value=value: b'{"id": %s, "prediction": ""}' % value,
        "p.jsonl",
        SAID.get(name, "the gold does not hold" if name in MISSING else "not JSON"),
    )
    for name, value in {**NO_JSON, **MISSING}.items()
}


@pytest.mark.parametrize("case", PREDICTIONS)
def test_predictions(case, call, place, tmp_path):
    make, name, words = PREDICTIONS[case]
    (tmp_path / name).write_bytes(make(answers(place)))

    result = call(
        "score",
        "{tmp}/" + name,
        "--corpus",
        "{out}/corpus",
        "--samples",
        "0",
        "--out",
        "{tmp}/scores.json",
    )

    if words:
        if "hold" in words:
            words = "the gold does not hold"
        refused(result, words)
    else:
        assert result[0] == 0
        scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
        assert {(own["f1"], own["missing"], own["parse_failures"]) for own in scores} == {
            (100, 0, 0)
        }


@pytest.mark.parametrize(
    ("text", "why"),
    [("{" * DEEP, "cut_off_or_broken"), ("[" * DEEP, "no_object"), ('{"a":' * 50_000, "cut_off_or_broken"),
     ("\0", "no_object"), ("", "empty"), ("x" * 1_000_000, "no_object"), ('{"a": "\\ud800"}', "other keys"),
     ("9" * 9_999, "no_object"), (None, "no answer"), (1, "no_object"), (True, "no_object"), ([], "no_object"),
     ({"person": {"person": []}}, ""), ({"person": [[], {}, None, 1]}, "")],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_an_answer_that_is_none_counts_as_none(text, why, call, place, tmp_path):
    first = answers(place)[0]
    (tmp_path / "p.jsonl").write_bytes(as_lines([{**first, "prediction": text}]))

    code, _, err = call(
        "score",
        "{tmp}/p.jsonl",
        "--corpus",
        "{out}/corpus",
        "--samples",
        "0",
        "--partial",
        "--out",
        "{tmp}/s.json",
    )
    (own,) = json.loads((tmp_path / "s.json").read_text())["scores"]

    # The other rows of the corpus have no answer, which `--partial` says as well.
    notes = [line for line in err.splitlines() if "rows left out" not in line]
    told = {
        "": [],
        "other keys": ["note: answers with other keys than the labels that were asked: 1 of 1"],
    }.get(why, [f"note: answers that could not be read, by reason: {why} 1"])
    if why == "no answer":
        assert all("no answer, which counts as an empty one" in note for note in notes)
        assert len(notes) == 1
    else:
        assert notes == told
    assert code == 0
    assert own["rows"] == 1
    assert own["correct"] == 0


def copied(place, tmp_path):
    """A copy of the run, of links: what is damaged must be removed first."""
    return Path(shutil.copytree(place / FOLDER, tmp_path / "run", copy_function=os.link))


def put(path, content):
    path.unlink()
    path.write_bytes(content)


def cut(path):
    put(path, path.read_bytes()[: path.stat().st_size // 2])


def folder(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path)


DAMAGE = {
    "cut": cut,
    "empty": lambda path: put(path, b""),
    "text": lambda path: put(path, b"hello"),
    "a folder": folder,
    "a loop": loop,
    "another table": lambda path: put(path, as_parquet(a=[1])),
}
if os.geteuid():  # the superuser may read everything
    DAMAGE["no permission"] = lambda path: path.chmod(0)
#: A shard of one stage, and the command that reads it.
READ_BY = {
    "clean": ("normalize/wnut2017/train-00000.parquet", ["clean", "wnut2017", *RUN]),
    "dedupe": ("clean/wnut2017/train-00000.parquet", ["dedupe", *RUN]),
    "negatives": ("clean/wnut2017/train-00000.parquet", ["negatives", *RUN]),
    "instruct": ("clean/wnut2017/train-00000.parquet", ["instruct", "wnut2017", *RUN]),
    "instruct, drops": ("dedupe/wnut2017/train-00000.parquet", ["instruct", "wnut2017", *RUN]),
    "publish": ("instruct/wnut2017/NER/train-00000.parquet", ["publish", *RUN]),
    "report": ("instruct/wnut2017/NER/train-00000.parquet", ["report", *RUN]),
    "report, rejects": ("normalize/wnut2017/rejects.parquet", ["report", *RUN]),
    "show": ("clean/wnut2017/train-00000.parquet", ["show", "wnut2017"]),
    "show, rejects": (
        "normalize/wnut2017/rejects.parquet",
        ["show", "wnut2017", "--rejects"],
    ),
    "export of records": (
        "clean/wnut2017/train-00000.parquet",
        ["export", "bio", "--params", "{params}"],
    ),
    "export of rows": (
        "corpus/NER-en/train-00000-of-00001.parquet",
        ["export", "messages", "--params", "{params}"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("reader", READ_BY)
def test_a_damaged_shard_is_named_by_who_reads_it(reader, damage, call, place, tmp_path):
    path, arguments = READ_BY[reader]
    run = copied(place, tmp_path)
    DAMAGE[damage](run / path)
    places = (
        ["--run", "{tmp}/run", "--out", "{tmp}/x"]
        if "export" in reader
        else ["--run" if "show" in reader else "--out", "{tmp}/run"]
    )
    gone = reader == "show, rejects" and damage in ("a folder", "a loop")

    with promises.untouched(run):
        result = call(*arguments, *places)

    refused(result, "no records of wnut2017 yet" if gone else (run / path).name)


JSON_READ_BY = {
    "report, summary": ("normalize/wnut2017/summary.json", ["report", *RUN]),
    "report, hygiene": ("clean/wnut2017/hygiene.json", ["report", *RUN]),
    "report, near-duplicates": ("dedupe/near_duplicates.json", ["report", *RUN]),
    "report, dictionary": ("negatives/wnut2017/dictionary.json", ["report", *RUN]),
    "instruct, dictionary": (
        "negatives/wnut2017/dictionary.json",
        ["instruct", "wnut2017", *RUN],
    ),
    "neighbors": (
        "negatives/wnut2017/dictionary.json",
        ["neighbors", "wnut2017", "person"],
    ),
    "audit": ("reports/counts.json", ["audit"]),
}


@pytest.mark.parametrize("content", CONTENTS, ids=lambda c: c[:9] or "empty")
@pytest.mark.parametrize("reader", JSON_READ_BY)
def test_a_damaged_json_file_is_named_by_who_reads_it(reader, content, call, place, tmp_path):
    path, arguments = JSON_READ_BY[reader]
    target = copied(place, tmp_path) / path
    put(target, content.encode())
    option = "--run" if reader in ("audit", "neighbors") else "--out"

    refused(call(*arguments, option, "{tmp}/run"), target.name)


DICTIONARIES = [
    '{"NER":[]}', '{"NER":{"X":[]}}', '{"NER":{"X":{"a":"b"}}}', '{"NER":{"X":{"a":[1]}}}',
    '{"NER":{"X":{"a":null}}}', '{"NER":{"X":{"a":["b"]},"Y":5}}', '{"NER":{"X":{"a":[["b"]]}}}',
    '{"tasks":[]}', '{"tasks":{}}', '{"tasks":{"NER":{"a":["b"]}},"source":"X"}',
    '{"tasks":{"NER":{"a":[{"label":1}]}},"source":"X"}', "[]", "null", "5",
]  # fmt: skip


@pytest.mark.parametrize("content", DICTIONARIES)
@pytest.mark.parametrize(
    "use",
    [
        ["compare", "{tmp}/d.json", "{tmp}/d.json"],
        ["--import", "{tmp}/d.json", *RUN, "--out", "{tmp}/run"],
    ],
    ids=["compare", "import"],
)
def test_a_dictionary_that_is_none(content, use, call, place, tmp_path):
    (tmp_path / "d.json").write_text(content)
    if "--import" in use:
        copied(place, tmp_path)

    refused(call("negatives", *use), "this is no dictionary")


ROW = {"text": "Ada fell in Oslo", "entity": [{"entity": "Ada", "entity_type": "person"}]}
SCHEMA = b'["person", "city"]\n["born in"]\n{"person": ["born in"]}\n'
#: Files of a folder to import -> words, or None where it is imported.
IMPORTS = {
    "no schema": ({"train.json": as_lines([ROW])}, "cannot read"),
    "no rows": ({"schema.json": SCHEMA}, "there is no train.json"),
    "empty rows": ({"train.json": b"", "schema.json": SCHEMA}, "this file is empty"),
    "rows of UTF-16": ({"train.json": as_lines([ROW]).decode().encode("utf-16"), "schema.json": SCHEMA}, "not one record"),
    "rows of NUL": ({"train.json": b"\0\0", "schema.json": SCHEMA}, "not one record"),
    "rows of other things": ({"train.json": as_lines([1, {}]), "schema.json": SCHEMA}, "not one record"),
    "100,000 levels": ({"train.json": b"[" * DEEP, "schema.json": SCHEMA}, "not a JSON document"),
    "an empty schema": ({"train.json": as_lines([ROW]), "schema.json": b""}, "no schema"),
    "half a schema": ({"train.json": as_lines([ROW]), "schema.json": SCHEMA[:30]}, "no schema"),
    "a schema of numbers": ({"train.json": as_lines([ROW]), "schema.json": b"[1]\n[]\n{}"}, "no schema"),
    "a schema of blanks": ({"train.json": as_lines([ROW]), "schema.json": b'[" "]\n[]\n{}'}, "no schema"),
    "a schema of UTF-16": ({"train.json": as_lines([ROW]), "schema.json": SCHEMA.decode().encode("utf-16")}, "not JSON lines"),
    "a schema of 100,000 levels": ({"train.json": as_lines([ROW]), "schema.json": b"[" * DEEP}, "not a JSON document"),
    "an empty label": ({"train.json": as_lines([{**ROW, "entity": [{"entity": "Ada", "entity_type": ""}]}]), "schema.json": SCHEMA}, "labels.entity[2]: it is blank"),
    "CRLF and BOMs": ({"train.json": BOM + as_lines([ROW]).replace(b"\n", b"\r\n"), "schema.json": BOM + SCHEMA.replace(b"\n", b"\r\n")}, None),
    "odd labels": ({"train.json": as_lines([{**ROW, "entity": [{"entity": "Ada", "entity_type": k} for k in LABELS]}]), "schema.json": SCHEMA}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPORTS)
def test_a_folder_to_import(case, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, words = IMPORTS[case]
    source = tmp_path / "NER" / FOLDER
    source.mkdir(parents=True)
    for name, content in files.items():
        (source / name).write_bytes(content)

    result = call("import", "iepile-jsonl", str(source), "--raw", "{tmp}/raw")

    written = [*(tmp_path / "catalog").glob("*"), *(tmp_path / "raw").glob("*")]
    if words:
        refused(result, words)
        assert written == []
    else:
        assert result[0] == 0
        (name,) = catalog.ids(tmp_path / "catalog")
        wanted = {
            e["entity_type"] for e in json.loads(files["train.json"].removeprefix(BOM))["entity"]
        }
        assert {*catalog.load(name, tmp_path / "catalog").names("entity")} >= wanted


def test_stray_files_beside_a_run_are_no_datasets(call, place, tmp_path):
    copied(place, tmp_path)
    (tmp_path / "run" / "clean" / "notes to self.txt").write_text("x")
    (tmp_path / "run" / "clean" / ".boson.partial").mkdir()

    code, out, _ = call(
        "export", "bio", "--run", "{tmp}/run", "--out", "{tmp}/e", "--params", "{params}"
    )

    assert code == 0
    assert "rows" in out
