"""Scores: numbers computed by hand, and 100.0 for the gold of every dataset and task."""

import json
import os
import random
import subprocess
import sys
from operator import itemgetter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import cli, exports
from pipeline.errors import RawFileError
from pipeline.execution import shards
from pipeline.records import TASKS, Mention, Record
from pipeline.scoring import assertions, evaluation, predictions
from pipeline.scoring.counting import NOT_ASKED, Options
from pipeline.tables import INSTRUCTIONS, to_table
from tests.conftest import ROOT
from tests.exports.conftest import run_of_some
from tests.helpers import declared

PLAIN = Options(samples=0)


def corpus_of(folder, *batches, task="NER", dataset="toy", split="test"):
    """A corpus of label batches (record, gold output[, labels, schema])."""
    rows, numbers = [], {}
    for record, output, *more in batches:
        number = numbers[record] = numbers.get(record, -1) + 1
        labels, schema = more or ([*output], [*output])
        rows.append(
            {
                "task": task,
                "source": dataset.title(),
                "instruction": json.dumps({"instruction": "?", "schema": schema, "input": "x"}),
                "output": json.dumps(output, ensure_ascii=False),
                "id": f"{dataset}/{split}/{record}/{task}/{number}",
                "record_id": f"{dataset}/{split}/{record}",
                "language": "en",
                "split": split,
                "labels": labels,
                "n_positive": 0,
                "n_hard": 0,
                "n_other": len(labels),
            }
        )
    table = pa.Table.from_pylist(rows, schema=INSTRUCTIONS)
    shards.write(table, folder / f"{task}-en" / f"{split}-00000-of-00001.parquet")
    return [row["id"] for row in rows]


