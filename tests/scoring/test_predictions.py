"""Answers in the files of trainers and harnesses find their rows, or are refused."""

import json

import pytest

from pipeline import cli
from pipeline.execution import shards


def rows_to_test(corpus):
    paths = sorted(corpus.glob("[!h]*/test-*.parquet"))
    return [row for path in paths for row in shards.read(path).to_pylist()]


def chat(text):
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def reply(row):
    choices = [{"index": 0, "message": {"role": "assistant", "content": row["output"]}}]
    return {"status_code": 200, "body": {"object": "chat.completion", "choices": choices}}


FORMS = {
    "OpenAI's batches": lambda r: {"custom_id": r["id"], "response": reply(r), "error": None},
    "LLaMA-Factory": lambda r: {
        "prompt": chat(r["instruction"]), "predict": r["output"], "label": r["output"]
    },
    "ms-swift": lambda r: {
        "response": r["output"], "labels": r["output"], "logprobs": None,
        "messages": [
            {"role": "user", "content": r["instruction"]},
            {"role": "assistant", "content": r["output"]},
        ],
    },
    "verl": lambda r: {
        "input": f"user\n{r['instruction']}\nassistant\n", "output": r["output"],
        "gts": r["output"], "score": 1.0, "step": 3,
    },
    "lm-eval": lambda r: {
        "doc_id": 3, "doc": r, "target": r["output"], "arguments": {}, "resps": [[r["output"]]],
        "filtered_resps": [r["output"]], "filter": "none",
    },
}  # fmt: skip


def score(path, corpus, *more):
    out = path.with_suffix(".scores")
    call = ["score", str(path), "--corpus", str(corpus), "--samples", "0", "--out", str(out)]
    code = cli.main([*call, *more])
    return json.loads(out.read_text()) if code == 0 else code


@pytest.mark.parametrize("name", FORMS)
def test_gold_scores_100_in_every_form(name, sample_corpus, tmp_path):
    _, corpus = sample_corpus
    rows = rows_to_test(corpus)
    path = tmp_path / "p.jsonl"
    lines = [json.dumps(FORMS[name](row), ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")

    scores = score(path, corpus, "--partial")

    assert scores["account"]["answered"] == len(rows)
    assert all(entry["f1"] == 100.0 for entry in scores["scores"])


def test_a_failed_request_of_a_batch_is_no_answer(sample_corpus, tmp_path):
    _, corpus = sample_corpus
    one, two = rows_to_test(corpus)[:2]
    path = tmp_path / "p.jsonl"
    failed = {"custom_id": two["id"], "response": None, "error": {"code": "batch_expired"}}
    path.write_text("\n".join(map(json.dumps, [FORMS["OpenAI's batches"](one), failed])))

    account = score(path, corpus, "--partial")["account"]

    assert (account["answered"], account["missing"]) == (1, 1)


def test_prompts_that_do_not_fit_are_refused(sample_corpus, tmp_path, capsys):
    _, corpus = sample_corpus
    rows = rows_to_test(corpus)[:3]
    path = tmp_path / "p.jsonl"

    def told(made):
        path.write_text("\n".join(map(json.dumps, made)))
        assert score(path, corpus, "--partial") == 1
        return capsys.readouterr().err

    own = [FORMS["LLaMA-Factory"](row) for row in rows]
    other = {**own[1], "prompt": own[1]["prompt"].replace("schema", "schemas")}
    assert "no row with the prompt of answer 2" in told([own[0], other, own[2]])
    assert "answers, but" in told([*own, *own])
    assert "answers with ids and without" in told([own[0], FORMS["OpenAI's batches"](rows[1])])
    wrong = {**own[1], "label": '{"x": []}'}
    assert "is not the corpus's" in told([own[0], wrong])


def test_equal_prompts_are_answered_in_the_order_of_the_corpus(tmp_path):
    from tests.scoring.test_scoring import corpus_of

    golds = [{"x": ["a"]}, {"x": ["b"]}, {"x": ["c"]}]
    corpus_of(tmp_path / "corpus", *enumerate(golds))  # all ask the same of the same text
    (gold,) = tmp_path.rglob("*.parquet")
    rows = shards.read(gold).to_pylist()
    path = tmp_path / "p.jsonl"
    made = [{"prompt": row["instruction"], "predict": row["output"]} for row in rows]
    path.write_text("\n".join(map(json.dumps, made)))

    assert score(path, tmp_path / "corpus")["scores"][0]["f1"] == 100.0


def test_two_models_are_compared_record_by_record(tmp_path):
    from tests.scoring.test_scoring import corpus_of

    batches = [(n, {"x": ["a"]}) for n in range(200)]
    ids = corpus_of(tmp_path / "corpus", *batches)
    files = []
    for name, right in (("good", 160), ("bad", 120)):
        path = tmp_path / f"{name}.jsonl"
        lines = [{"id": i, "output": {"x": ["a" if n < right else "b"]}} for n, i in enumerate(ids)]
        path.write_text("\n".join(map(json.dumps, lines)))
        files.append(path)

    def against(one, two):
        scores = score(one, tmp_path / "corpus", "--against", str(two), "--samples", "500")
        return scores["scores"][0]["against"]

    better, worse = against(*files), against(*reversed(files))
    assert (better["f1"], better["difference"], worse["difference"]) == (60.0, 20.0, -20.0)
    assert better["share_not_better"] == 0.0
    assert worse["share_not_better"] == 1.0
    # The same records fail in both, so that the difference is a share of 20 % of 200 records.
    assert better["interval"][0] > 20 - 3 * 2.83
    assert better["interval"][1] < 20 + 3 * 2.83
    same = against(files[0], files[0])
    assert (same["difference"], same["interval"], same["share_not_better"]) == (0.0, [0.0, 0.0], 1)
    assert against(*files) == better


def test_mistakes_are_told_by_kind(tmp_path):
    from tests.scoring.test_scoring import corpus_of

    gold = {"person": ["Ada Vale", "Bo"], "place": ["Oslo"], "group": ["Foo"], "band": []}
    answer = {
        "person": ["Ada", "Oslo", "Bo", "Bo"], "place": [], "group": [], "band": ["Foo", "Zed"],
        "dog": ["Rex"],
    }  # fmt: skip
    (own,) = corpus_of(tmp_path / "corpus", (0, gold))
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": own, "output": answer}))
    near = {"source": "Toy", "tasks": {"NER": {"band": [{"label": "group", "score": 1}]}}}
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "toy.json").write_text(json.dumps(near))

    scores = score(
        path, tmp_path / "corpus", "--mistakes", "1", "--dictionary", str(tmp_path / "near")
    )

    (entry,) = scores["scores"]
    assert entry["mistakes"] == {
        "hard_negative": 1, "invented": 1, "not_asked": 1, "repeated": 1, "wrong_border": 1,
        "wrong_label": 1,
    }  # fmt: skip
    assert {
        "kind": "wrong_border", "record_id": "toy/test/0", "label": "person", "predicted": ["Ada"],
        "gold_label": "person", "gold": ["Ada Vale"],
    } in entry["examples"]  # fmt: skip
