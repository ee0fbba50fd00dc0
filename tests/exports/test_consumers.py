"""Real consumers take the exports as they are, with tiny random models and no download.

`pip install -e '.[consumers]'` brings TRL, PEFT and Accelerate. The others pin versions
of their own and need an environment each: their tests are part of `make soak`, and run where they
are installed (see docs/trainers.md).
"""

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from pipeline import cli
from tests.conftest import ROOT


@pytest.fixture
def offline(monkeypatch):
    """The module of tiny models that the examples use."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return pytest.importorskip("offline")


def files(folder, pattern):
    return sorted(str(path) for path in folder.glob(pattern))


@pytest.mark.soak  # test_export_pages.py trains a few steps as the page of the format does
def test_trl_trains_on_messages(exported, offline, tmp_path):
    from datasets import load_dataset

    trl = pytest.importorskip("trl", reason="TRL is not installed: pip install -e '.[consumers]'")
    data = load_dataset("json", data_files=files(exported("messages"), "train/NER-*.jsonl"),
                        split="train", cache_dir=str(tmp_path / "cache"))  # fmt: skip
    texts = [turn["content"] for row in data for turn in row["messages"]]
    tokenizer, model = offline.causal(None, texts)
    settings = trl.SFTConfig(
        output_dir=str(tmp_path), max_steps=18, logging_steps=3, report_to=[], use_cpu=True,
        save_strategy="no", learning_rate=3e-3, bf16=False, per_device_train_batch_size=2,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model=model, args=settings, train_dataset=data, processing_class=tokenizer
    )
    trainer.train()

    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert float(losses[-1]) < 0.9 * float(losses[0])


@pytest.mark.parametrize("form", ["prompt-completion"])
def test_trl_counts_the_loss_on_completions_alone(form, exported, offline, tmp_path):
    from datasets import load_dataset

    trl = pytest.importorskip("trl", reason="TRL is not installed: pip install -e '.[consumers]'")
    data = load_dataset("json", data_files=files(exported(form), "train/NER-en-*.jsonl"),
                        split="train", cache_dir=str(tmp_path / "cache"))  # fmt: skip
    tokenizer, model = offline.causal(None, data["prompt"][:] + data["completion"][:])
    settings = trl.SFTConfig(output_dir=str(tmp_path), report_to=[], use_cpu=True, bf16=False)
    trainer = trl.SFTTrainer(
        model=model, args=settings, train_dataset=data, processing_class=tokenizer
    )
    batch = trainer.data_collator([trainer.train_dataset[0]])
    asked = batch["labels"][0] >= 0

    completion = data[0]["completion"]
    learned = "".join(tokenizer.decode(batch["input_ids"][0][asked]).split())
    # To this tokenizer the first signs of a completion are one token with the prompt's last ones.
    assert "".join(completion.lstrip('{"').split()) in learned
    assert len(learned) < len(completion) + 20
    assert not asked.all()


def test_transformers_classifies_the_tokens_of_bio(exported, offline, tmp_path):
    """The recipe of the library's documentation, from `load_dataset` to `Trainer`."""
    from datasets import load_dataset
    from transformers import (
        DataCollatorForTokenClassification,
        ModernBertForTokenClassification,
        Trainer,
        TrainingArguments,
    )

    pytest.importorskip("accelerate", reason="Trainer needs accelerate: install .[consumers]")
    data = load_dataset("parquet", data_files=files(exported("bio") / "conll04", "train-*"),
                        split="train", cache_dir=str(tmp_path / "cache"))  # fmt: skip
    names = data.features["ner_tags"].feature.names
    assert names[0] == "O"
    tokenizer, bert = offline.encoder(None, [" ".join(tokens) for tokens in data["tokens"]])

    def encode(row):
        inputs = tokenizer(row["tokens"], is_split_into_words=True)
        words = inputs.word_ids()
        first = [w is not None and w != v for v, w in zip([None, *words], words, strict=False)]
        inputs["labels"] = [
            row["ner_tags"][w] if new else -100 for w, new in zip(words, first, strict=True)
        ]
        return inputs

    rows = data.map(encode, remove_columns=data.column_names)
    bert.config.num_labels = len(names)
    trainer = Trainer(
        model=ModernBertForTokenClassification(bert.config),
        args=TrainingArguments(
            output_dir=str(tmp_path), max_steps=20, logging_steps=4, report_to=[], use_cpu=True,
            save_strategy="no", learning_rate=5e-3, per_device_train_batch_size=8,
        ),
        train_dataset=rows,
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )  # fmt: skip
    trainer.train()

    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert float(losses[-1]) < 0.8 * float(losses[0])