def score(tmp_path, answers, batches, options=PLAIN, *, partial=False, **more):
    """The scores of answers (texts or objects, in the order of the batches) by measure."""
    ids = corpus_of(tmp_path / "corpus", *batches, **more)
    lines = [
        json.dumps({"id": i, "prediction": a})
        for i, a in zip(ids, answers, strict=True)
        if a is not ...
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = predictions.read(tmp_path / "p.jsonl")
    scores = evaluation.score(found, tmp_path / "corpus", options, partial=partial)
    return {entry["measure"]: entry for entry in scores["scores"]}


def counts(entry):
    return tuple(entry[key] for key in ("gold", "predicted", "correct"))


def prf(entry):
    return tuple(entry[key] for key in ("precision", "recall", "f1"))


def test_ner_by_hand(tmp_path):
    gold = {"person": ["Ada", "Bo"], "city": ["Oslo"], "group": []}
    answer = {"person": ["Ada", "Cy"], "city": [], "group": []}

    entry = score(tmp_path, [answer], [(0, gold)])["entity"]

    assert counts(entry) == (3, 2, 1)
    assert prf(entry) == (50.0, 33.33, 40.0)  # 1/2, 1/3, 2 * 1 / (2 + 3)
    assert [*entry["labels"]] == ["city", "person"]  # nothing to find and nothing found: no line
    assert prf(entry["labels"]["person"]) == (50.0, 50.0, 50.0)
    assert prf(entry["labels"]["city"]) == (0.0, 0.0, 0.0)


def test_f1_is_not_of_rounded_shares(tmp_path):
    answer = {"person": [f"p{i}" for i in range(6)]}

    entry = score(tmp_path, [answer], [(0, {"person": ["p0"]})])["entity"]

    assert prf(entry) == (16.67, 100.0, 28.57)  # 2/7; of the rounded shares it would be 28.58


def test_repeats_count_in_a_multiset_and_not_in_a_set(tmp_path):
    gold, answer = {"person": ["Ada", "Bo"]}, {"person": ["Ada", "Ada", "Bo"]}

    one = score(tmp_path / "a", [answer], [(0, gold)])["entity"]
    two = score(tmp_path / "b", [answer], [(0, gold)], Options("set", samples=0))["entity"]

    assert (counts(one), prf(one)) == ((2, 3, 2), (66.67, 100.0, 80.0))
    assert (counts(two), prf(two)) == ((2, 2, 2), (100.0, 100.0, 100.0))


def test_the_first_asking_of_a_label_counts(tmp_path):
    batches = [
        (0, {"person": ["Ada"], "city": []}),
        (0, {"group": ["Foo"], "person": ["Ada"]}),  # the last batch wraps around
    ]
    right_first = [{"person": ["Ada"], "city": []}, {"group": ["Foo"], "person": ["Bo", "Cy"]}]
    wrong_first = [{"person": [], "city": []}, {"group": ["Foo"], "person": ["Ada"]}]

    assert counts(score(tmp_path / "a", right_first, batches)["entity"]) == (2, 2, 2)
    assert counts(score(tmp_path / "b", wrong_first, batches)["entity"]) == (2, 1, 1)


def test_answers_with_other_keys_are_counted_and_told(tmp_path, capsys):
    batches = [(n, {"person": ["Ada"]}) for n in range(3)]
    ids = corpus_of(tmp_path / "corpus", *batches)
    answers = ['{"output": {"person": ["Ada"]}}', '{"name": ["Ada"]}', '{"person": ["Ada"]}']
    path = tmp_path / "answers.jsonl"
    rows = ({"id": i, "prediction": a} for i, a in zip(ids, answers, strict=True))
    path.write_text("\n".join(map(json.dumps, rows)))

    assert cli.main(["score", str(path), "--corpus", str(tmp_path / "corpus")]) == 0

    told = "note: answers with other keys than the labels that were asked: 2 of 3\n"
    assert capsys.readouterr().err.endswith(told)


def test_a_row_that_publish_repeated_asks_nothing_new(tmp_path):
    batches = [(0, {"person": ["Ada"], "city": []}), (0, {"group": ["Foo"]})]
    once = score(tmp_path / "a", [*map(itemgetter(1), batches)], batches, split="train")["entity"]
    ids = corpus_of(tmp_path / "b" / "corpus", *batches, split="train")
    path = tmp_path / "b" / "corpus" / "NER-en" / "train-00000-of-00001.parquet"
    table = shards.read(path)
    copies = table.set_column(
        table.schema.get_field_index("id"), table.schema.field("id"), [[f"{i}#1" for i in ids]]
    )
    shards.write(pa.concat_tables([copies, table]), path)
    answers = [*zip(table["id"].to_pylist(), table["output"].to_pylist(), strict=True)]
    lines = [json.dumps({"id": i, "prediction": text}) for i, text in answers]
    lines += [json.dumps({"id": f"{i}#1", "prediction": "{}"}) for i, _ in answers]
    (tmp_path / "b" / "answers.jsonl").write_text("\n".join(lines))

    found = evaluation.score(
        predictions.read(tmp_path / "b" / "answers.jsonl"), tmp_path / "b" / "corpus", PLAIN
    )

    (entry,) = found["scores"]
    assert (counts(entry), entry["rows"]) == (counts(once), 4)


def test_the_order_of_batches_is_that_of_their_numbers_not_of_the_files(tmp_path):
    batches = [(0, {f"l{i}": ["x"], "person": ["Ada"]}) for i in range(12)]
    ids = corpus_of(tmp_path / "corpus", *batches)
    path = tmp_path / "corpus" / "NER-en" / "test-00000-of-00001.parquet"
    shards.write(shards.read(path).sort_by([("id", "descending")]), path)
    answers = [
        {**gold, "person": ["Ada"] if n == 0 else ["Bo"]} for n, (_, gold) in enumerate(batches)
    ]
    lines = [json.dumps({"id": i, "output": a}) for i, a in zip(ids, answers, strict=True)]
    (tmp_path / "p.jsonl").write_text("\n".join(reversed(lines)), encoding="utf-8")

    scores = evaluation.score(predictions.read(tmp_path / "p.jsonl"), tmp_path / "corpus", PLAIN)

    assert counts(scores["scores"][0]) == (13, 13, 13)


def test_what_is_answered_without_being_asked_is_wrong(tmp_path):
    answer = {"person": ["Ada"], "animal": ["cat", "dog"], "plant": []}

    entry = score(tmp_path, [answer], [(0, {"person": ["Ada"], "city": []})])["entity"]

    assert counts(entry) == (1, 3, 1)
    assert entry["answers_not_asked"] == 2
    assert entry["labels"][NOT_ASKED]["predicted"] == 2


def test_unreadable_and_missing_answers_answer_nothing(tmp_path):
    batches = [(n, {"person": ["Ada"]}) for n in range(5)]
    answers = [
        '{"person": ["Ada"]}',
        "I cannot.",
        ...,
        None,
        "```json\n{'person': ['Ada']}\n``` Done",
    ]

    entry = score(tmp_path / "a", answers, batches)["entity"]

    assert counts(entry) == (5, 2, 2)
    assert prf(entry) == (100.0, 40.0, 57.14)
    told = ("records", "rows", "missing", "parse_failures", "repaired")
    assert [entry[key] for key in told] == [5, 5, 2, 1, 1]
    entry = score(tmp_path / "b", answers, batches, partial=True)["entity"]
    assert [entry[key] for key in told] == [4, 4, 1, 1, 1]
    assert counts(entry) == (4, 2, 2)


def test_every_row_of_a_split_that_is_answered_is_due(tmp_path, capsys):
    corpus = tmp_path / "corpus"
    ids = corpus_of(corpus, *((n, {"x": ["a"]}) for n in range(3)))
    for task, dataset, split, folder in (
        ("NER", "lost", "test", "NER-en"),  # beside the answered dataset, in a shard of its own
        ("EE", "events", "test", "EE-en"),
        ("NER", "toy", "dev", "NER-en"),
    ):
        own = corpus_of(
            tmp_path / dataset / split, (0, {"x": []}), task=task, dataset=dataset, split=split
        )
        (path,) = (tmp_path / dataset / split).glob("*/*.parquet")
        (corpus / folder).mkdir(exist_ok=True)
        path.rename(corpus / folder / f"{split}-0000{len(own)}-of-00002.parquet")
    answers = tmp_path / "p.jsonl"
    answers.write_text("\n".join(json.dumps({"id": i, "prediction": {"x": ["a"]}}) for i in ids))

    def told(*more, gold=corpus):
        path = tmp_path / "s.json"
        call = ["score", str(answers), "--corpus", str(gold), "--samples", "0", "--out", str(path)]
        assert cli.main([*call, *more]) == 0
        found = json.loads(path.read_text())["scores"]
        return [(e["task"], e["dataset"], e["split"], e["rows"], e["missing"]) for e in found], (
            capsys.readouterr().err
        )

    toy = ("NER", "toy", "test", 3, 0)
    lost, events = ("NER", "lost", "test", 1, 1), ("EE", "events", "test", 1, 1)
    entries, note = told()
    assert entries == [lost, toy, events, events]  # triggers and arguments
    assert "2 of 5 rows, of lost, events: no answer" in note
    assert told(gold=corpus / "NER-en")[0] == [lost, toy]
    assert told("--datasets", "toy") == ([toy], "")
    entries, note = told("--partial")
    assert entries == [toy]
    assert "2 of 5 rows left out, without an answer" in note
    assert told("--datasets", "lost,toy")[0] == [lost, toy]
    assert cli.main(["score", str(answers), "--corpus", str(corpus), "--datasets", "tyo"]) == 1
    assert "there is no dataset 'tyo', did you mean 'toy'?" in capsys.readouterr().err


def test_a_dataset_without_any_answer_counts_against_recall(tmp_path):
    ids = corpus_of(tmp_path / "corpus", (0, {"x": ["a"]}))
    corpus_of(tmp_path / "corpus" / "more", (0, {"x": ["b"]}), dataset="lost")
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": ids[0], "prediction": {"x": ["a"]}}))

    scores = evaluation.score(predictions.read(tmp_path / "p.jsonl"), tmp_path / "corpus", PLAIN)

    (total,) = scores["totals"]
    assert (total["rows"], total["missing"], total["datasets"]) == (2, 1, 2)
    assert (prf(total), counts(total)) == ((100.0, 50.0, 66.67), (2, 1, 1))


def as_pandas_writes(path):
    """Write a shard again as pandas may: large strings, views, dictionaries, whole floats."""
    table = pa.table(shards.read(path).to_pydict())
    kinds = {
        "id": pa.string_view(),
        "record_id": pa.large_string(),
        "task": pa.dictionary(pa.int32(), pa.large_string()),
        "split": pa.dictionary(pa.int8(), pa.string()),
        "output": pa.dictionary(pa.int32(), pa.string()),
        "instruction": pa.large_string(),
        "labels": pa.large_list(pa.large_string()),
        "n_positive": pa.float64(),
    }
    fields = [pa.field(n, kinds.get(n, table.schema.field(n).type)) for n in table.column_names]
    table = table.cast(pa.schema(fields)).append_column(
        "__index_level_0__", [[*range(table.num_rows)]]
    )
    pq.write_table(table, path)


def test_a_corpus_that_pandas_has_written_again_is_scored_and_exported(tmp_path):
    batches = [
        (n, {"p": [{"subject": "1", "object": "o"}]}, ["a_p_b"], [{"predicate": "p"}])
        for n in range(3)
    ]
    corpus_of(tmp_path / "corpus", *batches, task="SPO")
    (path,) = tmp_path.rglob("*.parquet")
    gold = shards.read(path)
    as_pandas_writes(path)
    assert not shards.read(path).schema.equals(gold.schema)

    scores = evaluation.score(predictions.read(path, "output"), tmp_path / "corpus", PLAIN)

    assert counts(scores["scores"][0]) == (3, 3, 3)
    source = exports.Source("instructions", tmp_path, (declared("toy"),))
    ((_, _, table),) = exports.instructions(source)
    assert table.equals(gold)


def test_relations_by_hand(tmp_path):
    gold = {
        "founder": [{"subject": "A", "object": "B"}, {"subject": "A", "object": "C"}],
        "ceo": [],
    }
    answers = [
        {"founder": [{"subject": "A", "object": "B"}, {"subject": "B", "object": "A"}], "ceo": []},
        {"founder": [{"head": "A", "tail": "B"}, ["A", "C"], "A", {"subject": "A"}], "ceo": None},
        {"founder": {"subject": "A", "object": "C"}},
    ]

    entry = score(tmp_path, answers, [(n, gold) for n in range(3)], task="RE")["relation"]

    assert counts(entry) == (6, 5, 4)
    assert prf(entry) == (80.0, 66.67, 72.73)
    assert entry["malformed_items"] == 2


def test_two_signatures_of_one_predicate(tmp_path):
    def item(key):
        head, predicate, tail = key.split("_")
        return {"subject_type": head, "predicate": predicate, "object_type": tail}

    def pair(subject):
        return {"subject": subject, "object": "o"}

    one, two, three = ["a_p_b", "a_p_c"], ["c_p_b", "a_q_b"], ["b_p_b", "a_p_b"]
    batches = [
        (0, {"p": [pair("1"), pair("2")]}, one, [*map(item, one)]),
        (0, {"p": [pair("3")], "q": [pair("1")]}, two, [*map(item, two)]),
        # b_p_b is asked first here; a_p_b, whose pair is 1, again: it counts above.
        (0, {"p": [pair("4"), pair("1")]}, three, [*map(item, three)]),
    ]
    gold = [batch[1] for batch in batches]

    assert counts(score(tmp_path / "a", gold, batches, task="SPO")["relation"]) == (5, 5, 5)
    wrong = [gold[0], gold[1], {"p": [pair("4"), pair("1"), pair("9")]}]
    assert counts(score(tmp_path / "b", wrong, batches, task="SPO")["relation"]) == (5, 6, 5)
    late = [{"p": [pair("2")]}, gold[1], gold[2]]  # 1 answered only when asked again is too much
    assert counts(score(tmp_path / "c", late, batches, task="SPO")["relation"]) == (5, 5, 4)


EVENTS = {
    "merger": [
        {"trigger": "buys", "arguments": {"Buyer": "A", "Target": ["B", "C"], "Price": "NAN"}},
        {"trigger": "NAN", "arguments": {"Buyer": "A", "Target": "NAN", "Price": "NAN"}},
    ],
    "layoff": [],
}
OTHERS = {
    "merger": [{"trigger": "buys", "arguments": {"Buyer": "A", "Target": "B", "Price": "5"}}],
    "layoff": [{"trigger": "cut", "arguments": {}}],
}


def test_events_by_hand(tmp_path):
    entries = score(tmp_path, [OTHERS], [(0, EVENTS)], task="EE")

    assert counts(entries["trigger"]) == (1, 2, 1)
    assert prf(entries["trigger"]) == (50.0, 100.0, 66.67)
    assert counts(entries["argument"]) == (4, 3, 2)  # Buyer A stands twice in the gold
    assert prf(entries["argument"]) == (66.67, 50.0, 57.14)


def test_arguments_of_a_set(tmp_path):
    entry = score(tmp_path, [OTHERS], [(0, EVENTS)], Options("set", samples=0), task="EE")[
        "argument"
    ]

    assert counts(entry) == (3, 3, 2)


def test_eea_scores_arguments_alone_and_eet_triggers(tmp_path):
    entries = score(tmp_path / "a", [OTHERS], [(0, EVENTS)], task="EEA")
    assert [*entries] == ["argument"]
    assert counts(entries["argument"]) == (4, 3, 2)

    gold, answer = {"merger": ["buys", "bought"], "layoff": []}, {"merger": "buys", "layoff": ["x"]}
    entries = score(tmp_path / "b", [answer], [(0, gold)], task="EET")
    assert counts(entries["trigger"]) == (2, 2, 1)


def test_kg_by_hand(tmp_path):
    gold = {"person": {"Ada": {"job": "poet", "friend": ["Bo", "Cy"]}, "Bo": {"job": "cook"}}}
    answer = {"person": {"Ada": {"job": "NAN", "friend": ["Bo"], "age": 3}, "Bo": {"job": "cook"}}}

    entry = score(tmp_path, [answer], [(0, gold)], task="KG")["attribute"]

    assert counts(entry) == (4, 3, 2)


def test_normalization_is_optional(tmp_path):
    gold = {"Person": ["The  Ada", "Ｂｏ"], "city": ["Oslo"]}
    answer = {"person": ["ada", "bo"], "City": ["oslo "], "a dog": ["x"]}

    strict = score(tmp_path / "a", [answer], [(0, gold)])["entity"]
    loose = score(tmp_path / "b", [answer], [(0, gold)], Options(normalize=True, samples=0))[
        "entity"
    ]

    assert counts(strict) == (3, 4, 0)
    assert counts(loose) == (3, 4, 3)


def test_nothing_to_find_and_nothing_found_is_perfect(tmp_path):
    entry = score(tmp_path, [{"person": []}], [(0, {"person": []})])["entity"]

    assert counts(entry) == (0, 0, 0)
    assert prf(entry) == (100.0, 100.0, 100.0)


def test_totals_add_up_per_task_and_keep_held_out_sets_apart(tmp_path):
    corpus = tmp_path / "corpus"
    ids = corpus_of(corpus, (0, {"x": ["a", "b"]}), dataset="one")
    (corpus / "NER-en").rename(corpus / "NER-fr")
    ids += corpus_of(corpus, (0, {"x": ["a"]}), dataset="two")
    (corpus / "NER-en").rename(corpus / "heldout-NER-en")
    ids += corpus_of(corpus, (0, {"x": ["c"]}), dataset="three")
    lines = [json.dumps({"id": i, "prediction": '{"x": ["a"]}'}) for i in ids]
    (tmp_path / "p.jsonl").write_text("\n".join(lines), encoding="utf-8")

    scores = evaluation.score(predictions.read(tmp_path / "p.jsonl"), corpus, PLAIN)

    assert [(t["dataset"], t["datasets"], *counts(t)) for t in scores["totals"]] == [
        ("all", 2, 3, 2, 1),
        ("all held-out", 1, 1, 1, 1),
    ]


def test_intervals(tmp_path):
    half = [(n, {"x": ["a"]}) for n in range(400)]
    answers = [{"x": ["a" if n % 2 else "b"]} for n in range(400)]

    entry = score(tmp_path / "a", answers, half, Options(samples=2000))["entity"]
    low, high = entry["f1_interval"]
    # F1 of a sample is the share of right records: 50 % with a standard error of 2.5 points.
    assert entry["f1"] == 50.0
    assert abs(low - 45.1) < 0.6
    assert abs(high - 54.9) < 0.6

    again = score(tmp_path / "a", answers, half, Options(samples=2000))["entity"]
    assert again["f1_interval"] == entry["f1_interval"]
    few = score(tmp_path / "b", answers[:40], half[:40], Options(samples=500))["entity"]
    assert few["f1_interval"][1] - few["f1_interval"][0] > 2 * (high - low)
    assert score(tmp_path / "c", answers, half, PLAIN)["entity"]["f1_interval"] is None


def test_random_corruption_moves_the_score_as_counted(tmp_path):
    chance = random.Random(3)
    batches, answers = [], []
    right = given = true = 0
    for n in range(300):
        gold = {f"l{k}": [f"e{n}.{k}.{i}" for i in range(chance.randrange(3))] for k in range(4)}
        answer = {}
        for label, values in gold.items():
            kept = [v for v in values if chance.random() < 0.8]
            added = [f"new{n}.{label}.{i}" for i in range(chance.randrange(2))]
            answer[label] = chance.sample(kept + added, len(kept + added))
            right, given, true = right + len(kept), given + len(kept + added), true + len(values)
        batches.append((n, gold))
        answers.append(answer)

    entry = score(tmp_path, answers, batches)["entity"]

    assert counts(entry) == (true, given, right)
    assert prf(entry) == (
        round(100 * right / given, 2),
        round(100 * right / true, 2),
        round(200 * right / (given + true), 2),
    )


@pytest.mark.parametrize(
    "options", [Options(samples=50), Options("set", normalize=True, samples=0)]
)
def test_gold_scores_100_for_every_task_and_dataset(sample_corpus, options):
    used, corpus = sample_corpus

    scores = evaluation.score(predictions.read(corpus), corpus, options)

    assert {e["task"] for e in scores["scores"]} == {*TASKS}
    assert {e["dataset"] for e in scores["scores"]} == {d.id for d in used}
    for entry in [*scores["scores"], *scores["totals"]]:
        assert prf(entry) == (100.0, 100.0, 100.0), entry
        assert entry["f1_interval"] in {None, (100.0, 100.0)}
        assert not any(
            entry[k] for k in ("missing", "parse_failures", "repaired", "malformed_items")
        )
        assert not entry["answers_not_asked"]
        assert all(own["f1"] == 100.0 for own in entry.get("labels", {}).values())


def test_gold_of_a_label_is_counted_once_however_often_it_is_asked(sample_corpus):
    """The facts of NER are the distinct (record, label, string) of the gold."""
    _, corpus = sample_corpus
    facts = set()
    for path in corpus.glob("*NER-*/*.parquet"):
        for row in shards.read(path, ["record_id", "output"]).to_pylist():
            for label, values in json.loads(row["output"]).items():
                facts |= {(row["record_id"], label, value) for value in values}

    scores = evaluation.score(predictions.read(corpus), corpus, PLAIN)

    assert len(facts) == sum(e["gold"] for e in scores["scores"] if e["task"] == "NER")


def test_parts_of_the_gold_change_nothing(sample_corpus, monkeypatch):
    _, corpus = sample_corpus
    answers = predictions.read(corpus)
    # Of both languages and every task, with more rows than a part holds.
    some = ["conll04", "duee1", "duie2", "phee", "wnut2017"]
    whole = evaluation.score(answers, corpus, Options(samples=20), datasets=some)
    monkeypatch.setattr(evaluation, "_ROWS_PER_PART", 29)
    monkeypatch.setattr(evaluation, "AT_ONCE", 31)

    all_tasks = {"NER", "RE", "SPO", "KG", "EE", "EET", "EEA"}
    assert {entry["task"] for entry in whole["scores"]} == all_tasks
    assert evaluation.score(answers, corpus, Options(samples=20), datasets=some) == whole


def test_the_command_prints_and_writes_the_same_under_any_hash_seed(sample_corpus, tmp_path):
    _, corpus = sample_corpus
    outputs = []
    for seed in ("0", "7"):
        path = tmp_path / "scores.json"
        rows = f"{corpus}/EE-zh"
        call = ["score", rows, "--corpus", rows, "--out", path, "--labels", "--samples", "30"]
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *call],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append((done.stdout, path.read_bytes()))

    assert outputs[0] == outputs[1]
    assert "trigger" in outputs[0][0]
    assert "argument" in outputs[0][0]
    assert "95 %" in outputs[0][0]
    written = json.loads(outputs[0][1])
    assert written["options"] == {
        "match": "multiset",
        "normalize": False,
        "samples": 30,
        "examples": 0,
        "strict": False,
    }
    assert {entry["task"] for entry in written["scores"]} == {"EE"}


