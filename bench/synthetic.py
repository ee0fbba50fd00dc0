"""Made-up records and raw files in the shape of the real ones, the same for the same size.

`duie_records` writes the records of one dataset with 48 relations, as `normalize` would. `corpus`
writes the raw files and declarations of 33 datasets: the tasks, label counts and split sizes of
IEPile's training datasets, with some duplicates, conflicts, leaks and texts that cleaning drops.
`inventory` writes the records of one dataset with thousands of labels.
"""

from __future__ import annotations

import json
from functools import cache, partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from pipeline.clean.rules import STOP_WORDS
from pipeline.execution import engines, shards
from pipeline.records import Mention, Record, Relation
from pipeline.tables import to_table

if TYPE_CHECKING:
    from pathlib import Path

#: Annotations of each label of a large inventory.
_EACH = 10
#: Task, name, language, labels, and train, dev and test records after IEPile's cleaning.
DATASETS = """
NER anatem en 1 5667 2081 3758
NER bc2gm en 1 12392 2483 4977
NER bc4chemd en 1 30488 30468 26204
NER ncbi en 1 5432 923 940
NER bc5cdr en 2 4545 4569 4788
NER harveyner en 4 3553 1270 1260
NER conll2003 en 4 12613 3070 3184
NER genia en 5 14966 1657 1850
NER ace2005-ner en 7 7134 964 1050
NER mit-restaurant en 8 7658 0 1520
NER mit-movie en 12 9707 0 2441
NER fabner en 12 9421 2179 2064
NER multinerd en 16 130623 9994 9994
NER ontonotes en 18 54994 7997 7782
NER findvehicle en 21 21547 0 20769
NER msra zh 3 40500 4500 3437
NER resume zh 8 3799 463 476
NER clue zh 10 9674 1074 1343
RE ade en 1 3416 427 428
RE gids en 4 8525 1417 4307
RE conll04 en 5 922 231 288
RE scierc en 7 1366 187 397
RE semeval en 10 6478 1492 2714
RE nyt11 en 12 60765 146 362
RE kbp37 en 18 15911 1723 3405
RE nyt en 24 54412 4975 4985
RE cmeie zh 53 14339 3585 0
RE duie2 zh 48 171126 20652 0
EE ace2005 en 33 3257 319 293
EE casie en 5 3732 777 1492
EE phee en 2 2897 960 968
EE duee1 zh 65 11908 1492 0
EE duee-fin zh 13 7015 1171 0
"""
_READERS = {
    "NER": 'name = "columns"\nscheme = "IOB2"',
    "RE": 'name = "spo_json"',
    "EE": 'name = "event_json"',
}


@cache
def vocabulary(language: str) -> tuple[list[str], list[str]]:
    """(words of running text, names), the more frequent ones first."""
    stop = STOP_WORDS / f"{language}.txt"
    common = [w for w in stop.read_text(encoding="utf-8").split() if w.isalpha()][:120]
    if language == "zh":
        import jieba

        jieba.initialize()
        found = sorted(
            ((n, w) for w, n in jieba.dt.FREQ.items() if n and w.isalpha()), reverse=True
        )
        words = [w for _, w in found if len(w) > 1]
        return common + words[:8000], words[8000:20000]
    heads = [
        a + b
        for a in ["b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl"]
        for b in "aeiou"
    ]
    tails = ["n", "r", "l", "st", "nd", "x", "sh", "ck", "m", "t"]
    plain = [h + m + t for m in ("", "mi", "ro", "lu", "ta") for h in heads for t in tails]
    return common + plain[:4000], [w.capitalize() for w in plain[1000:]]


def _zipf(rng: np.random.Generator, size: int, most: int) -> np.ndarray:
    return np.minimum(most * rng.random(size) ** 2.5, most - 1).astype(np.int64)


