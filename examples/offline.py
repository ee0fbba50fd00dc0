"""What the examples run on without a network: planted texts, and tiny random models.

Planted texts are an edition of CoNLL04 of its own: sentences of a small grammar, in the raw format
of that dataset. A name tells nothing of its type, only the words around it do; so that a model
which predicts entities and relations of the test texts has learned the patterns, not the names.
The texts go through the whole pipeline, and out by `iepile export`, as real data do.
"""

import random
from pathlib import Path

import torch

from pipeline import cli

ROOT = Path(__file__).resolve().parent.parent

#: A clause with its entities; a relation holds between them, or none does.
CLAUSES = [
    ("doctor {Peop} lives in {Loc}", "Live_In"),
    ("judge {Peop} works for {Org}", "Work_For"),
    ("the firm {Org} is based in {Loc}", "OrgBased_In"),
    ("the town {Loc} lies in {Loc}", "Located_In"),
    ("captain {Peop} shot {Peop}", "Kill"),
    ("captain {Peop} flew over {Loc}", None),
    ("doctor {Peop} sued {Org}", None),
    ("the firm {Org} praised {Peop}", None),
]
LINKS = ["and", "while", "because", ", although"]
SIZES = {"train": 800, "dev": 100, "test": 200}


def planted(form: str, work: Path) -> Path:
    """The folder of planted texts in one export format; made where it is not there yet."""
    run, out = work / "run", work / form
    if not run.exists():
        _write_raw(work / "raw" / "conll04")
        _iepile("run", "conll04", "--raw", work / "raw", "--out", run)
    if not out.exists():
        _iepile("export", form, "--run", run, "--out", out)
    return out if form == "messages" else out / "conll04"


def _iepile(*arguments: object) -> None:
    options = ["--params", ROOT / "params.yaml"]
    if cli.main([str(a) for a in [*arguments, *options]]):
        raise SystemExit(f"iepile {arguments[0]} failed")


def _write_raw(folder: Path) -> None:
    """Write the raw files, as Bekoulis et al. have them, and the manifest that names them."""
    rng = random.Random(0)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    names = sorted({"".join(rng.choices(syllables, k=3)).title() for _ in range(200)})
    folder.mkdir(parents=True)
    manifest = []
    for split, size in SIZES.items():
        documents = [f"#doc {n}\n" + _sentence(rng, names) for n in range(size)]
        (folder / f"{split}.txt").write_text("".join(documents), encoding="utf-8")
        manifest.append(f'[splits.{split}]\nfiles = [{{ path = "{split}.txt" }}]\n')
    (folder / "manifest.toml").write_text("".join(manifest), encoding="utf-8")


def _sentence(rng: random.Random, names: list[str]) -> str:
    rows: list[list[str]] = []
    for number, (pattern, relation) in enumerate(rng.sample(CLAUSES, rng.choice([1, 2, 2]))):
        ends = []
        for word in ([*rng.choice(LINKS).split()] if number else []) + pattern.split():
            if word.startswith("{"):
                name = rng.sample(names, rng.choice([1, 2]))
                tags = [f"{'I' if i else 'B'}-{word[1:-1]}" for i in range(len(name))]
                rows += [[part, tag, "['N']", ""] for part, tag in zip(name, tags, strict=True)]
                ends.append(len(rows) - 1)
            else:
                rows.append([word, "O", "['N']", ""])
        if relation:
            rows[ends[0]][2:] = [f"['{relation}']", str(ends[1])]
    rows.append([".", "O", "['N']", ""])
    return "".join(
        f"{i}\t{word}\t{tag}\t{kind}\t[{other or i}]\n"
        for i, (word, tag, kind, other) in enumerate(rows)
    )


def tokenizer(texts: list[str]):
    """A tokenizer whose words are those of the texts, parted as BERT parts them."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=[*special.values()]))
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    inputs = ["input_ids", "attention_mask"]
    names = {f"{key}_token": token for key, token in special.items()}
    return PreTrainedTokenizerFast(tokenizer_object=words, model_input_names=inputs, **names)


def encoder(name: str | None, texts: list[str]):
    """(tokenizer, encoder) of a pre-trained model, or a tiny random ModernBERT for these texts."""
    from transformers import AutoModel, AutoTokenizer, ModernBertConfig, ModernBertModel

    if name:
        return AutoTokenizer.from_pretrained(name), AutoModel.from_pretrained(name)
    own = tokenizer(texts)
    config = ModernBertConfig(
        vocab_size=len(own),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        global_attn_every_n_layers=1,
        max_position_embeddings=512,
        initializer_range=0.1,  # what is small learns slowly from small weights
        pad_token_id=own.pad_token_id,
        **{f"{end}_token_id": own.cls_token_id for end in ("cls", "bos")},
        **{f"{end}_token_id": own.sep_token_id for end in ("sep", "eos")},
    )
    return own, ModernBertModel(config)


def causal(name: str | None, texts: list[str], steps: int = 0):
    """(tokenizer, language model) that is pre-trained, or a tiny Llama for these texts.

    The tiny one is random, or pre-trained here for so many steps: see `learn_to_repeat`.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    if name:
        return AutoTokenizer.from_pretrained(name), AutoModelForCausalLM.from_pretrained(name)
    own = chat_tokenizer(texts)
    config = LlamaConfig(
        vocab_size=len(own),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        pad_token_id=own.pad_token_id,
        bos_token_id=None,
        eos_token_id=own.eos_token_id,
    )
    model = LlamaForCausalLM(config).to(device())
    learn_to_repeat(model, steps)
    return own, model


def chat_tokenizer(texts: list[str]):
    """A tokenizer for chats: a token is a word, or the signs and blanks between two words."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    # A single blank between words is no token; the decoder puts it back where two words meet.
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"(?<=\w) (?=\w)"), "removed"),
            pre_tokenizers.Split(Regex(r"\W+"), "isolated"),
        ]
    )
    words.decoder = decoders.Sequence(
        [
            decoders.Replace(Regex(r"\b"), "\0"),
            decoders.Fuse(),
            decoders.Replace("\0\0", " "),
            decoders.Replace("\0", ""),
        ]
    )
    special = ["<pad>", "<unk>", "<user>", "<assistant>", "<end>"]
    words.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=special))
    own = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="<end>"
    )
    own.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    return own


def learn_to_repeat(model, steps: int, size: int = 24, spans: int = 4) -> None:
    """Pre-train a language model on random words of which spans are said again.

    That is what a pre-trained model brings to extraction, and what fine-tuning on a few texts does
    not teach: to find a word that was read before, and to go on as it went on there. No text of
    the corpus is read here, and nothing is learned about its words.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.98), weight_decay=0)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.02, total_iters=50)
    within = torch.arange(size // spans)
    for _ in range(steps):
        words = torch.randint(model.config.vocab_size, (64, size))
        starts = torch.randint(size - len(within) + 1, (64, spans, 1))
        again = words[:, None].expand(-1, spans, -1).gather(2, starts + within)
        labels = again.clone()
        labels[:, :, 0] = -100  # where a span begins cannot be known
        ids = torch.cat([words, again.flatten(1)], 1).to(model.device)
        labels = torch.cat([torch.full_like(words, -100), labels.flatten(1)], 1).to(model.device)
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        optimizer.zero_grad()
        warmup.step()


def device() -> str:
    """Where to train."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def f1(found: list[set], gold: list[set]) -> float:
    """The micro-F1 of sets of answers, in percent."""
    right = sum(len(f & g) for f, g in zip(found, gold, strict=True))
    total = sum(map(len, found)) + sum(map(len, gold))
    return 200 * right / total if total else 0.0