def test_parquet_and_folders_are_read(tmp_path):
    ids = corpus_of(tmp_path / "corpus", (0, {"x": ["a"]}), (1, {"x": ["b"]}))
    folder = tmp_path / "answers"
    folder.mkdir()
    table = pa.table({"id": ids[:1], "reply": ['{"x": ["a"]}']})
    shards.write(table, folder / "one.parquet")
    (folder / "two.jsonl").write_text(json.dumps({"id": ids[1], "reply": {"x": ["b"]}}) + "\n\n")

    answers = predictions.read(folder, "reply")

    assert evaluation.score(answers, tmp_path / "corpus", PLAIN)["scores"][0]["f1"] == 100.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": "toy/test/0/NER/0", "prediction": "{}"}\n' * 2, "answered more than once"),
        ('{"id": "no/such/0/NER/0", "prediction": "{}"}', "ids that the gold does not hold"),
        ('{"id": "toy/test/0/NER/0"}', "needs the fields id and prediction or output"),
        ('{"prediction": "{}"}', "needs the fields id"),
        ('"x"', "needs the fields id"),
        ("{", "not JSON"),
        ('{"id": "a", "instruction": "{}", "output": "{}", "generated": "{}"}', "or in generated?"),
        ("", "no predictions here"),
    ],
)
def test_wrong_predictions_are_told_in_words(text, words, tmp_path, capsys):
    corpus_of(tmp_path / "corpus", (0, {"x": ["a"]}))
    (tmp_path / "p.jsonl").write_text(text, encoding="utf-8")

    code = cli.main(["score", str(tmp_path / "p.jsonl"), "--corpus", str(tmp_path / "corpus")])

    assert code == 1
    assert words in capsys.readouterr().err