def test_whole_words_are_masked_together(exported, offline, tmp_path):
    """BERT's tokenizer parts a word into characters; the collator masks all of them or none."""
    from datasets import load_dataset
    from transformers import DataCollatorForLanguageModeling

    data = load_dataset("json", data_files=files(exported("mlm-wwm") / "duie2", "train-*"),
                        split="train", cache_dir=str(tmp_path / "cache"))  # fmt: skip
    tokenizer = offline.tokenizer(data["text"][:])
    collate = DataCollatorForLanguageModeling(
        tokenizer, whole_word_mask=True, mlm_probability=0.3, mask_replace_prob=1.0,
        random_replace_prob=0.0, seed=0,
    )  # fmt: skip
    rows = [tokenizer(text, return_offsets_mapping=True) for text in data["text"][:]]
    masked = [m["labels"][0] >= 0 for m in (collate([dict(row)]) for row in rows)]

    groups = []
    for text, row, hidden in zip(data["text"][:], rows, masked, strict=True):
        words = {}
        for (start, end), one in zip(row["offset_mapping"], hidden.tolist(), strict=False):
            if start < end:
                words.setdefault(text.count(" ", 0, start), []).append(one)
        groups += words.values()
    assert sum(map(len, groups)) > len(groups) > 100
    assert not [group for group in groups if any(group) and not all(group)]
    assert [group for group in groups if len(group) > 1 and all(group)]


@pytest.mark.soak
def test_gliner_reads_its_export(exported, offline):
    """GLiNER's own processor makes training batches, with the labels that the rows ask."""
    pytest.importorskip("gliner", reason="GLiNER is not installed: pip install gliner")
    from gliner.config import UniEncoderSpanConfig
    from gliner.data_processing import UniEncoderSpanProcessor, WordsSplitter

    rows = json.loads((exported("gliner") / "conll04" / "train-00000.json").read_bytes())
    tokenizer = offline.tokenizer([" ".join(row["tokenized_text"]) for row in rows])
    config = UniEncoderSpanConfig(max_len=200, max_width=12, max_types=30, max_neg_type_ratio=1)
    processor = UniEncoderSpanProcessor(config, tokenizer, WordsSplitter("whitespace"))
    batch = processor.collate_raw_batch(rows)

    for row, asked in zip(rows, batch["classes_to_id"], strict=True):
        assert {*asked} == {label for _, _, label in row["ner"]} | {*row["ner_negatives"]}


def test_gliners_rule_of_spans_holds(exported):
    """What GLiNER's processor does with a row, step by step: no entity falls out of the text."""
    rows = json.loads((exported("gliner") / "cluener" / "train-00000.json").read_bytes())
    for row in rows:
        words = len(row["tokenized_text"])
        spans = {(i, i + j) for i in range(words) for j in range(words - i)}
        assert {(first, last) for first, last, _ in row["ner"]} <= spans
        assert row["ner_negatives"] or {label for _, _, label in row["ner"]}