class Text:
    """Endless made-up tokens of one language, and names in them."""

    def __init__(self, language: str, seed: int, mean: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.words, self.names = vocabulary(language)
        self.gap = "" if language == "zh" else " "
        self.mean = mean
        self.number = count()

    def sentences(self, size: int):
        """Yield (tokens, positions of the names in them); no two texts are the same."""
        lengths = np.maximum(8, self.rng.lognormal(np.log(self.mean), 0.5, size).astype(np.int64))
        held = self.rng.integers(2, 5, size)
        for start in range(0, size, 5000):
            own = lengths[start : start + 5000]
            words = [self.words[i] for i in _zipf(self.rng, own.sum(), len(self.words))]
            names = [self.names[i] for i in _zipf(self.rng, 4 * len(own), len(self.names))]
            spread = self.rng.random(4 * len(own))
            at = 0
            for n, length in enumerate(own.tolist()):
                tokens = words[at : at + length]
                at += length
                places = sorted(
                    {int(p * (length - 1)) for p in spread[4 * n : 4 * n + held[start + n]]}
                )
                for p, name in zip(places, names[4 * n :], strict=False):
                    tokens[p] = name
                tokens.append(str(next(self.number)))
                yield tokens, places


def duie_records(folder: Path, records: int, per_shard: int = 20_000) -> tuple[list[str], dict]:
    """Write records as `normalize` would; return 48 labels and a dictionary of 10 links each."""
    text, rng = Text("zh", 1, 28), np.random.default_rng(2)
    labels = [f"{a}{b}" for a, b in zip(text.words[200:248], text.words[300:348], strict=True)]
    near = {
        label: [labels[(n + step) % 48] for step in sorted(rng.choice(np.arange(1, 48), 10, False))]
        for n, label in enumerate(labels)
    }
    batch = []
    sentences = text.sentences(records)
    kinds = _zipf(rng, 2 * records, 48)
    several = rng.random(records) < 0.35
    for n, (tokens, places) in enumerate(sentences):
        starts = np.cumsum([0, *map(len, tokens)])
        mentions = [Mention(tokens[p], int(starts[p]), int(starts[p + 1])) for p in places[:3]]
        relations = [Relation(labels[kinds[2 * n]], 0, min(1, len(mentions) - 1))]
        if several[n] and len(mentions) > 2:
            relations.append(Relation(labels[kinds[2 * n + 1]], 0, 2))
        batch.append(Record("".join(tokens), f"duie.json:{n + 1}", mentions, relations))
        if len(batch) == per_shard or n == records - 1:
            first = n + 1 - len(batch)
            ids = [f"duie2/train/{i}" for i in range(first, n + 1)]
            table = to_table(batch, ids, dataset="duie2", split="train", language="zh")
            shards.write(table, folder / f"train-{first // per_shard:05d}.parquet")
            batch = []
    return labels, near


def corpus(folder: Path, scale: float, workers: int = 1) -> list[str]:
    """Write `folder/catalog/*.toml` and `folder/raw/<id>/`; return the datasets' names."""
    lines = [line.split() for line in DATASETS.strip().splitlines()]
    (folder / "catalog").mkdir(parents=True)
    lines.sort(key=lambda line: -int(line[4]))
    for _ in engines.run(partial(_dataset, folder=folder, scale=scale), lines, workers):
        pass
    return sorted(line[1] for line in lines)


def _dataset(line: list[str], folder: Path, scale: float) -> None:
    task, name, language, labels, *sizes = line
    seed = int.from_bytes(name.encode()) % 2**32
    text = Text(language, seed, 28 if language == "zh" else 24)
    kinds = [
        f"{a} {b}"
        for a, b in zip(text.words[300:], text.words[900 : 900 + int(labels)], strict=False)
    ]
    splits = {}
    tests: list[str] = []
    for split, size in zip(("test", "dev", "train"), sizes[::-1], strict=True):
        if size := int(size) and max(20, int(int(size) * scale)):
            path = folder / "raw" / name / f"{split}.{'txt' if task == 'NER' else 'json'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = _rows(task, text, kinds, size)
            with path.open("w", encoding="utf-8") as stream:
                for row in _repeated(rows, tests if split == "train" else []):
                    stream.write(row)
                    if split == "test" and len(tests) < 50:
                        tests.append(row)
            splits[split] = path.name
    declare(folder / "catalog" / f"{name}.toml", task, name, language, kinds, splits)


def _repeated(rows, leaks: list[str]):
    """The rows, of every 200 one twice, and some rows of the test split among those of train."""
    for n, row in enumerate(rows):
        yield row
        if n % 200 == 0:
            yield row
        if n % 200 == 100 and n // 200 < len(leaks):
            yield leaks[n // 200]


def _rows(task: str, text: Text, kinds: list[str], size: int):
    chosen = _zipf(text.rng, 4 * size, len(kinds)).tolist()
    bare = (text.rng.random(size) < 0.2).tolist()
    for n, sentence in enumerate(text.sentences(size)):
        tokens, places = sentence
        own = [kinds[i] for i in chosen[4 * n : 4 * n + 4]]
        if n % 400 == 7:
            tokens, places = ["12", "%", "--", str(n), "..."], []
        if task == "NER":
            tags = ["O"] * len(tokens)
            for place, kind in zip([] if bare[n] else places, own, strict=False):
                tags[place] = f"B-{kind.replace(' ', '_')}"
            yield "".join(f"{t}\t{g}\n" for t, g in zip(tokens, tags, strict=True)) + "\n"
            continue
        row = {"text": text.gap.join(tokens)}
        names = [tokens[p] for p in places]
        if task == "RE":
            pairs = zip(own[: len(names) // 2], names, names[1:], strict=False)
            row["spo_list"] = [{"predicate": k, "subject": s, "object": o} for k, s, o in pairs]
        else:
            arguments = [{"role": f"role {i}", "argument": a} for i, a in enumerate(names[1:3])]
            found = {"event_type": own[0], "trigger": (names or [""])[0], "arguments": arguments}
            row["event_list"] = [found] if names and not bare[n] else []
        yield json.dumps(row, ensure_ascii=False) + "\n"


def declare(
    path: Path, task: str, name: str, language: str, kinds: list[str], splits: dict[str, str]
) -> None:
    """Write the declaration of a dataset with these labels and files."""
    quoted = partial(json.dumps, ensure_ascii=False)
    kind = {"NER": "entity", "RE": "relation", "EE": "event"}[task]
    lines = [
        f"title = {quoted(name)}\nsource = {quoted(name)}\nlicense = 'none'",
        f"language = {quoted(language)}\ndomain = 'made up'\ntasks = [{quoted(task)}]",
        f"[reader]\n{_READERS[task]}\n[labels.{kind}]",
        *(f"{quoted(k.replace(' ', '_') if task == 'NER' else k)} = {quoted(k)}" for k in kinds),
    ]
    if task == "EE":
        lines += ["[roles]", *(f"{quoted(k)} = ['role 0', 'role 1']" for k in kinds)]
    for split, file in splits.items():
        lines += [f"[splits.{split}]", f"files = [{{ path = {quoted(file)} }}]"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def inventory(folder: Path, size: int) -> list[str]:
    """Write records of one dataset with so many labels, in families of eight; return the labels."""
    draw = np.random.default_rng(1)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    words = np.array(["".join(draw.choice(syllables, 3)) for _ in range(8000)])
    common = 1 / np.arange(1, len(words) + 1)
    around = draw.choice(words, (size * _EACH, 16), p=common / common.sum())
    labels, rows = [], []
    for n in range(size):
        family = words[(n // 8 * 7 + np.arange(24)) % len(words)]
        labels.append(f"{family[0]} {draw.choice(words)} {n}")
        for texts in around[n * _EACH : (n + 1) * _EACH]:
            mention = " ".join(draw.choice(family, 2))
            left = " ".join(texts[:8]) + " "
            found = Mention(mention, len(left), len(left) + len(mention), labels[-1])
            rows.append(Record(f"{left}{mention} {' '.join(texts[8:])}", f"f:{n}", [found]))
    ids = [f"large/train/{n}" for n in range(len(rows))]
    table = to_table(rows, ids, dataset="large", split="train", language="en")
    shards.write(table, folder / "large" / "train-00000.parquet")
    return labels