def test_arrays_are_read_and_tables_of_other_types_are_told(tmp_path):
    ids = corpus_of(tmp_path / "corpus", (0, {"x": ["a"]}), (1, {"x": ["b"]}))
    rows = [{"id": i, "output": {"x": ["a"]}} for i in ids]
    (tmp_path / "p.json").write_text(json.dumps(rows, indent=1), encoding="utf-8-sig")
    shards.write(pa.table({"id": ids, "output": [["a"], ["b"]]}), tmp_path / "p.parquet")

    scores = evaluation.score(predictions.read(tmp_path / "p.json"), tmp_path / "corpus", PLAIN)

    assert counts(scores["scores"][0]) == (2, 2, 1)
    with pytest.raises(RawFileError, match="not a string"):
        predictions.read(tmp_path / "p.parquet")


def test_odd_values_are_counted_and_break_nothing(tmp_path):
    deep = "[" * 400 + '"Ada"' + "]" * 400
    values = [deep, '{"a": 1}', "true", "12", '"NAN"', "null", '[["Ada"], {}, {"x": 1}]', '"Ada"']
    batches = [(n, {"person": ["Ada"]}) for n in range(len(values))]

    answers = [f'{{"person": {value}}}' for value in values]
    entry = score(tmp_path, answers, batches)["entity"]

    assert counts(entry) == (8, 4, 3)  # found: Ada three times, and "12"
    assert entry["malformed_items"] == 3  # an object, true, and an object in a list


