"""Clean and deduplicate a million made-up records, half of them Chinese: time and memory.

    python -m bench.clean_dedupe [--records N] [--workers N] [--folder DIR]

The texts are drawn from word lists by frequency, as words are; some repeat, conflict, leak from
test, differ by a word, or fall to a cleaning rule. Making them is not measured. The budget is 150 s
and 1.5 GB (of the whole tree of processes, shared pages counted once) on two cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

from pipeline.catalog import Dataset, Labels
from pipeline.clean.rules import STOP_WORDS
from pipeline.clean.stage import clean
from pipeline.config import Settings
from pipeline.dedupe.stage import dedupe
from pipeline.execution import engines, shards
from pipeline.records import Mention, Record, Relation, record_id
from pipeline.tables import to_table

PER_SHARD = 20_000
DATASETS = 10


def datasets():
    return [
        Dataset(
            id=f"made{n}",
            title=f"made{n}",
            source=f"made{n}",
            license="-",
            language=("en", "zh")[n % 2],
            domain="-",
            tasks=["NER", "RE"],
            reader={"name": "columns"},
            labels=Labels(entity=["person", "place"], relation=["lives in"]),
        )
        for n in range(DATASETS)
    ]


def vocabulary(language):
    """Words by falling frequency."""
    import jieba

    if language == "en":
        rng = np.random.default_rng(7)
        stops = (STOP_WORDS / "en.txt").read_text(encoding="utf-8").split("\n")
        letters = [*"etaoinshrdlucmfwypvbgk"]
        made = ["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(30_000)]
        return [*(s for s in stops if s.isalpha())][:120] + made
    with jieba.dt.get_dict_file() as file:
        entries = [line.split() for line in file.read().decode().splitlines()]
    entries.sort(key=lambda e: -int(e[1]))
    return [e[0] for e in entries[:60_000]]


def texts(language, count, seed):
    rng = np.random.default_rng(seed)
    words = np.array(vocabulary(language), object)
    shares = 1 / (np.arange(len(words)) + 20.0)
    lengths = rng.integers(8, 45, count)
    drawn = words[np.searchsorted(np.cumsum(shares) / shares.sum(), rng.random(lengths.sum()))]
    joint, end = (" ", ".") if language == "en" else ("", "。")
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    out = [[*drawn[a:b]] for a, b in pairwise(bounds)]
    for n in range(count):
        kind = rng.integers(100)
        if kind < 5 and n:  # an exact repetition
            out[n] = out[rng.integers(max(0, n - 5000), n)]
        elif kind < 8 and n:  # another word in the middle
            out[n] = [*out[rng.integers(max(0, n - 5000), n)]]
            out[n][len(out[n]) // 2] = words[rng.integers(len(words))]
        elif kind == 8:
            out[n] = [*["12", "34", ":", "56", "%", "78"]]
        elif kind == 9:
            out[n] = [*words[:6]]
    return [joint.join(piece) + end for piece in out], [piece[-1] for piece in out]


def shard(job, folder):
    number, dataset, split, start, count = job
    bodies, last = texts(dataset.language, count, number)
    records = []
    for n, (text, word) in enumerate(zip(bodies, last, strict=True)):
        first = text.split(" ")[0] if dataset.language == "en" else text[:2]
        end = len(text) - 1
        mentions = [
            Mention(first, 0, len(first), "person"),
            Mention(word, end - len(word), end, ("place", "person")[n % 7 == 0]),
        ]
        records.append(Record(text, f"made:{n}", mentions, [Relation("lives in", 0, 1)]))
    ids = [record_id(dataset.id, split, start + n) for n in range(count)]
    table = to_table(records, ids, dataset=dataset.id, split=split, language=dataset.language)
    name = f"{split}-{start // PER_SHARD:05d}.parquet"
    shards.write(table, folder / "normalize" / dataset.id / name)


class Peak(threading.Thread):
    """The most memory that this process and its children held together."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.done = 0, threading.Event()

    def run(self):
        me = psutil.Process()
        while not self.done.wait(0.2):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.most = max(self.most, total)


def measured(name, function):
    peak = Peak()
    peak.start()
    start = time.perf_counter()
    function()
    seconds = time.perf_counter() - start
    peak.done.set()
    peak.join()
    load = os.getloadavg()[0]
    print(f"{name:<8} {seconds:7.1f} s {peak.most / 1e9:6.2f} GB   load {load:.1f}", flush=True)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the records here, and use those there")
    own = parser.parse_args()
    folder = own.folder or Path(tempfile.mkdtemp())
    made = datasets()
    if not (folder / "normalize").exists():
        each = own.records // DATASETS
        jobs = [
            (d * 1000 + k, made[d], "test" if k == 0 else "train", s, min(PER_SHARD, each - s))
            for d in range(DATASETS)
            for k, s in enumerate(range(0, each, PER_SHARD))
        ]
        [*engines.run(partial(shard, folder=folder), jobs, own.workers)]
    total = measured(
        "clean",
        lambda: clean(
            made,
            folder / "normalize",
            Settings().clean,
            STOP_WORDS,
            folder / "clean",
            own.workers,
        ),
    )
    total += measured(
        "dedupe",
        lambda: dedupe(made, folder / "clean", Settings().dedupe, folder / "dedupe", own.workers),
    )
    print(f"together {total:7.1f} s, {own.records:,} records, {own.workers} workers")
    if own.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