@pytest.mark.soak
@pytest.mark.parametrize("form", ["alpaca", "sharegpt", "messages", "prompt-completion"])
def test_llamafactory_loads_its_list_of_datasets(form, exported, tmp_path):
    """LLaMA-Factory's own loader and converter, on `dataset_info.json` as it is written."""
    pytest.importorskip("llamafactory", reason="LLaMA-Factory is not installed")
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.hparams import DataArguments

    folder = exported(form)
    arguments = DataArguments(dataset="iepile_train", dataset_dir=str(folder))
    model = SimpleNamespace(cache_dir=str(tmp_path), hf_hub_token=None)
    training = SimpleNamespace(local_process_index=0, seed=0)
    for entry in get_dataset_list(["iepile_train"], str(folder)):
        data = _load_single_dataset(entry, model, arguments, training)
        assert data.num_rows > 100
        assert [turn["role"] for turn in data[0]["_prompt"]] == ["user"]


@pytest.mark.soak
def test_gliner2_finds_nothing_wrong_with_its_export(exported):
    """GLiNER2's own check of training data: every string is in its text, fields agree by type."""
    data = pytest.importorskip("gliner2.training.data", reason="GLiNER2 is not installed")
    paths = files(exported("gliner2"), "*/*.jsonl")
    rows = data.DataLoader_Factory.load(paths, shuffle=False)

    assert len(rows) > 100
    assert not [problem for row in rows for problem in data.InputExample.from_dict(row).validate()]
    for path in paths:
        assert not data.TrainingDataset.load(path).validate_relation_consistency()


@pytest.mark.soak
def test_verl_reads_rows_and_reward(exported, offline, tmp_path):
    """Its dataset keeps every row, and the reward that it loads by path gives gold 1."""
    from datasets import load_dataset

    rl_dataset = pytest.importorskip("verl.utils.dataset.rl_dataset", reason="no verl installed")
    from omegaconf import OmegaConf
    from verl.trainer.ppo.reward import get_custom_reward_fn

    paths = files(exported("verl"), "train/*.parquet")
    rows = load_dataset("parquet", data_files=paths, split="train", cache_dir=str(tmp_path))
    asked = [turn["content"] for prompt in rows["prompt"] for turn in prompt]
    limits = {"max_prompt_length": 10_000, "filter_overlong_prompts_workers": 1}
    settings = OmegaConf.create({**limits, "cache_dir": str(tmp_path / "verl")})
    found = rl_dataset.RLHFDataset(paths, offline.chat_tokenizer(asked), settings)
    own = {"path": str(ROOT / "pipeline" / "scoring" / "reward.py"), "name": "compute_score"}
    reward = get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": own}}))

    assert len(found) == len(rows) > 100
    for row in found:
        gold = row["reward_model"]["ground_truth"]
        more = {key: row[key] for key in ("data_source", "extra_info")}
        assert reward(solution_str=gold, ground_truth=gold, **more) == 1


@pytest.mark.soak
def test_vllm_reads_requests_of_batches(exported):
    """The model of a request that its batch runner reads; the schema becomes structured output."""
    runner = pytest.importorskip("vllm.entrypoints.launchers.run_batch", reason="vLLM is missing")
    (path, *_) = files(exported("batch"), "test/NER-en-*.jsonl")
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    requests = [runner.BatchRequestInput.model_validate_json(line) for line in lines]

    for request in requests:
        asked = request.body.response_format.json_schema.json_schema
        assert request.body.to_sampling_params(100, {}).structured_outputs.json == asked
        assert asked["required"]
    assert requests


@pytest.mark.soak
def test_ms_swift_takes_the_reward_of_the_plugin(exported):
    from datasets import load_dataset

    rewards = pytest.importorskip("swift.rewards", reason="ms-swift is not installed")
    runpy.run_path(str(exported("swift-grpo") / "plugin.py"))
    (path, *_) = files(exported("swift-grpo"), "train/NER-en-*.jsonl")
    rows = load_dataset("json", data_files=path, split="train")
    gold = rows["solution"][:]

    assert rewards.orms["iepile"]()(gold, solution=gold, task=rows["task"][:]) == [1] * len(gold)