def test_a_missing_corpus_is_told(tmp_path, capsys):
    (tmp_path / "p.jsonl").write_text('{"id": "a", "prediction": "{}"}', encoding="utf-8")

    for gold in ("nowhere", "."):
        assert cli.main(["score", str(tmp_path / "p.jsonl"), "--corpus", str(tmp_path / gold)]) == 1
        assert "where:" in capsys.readouterr().err
    with pytest.raises(RawFileError, match="no such file"):
        predictions.read(tmp_path / "nothing.jsonl")


@pytest.mark.parametrize(
    ("task", "value", "found"),
    [
        (
            "RE",
            [["Ada"], {"subject": "Ada", "object": ""}, "Ada", ["Ada", "Bo"]],
            [None, None, None, (0, ("Ada", "Bo"))],
        ),
        (
            "EE",
            ["fell", {"trigger": "fell", "arguments": {"who": ["Ada"]}}],
            [None, (0, ("fell",)), (1, ("who", "Ada"))],
        ),
        ("EE", {"trigger": "fell", "arguments": ["Ada"]}, [(0, ("fell",)), None]),
        ("EEA", [{"arguments": []}, {"arguments": "Ada"}, 3], [None, None]),
        (
            "KG",
            ["Ada", {"Ada": "tall"}, {"Ada": {"height": "tall"}}, {"Bo": []}],
            [None, None, (0, ("Ada", "height", "tall"))],
        ),
    ],
)
def test_answers_of_another_shape_are_no_facts(task, value, found):
    assert [*assertions.READERS[task](value, assertions.IN_GOLD)] == found


