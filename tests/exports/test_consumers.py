"""Real consumers take the exports as they are, with tiny random models and no download.

A consumer that is not installed is skipped with the reason; `pip install -e '.[consumers]'` brings
TRL, PEFT and Accelerate. GLiNER and LLaMA-Factory are tested where they are installed by hand.
"""

import json
from types import SimpleNamespace

import pytest
import torch
from datasets import load_dataset

from tests.conftest import ROOT


@pytest.fixture
def offline(monkeypatch):
    """The module of tiny models that the examples use."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return pytest.importorskip("offline")


def files(folder, pattern):
    return sorted(str(path) for path in folder.glob(pattern))


def test_trl_trains_on_messages(exported, offline, tmp_path):
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
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