@pytest.mark.soak
@pytest.mark.parametrize("dataset", ["cluener", "conll04", "crossner-ai", "genia"])
def test_evalscope_writes_tags_as_markup_and_back(dataset, exported):
    """Names of its tags are one word; `entity_type_map` of its NERAdapter maps ours to them."""
    ner = pytest.importorskip("evalscope.utils.ner", reason="EvalScope is not installed")
    from seqeval.metrics import f1_score

    folder = exported("bio-strings") / dataset
    tags = json.loads((folder / "labels.json").read_bytes())
    names = {tag[2:]: re.sub(r"\W+", "_", tag[2:]) for tag in tags[1:]}
    back = {name.lower(): label for label, name in names.items()}
    gold, answered = [], []
    for path in folder.glob("*.jsonl"):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            markup = ner.create_target_text(row["tokens"], row["ner_tags"], names)
            answer = ner.clean_prediction(markup, ner.DEFAULT_TAG_FIX_PATTERNS)
            gold.append(row["ner_tags"])
            answered.append(ner.xml_to_bio_tags(answer, row["tokens"], back))

    assert f1_score(gold, answered) == 1


@pytest.mark.soak
def test_lm_eval_scores_as_iepile_score_does(run, exported, tmp_path):
    """The harness asks a model that answers from gold, now and then without the last label."""
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    folder = exported("lm-eval")
    rows = [
        row for path in folder.glob("data/*/*.parquet") for row in pq.read_table(path).to_pylist()
    ]
    gold = {row["instruction"]: row["output"] for row in rows}

    class Spoilt(LM):
        loglikelihood = loglikelihood_rolling = None

        def generate_until(self, requests):
            answers = [json.loads(gold[request.args[0]]) for request in requests]
            for answer in answers[::3]:
                answer.popitem()
            return [*map(json.dumps, answers)]

    tasks = TaskManager(include_path=str(folder))
    done = simple_evaluate(Spoilt(), tasks=["iepile"], task_manager=tasks, log_samples=True)
    answers = tmp_path / "samples_all.jsonl"
    samples = [sample for own in done["samples"].values() for sample in own]
    answers.write_text("".join(f"{json.dumps(sample)}\n" for sample in samples), "utf-8")
    scores = tmp_path / "scores.json"
    call = ["score", str(answers), "--corpus", str(run / "corpus"), "--out", str(scores)]
    assert cli.main(call) == 0

    ours = {}
    for entry in json.loads(scores.read_bytes())["languages"]:
        use, language = entry["dataset"].split(", ")
        config = "heldout_" * (use == "all held-out") + f"{entry['task']}_{language}".lower()
        ours[f"iepile_{config}_{entry['split']}", f"{entry['measure']}_f1,none"] = entry["f1"]
    theirs = {
        (task, name): round(value, 2)
        for task, metrics in done["results"].items()
        for name, value in metrics.items()
        if name.endswith("_f1,none")
    }
    assert theirs == ours
    assert len({*theirs.values()}) > 3


def test_spert_rows_are_what_spert_reads(exported):
    """SpERT's reader, step by step: types are known, spans hold tokens, relations have ends."""
    folder = exported("spert") / "conll04"
    types = json.loads((folder / "types.json").read_bytes())
    for kind in types["entities"].values():
        assert {"short", "verbose"} <= {*kind}
    for kind in types["relations"].values():
        assert {"short", "verbose", "symmetric"} <= {*kind}
    for row in json.loads((folder / "train-00000.json").read_bytes()):
        for entity in row["entities"]:
            assert row["tokens"][entity["start"] : entity["end"]]
        for relation in row["relations"]:
            assert row["entities"][relation["head"]]
            assert row["entities"][relation["tail"]]


@pytest.fixture(autouse=True)
def _one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