def answered(tmp_path, answers):
    """The path of a file of answers by id."""
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(json.dumps({"id": i, "output": a}) for i, a in answers.items()))
    return path


def test_strict_relations_need_the_types_of_their_ends(tmp_path):
    """The ends are typed by the answers to the NER rows of the same record."""
    corpus = tmp_path / "corpus"
    relation = {"lives in": [{"subject": "Ada", "object": "Oslo"}]}
    entities = {"person": ["Ada"], "place": ["Oslo"]}
    ner = corpus_of(corpus, *((n, entities) for n in range(3)))
    re = corpus_of(corpus, *((n, relation) for n in range(3)), task="RE")
    alone = corpus_of(corpus / "more", (0, relation), task="RE", dataset="alone")
    wrong = {"person": ["Ada", "Oslo"], "place": []}
    answers = dict.fromkeys((*re, *alone), relation)
    answers |= dict(zip(ner, [entities, wrong, {}], strict=True))
    found = predictions.read(answered(tmp_path, answers))

    scores = evaluation.score(found, corpus, Options(samples=0, strict=True))

    entries = {(e["dataset"], e["measure"]): e for e in scores["scores"]}
    assert counts(entries["toy", "relation"]) == (3, 3, 3)
    assert counts(entries["toy", "strict"]) == (3, 3, 1)
    assert counts(entries["toy", "entity"]) == (6, 4, 3)
    assert ("alone", "strict") not in entries
    plain = evaluation.score(found, corpus, PLAIN)
    assert "strict" not in {entry["measure"] for entry in plain["scores"]}
    gold = dict(zip((*ner, *re, *alone), [entities] * 3 + [relation] * 4, strict=True))
    path = answered(tmp_path, gold)
    scores = evaluation.score(predictions.read(path), corpus, Options(samples=0, strict=True))
    assert all(entry["f1"] == 100.0 for entry in scores["scores"])


