"""`iepile predict` against a local server: all is asked, once, through every fault."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.execution import shards
from pipeline.predicting.questions import Part, questions
from tests.conftest import ROOT
from tests.predicting.server import gold_of, serving

pytestmark = pytest.mark.skipif(not find_spec("openai"), reason="openai is not installed")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    arguments = ["--raw", str(ROOT / "raw" / "sample"), "--out", str(out), "--workers", "1"]
    params = ["--params", str(ROOT / "params.yaml")]
    assert cli.main(["run", "conll04", "wnut2017", *arguments, *params]) == 0
    return out / "corpus"


def predict(corpus, url, out, *more):
    call = ["--endpoint", url, "--model", "tiny", "--corpus", str(corpus), "--out", str(out)]
    return cli.main(["predict", *call, *more])


def rows_of(path):
    return [*map(json.loads, path.read_text(encoding="utf-8").splitlines())]


def score(corpus, out, *more):
    path = out.with_suffix(".scores.json")
    call = ["score", str(out), "--corpus", str(corpus), "--samples", "0", "--out", str(path)]
    assert cli.main([*call, *more]) == 0
    return json.loads(path.read_text())


def asked_rows(corpus, split="test"):
    paths = [*corpus.glob(f"*/{split}-*.parquet")]
    return {i for path in paths for i in shards.read(path, ["id"])["id"].to_pylist()}


@pytest.mark.parametrize("schema", ["auto", "off"])
def test_gold_answers_score_100(corpus, tmp_path, schema, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    with serving(lambda messages: gold[messages[-1]["content"]], pieces=True) as (url, seen, _):
        assert predict(corpus, url, out, "--schema", schema) == 0

    assert {row["id"] for row in rows_of(out)} == asked_rows(corpus)
    scores = score(corpus, out)
    assert all(entry["f1"] == 100.0 for entry in scores["scores"])
    assert scores["account"]["missing"] == 0
    assert all(("response_format" in body) == (schema == "auto") for body in seen)


FAULTS = ["429", "500", "cut", None, "nonsense", "429", "hang", "500", "500", None, "cut"] * 2


def test_faults_that_pass_are_asked_again(corpus, tmp_path, capsys):
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    with serving(lambda m: gold[m[-1]["content"]], FAULTS) as (url, seen, counts):
        assert predict(corpus, url, out, "--timeout", "2", "--concurrency", "4") == 0

    assert counts["429"] == 4
    rows = rows_of(out)
    assert sorted(row["id"] for row in rows) == sorted(asked_rows(corpus))
    assert len(seen) == len(rows) + len([f for f in FAULTS if f])
    assert all(entry["f1"] == 100.0 for entry in score(corpus, out)["scores"])
    told = capsys.readouterr().err
    assert f"answered {len(rows)}" in told
    assert "completion tokens" in told


def test_refusals_are_answers_and_what_is_refused_for_good_is_in_the_account(corpus, tmp_path):
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    with serving(lambda m: gold[m[-1]["content"]], ["refuse", "400"]) as (url, _, _):
        assert predict(corpus, url, out, "--schema", "off", "--concurrency", "1") == 0

    rows = rows_of(out)
    assert rows[0]["prediction"] == "I cannot help."
    assert (rows[1]["prediction"], rows[1]["error"]) == (None, rows[1]["error"])
    account = score(corpus, out)["account"]
    assert (account["missing"], account["unreadable"]) == (1, {"no_object": 1})


def test_a_server_without_schemas_is_asked_without(corpus, tmp_path):
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    with serving(lambda m: gold[m[-1]["content"]], takes_schema=False) as (url, _, counts):
        assert predict(corpus, url, out, "--concurrency", "1") == 0

    assert counts["schema refused"] == 1
    assert len(rows_of(out)) == len(asked_rows(corpus))


def test_a_wrong_key_ends_it_in_words(corpus, tmp_path, capsys):
    with serving(lambda _: "{}", ["401"] * 99) as (url, seen, _):
        assert predict(corpus, url, tmp_path / "a.jsonl", "--concurrency", "2") == 1

    assert "OPENAI_API_KEY" in capsys.readouterr().err
    assert len(seen) <= 2


def test_a_server_that_never_answers_is_given_up_and_asked_again_later(corpus, tmp_path, capsys):
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    with serving(lambda _: "{}", ["500"] * 9999) as (url, _, _):
        assert predict(corpus, url, out, "--retries", "0", "--limit", "2") == 1
    told = capsys.readouterr().err
    assert "rows without an answer: Error code: 500 - fault 500\n" in told
    assert "run the same command again" in told
    assert rows_of(out) == []
    with serving(lambda m: gold[m[-1]["content"]]) as (url, _, _):
        assert predict(corpus, url, out, "--limit", "2") == 0
    assert len({row["id"].rpartition("/")[0] for row in rows_of(out)}) > 2


def test_a_killed_run_goes_on(corpus, tmp_path):
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    with serving(lambda m: gold[m[-1]["content"]], slow=0.4) as (url, seen, _):
        call = ["predict", "--endpoint", url, "--model", "tiny", "--corpus", str(corpus)]
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *call, "--out", str(out), "--concurrency", "2"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not (out.exists() and len(out.read_bytes().splitlines()) >= 2):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        # While it runs, the file is its own.
        assert predict(corpus, url, out) == 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = out.read_bytes().splitlines()
        with out.open("ab") as stream:
            stream.write(b'{"id": "conll04/te')  # cut off in the middle
        asked = len(seen)
        assert predict(corpus, url, out) == 0

    rows = rows_of(out)
    assert len(rows) == len({row["id"] for row in rows}) == len(asked_rows(corpus))
    assert len(seen) - asked <= len(rows) - len(before) + 2
    assert all(entry["f1"] == 100.0 for entry in score(corpus, out)["scores"])


def test_files_of_others_are_not_written(corpus, tmp_path, capsys):
    out = tmp_path / "a.jsonl"
    for text, words in (
        ('{"id": "a", "prediction": "", "model": "big"}\n', "big answered here"),
        ("dear diary\n", "no answer that `iepile predict` wrote"),
    ):
        out.write_text(text)
        assert predict(corpus, "http://127.0.0.1:9/v1", out) == 1
        assert words in capsys.readouterr().err
        assert out.read_text() == text


def test_what_cannot_be_asked_is_told_at_once(corpus, tmp_path, capsys):
    nobody, out = "http://127.0.0.1:9/v1", tmp_path / "b.jsonl"
    (tmp_path / "empty").mkdir()
    for corpus_, url, more, words in (
        (corpus, nobody, ["--config", "NER-em"], "no config 'NER-em', did you mean 'NER-en'?"),
        (corpus, nobody, ["--datasets", "conll04,wnut"], "no test rows of 'wnut' to ask"),
        (tmp_path / "empty", nobody, [], "there are no rows to ask"),
        (tmp_path / "none", nobody, [], "there is no corpus"),
        (corpus, nobody, [], "cannot connect to the server: All connection attempts failed"),
        (corpus, "localhost:9/v1", [], "cannot connect to the server: Request URL "),
    ):
        assert predict(corpus_, url, out, *more) == 1
        assert words in capsys.readouterr().err


def test_the_next_step_scores_what_was_asked(corpus, tmp_path, capsys):
    gold, out = gold_of(corpus), tmp_path / "a.jsonl"
    part = ["--datasets", "conll04", "--config", "NER-en"]
    with serving(lambda m: gold[m[-1]["content"]]) as (url, _, _):
        assert predict(corpus, url, out, *part) == 0
    step = capsys.readouterr().out.removeprefix("next:    iepile ").split()
    assert step == ["score", str(out), *part[:2], "--partial", "--corpus", str(corpus)]
    assert cli.main([*step, "--samples", "0"]) == 0
    assert " 100.00" in capsys.readouterr().out
    # All is answered: nobody is asked, and nobody is missed.
    assert predict(corpus, "http://127.0.0.1:9/v1", out, *part) == 0
    assert "answered already" in capsys.readouterr().err


def test_examples_come_from_train_and_never_from_the_own_record(corpus):
    train = {
        row["instruction"]: row["record_id"]
        for path in corpus.glob("*/train-*.parquet")
        for row in shards.read(path, ["instruction", "record_id"]).to_pylist()
    }
    for split in ("test", "train"):
        found = [*questions(Part(corpus, ["NER-en"], split, ["conll04"], 5, 3))]
        assert found == [*questions(Part(corpus, ["NER-en"], split, ["conll04"], 5, 3))]
        for question in found:
            *shown, last = question.messages
            assert [turn["role"] for turn in shown] == ["user", "assistant"] * 3
            records = {train[turn["content"]] for turn in shown[::2]}
            assert all(record.startswith("conll04/train/") for record in records)
            assert question.id.rpartition("/NER/")[0] not in records
            assert last["role"] == "user"


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", "docs/tutorials/train-and-score.md"])
def test_the_three_commands_of_the_docs(page, tmp_path, monkeypatch, capsys):
    """As they are written there, but for the port and for the sample edition."""
    text = (
        (ROOT / page)
        .read_text(encoding="utf-8")
        .split("<!-- run in: tests/predicting/test_predict.py -->")[1]
    )
    run, ask, rate = text.split("```sh\n")[1].split("```")[0].splitlines()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "sample").symlink_to(ROOT / "raw" / "sample")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "dictionaries", tmp_path / "dictionaries")
    monkeypatch.chdir(tmp_path)
    assert cli.main(run.split()[1:]) == 0
    gold = gold_of(Path("output/two/corpus"))
    with serving(lambda messages: gold[messages[-1]["content"]]) as (url, _, _):
        assert "http://localhost:8000/v1" in ask
        assert cli.main(ask.replace("http://localhost:8000/v1", url).split()[1:]) == 0
    assert cli.main(rate.split()[1:]) == 0

    assert "100.00" in capsys.readouterr().out


def test_limit_takes_whole_records(corpus):
    ids = [question.id for question in questions(Part(corpus, limit=2))]
    records = {}
    for one in ids:
        records.setdefault((one.split("/")[0], one.split("/")[3]), set()).add(one.split("/")[2])

    assert {len(own) for own in records.values()} == {2}