TEXT = "Bo met Ada and Bo"


def placed_corpus(tmp_path):
    """A run with one record, in which Bo stands twice and one entity has no place."""
    mentions = [Mention("Bo", 0, 2, "person"), Mention("Ada", 7, 10, "person")]
    mentions += [Mention("Bo", 15, 17, "person"), Mention("the two", None, None, "group")]
    records = [Record(TEXT, "x:1", mentions)]
    table = to_table(records, ["toy/test/0"], dataset="toy", split="test", language="en")
    shards.write(table, tmp_path / "clean" / "toy" / "test-00000.parquet")
    gold = {"person": ["Bo", "Ada"], "group": ["the two"]}
    (own,) = corpus_of(tmp_path / "corpus", (0, gold))
    return own, gold


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, (4, 4, 4)),  # the gold itself: a string stands for all its places
        ({"person": [{"text": "Bo", "start": 0, "end": 2}], "group": []}, (4, 1, 1)),
        ({"person": [{"text": "Bo", "start": 3, "end": 5}, "Ada"], "group": []}, (4, 2, 1)),
        ({"person": [{"start": 15, "end": 17}] * 2, "group": ["the two"]}, (4, 3, 2)),
        ({"person": ["Cy", {"text": "Ada", "start": 7, "end": 9}], "group": []}, (4, 2, 0)),
    ],
)
def test_entities_are_compared_by_their_places(tmp_path, answer, expected):
    own, gold = placed_corpus(tmp_path)
    found = predictions.read(answered(tmp_path, {own: answer or gold}))

    (entry,) = evaluation.score(found, tmp_path / "corpus", Options("span", samples=0))["scores"]

    assert counts(entry) == expected


def test_places_need_the_records_of_the_corpus(tmp_path):
    own, gold = placed_corpus(tmp_path)
    found = predictions.read(answered(tmp_path, {own: gold}))
    corpus_of(tmp_path / "corpus", (0, {"person": ["Eve"], "group": []}))
    with pytest.raises(RawFileError, match="do not hold the person 'Eve'"):
        evaluation.score(found, tmp_path / "corpus", Options("span", samples=0))
    (tmp_path / "clean").rename(tmp_path / "elsewhere")
    with pytest.raises(RawFileError, match="records of toy are not beside this corpus"):
        evaluation.score(found, tmp_path / "corpus", Options("span", samples=0))


def test_mistakes_are_shown_on_a_page(tmp_path):
    (own,) = corpus_of(tmp_path / "corpus", (0, {"person": ["Ada & <b>Bo</b>"], "place": []}))
    path = answered(tmp_path, {own: {"person": [], "place": ["<script>alert(1)</script>"]}})
    page = tmp_path / "mistakes.html"
    call = ["score", str(path), "--corpus", str(tmp_path / "corpus"), "--page", str(page)]

    assert cli.main(call) == 0

    text = page.read_text(encoding="utf-8")
    assert '<meta name="viewport" content="width=device-width">' in text
    assert text.count("<main>") == text.count("</main>") == 1
    assert "invented 1, missed 1" in text
    assert "Ada &amp; &lt;b&gt;Bo&lt;/b&gt;" in text
    assert "<script" not in text
    assert "toy/test/0" in text
    assert {"src=", "href=", "http"} & {*text.split()} == set()


@pytest.mark.parametrize("answer", [{}, {"person": [], "place": []}, {"place": ["Oslo"]}])
def test_a_page_shows_mistakes_of_one_kind_and_records_without_any(tmp_path, answer, capsys):
    """Nothing is predicted, or nothing is missed; the second record holds and gets nothing."""
    gold = {"person": ["Ada"] if not answer.get("place") else [], "place": []}
    ids = corpus_of(tmp_path / "corpus", (0, gold), (1, {"person": [], "place": []}))
    path = answered(tmp_path, {ids[0]: answer, ids[1]: {}})
    page = tmp_path / "mistakes.html"
    call = ["score", str(path), "--corpus", str(tmp_path / "corpus"), "--page", str(page)]

    assert cli.main(call) == 0

    kind = "invented" if answer.get("place") else "missed"
    assert f"<p>{kind} 1</p>" in page.read_text(encoding="utf-8")
    assert f"page:    {page}" in capsys.readouterr().out


def test_gold_scores_100_by_places_and_by_types(tmp_path_factory):
    corpus = run_of_some(tmp_path_factory) / "corpus"

    options = Options("span", samples=0, strict=True)
    scores = evaluation.score(predictions.read(corpus), corpus, options)

    assert {"strict", "entity"} <= {entry["measure"] for entry in scores["scores"]}
    assert all(entry["f1"] == 100.0 for entry in scores["scores"])
