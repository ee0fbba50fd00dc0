"""The grid: what is trained, and the results of each part as a file, so that a killed run resumes.

A result holds counts of test records (`metrics.COUNTS`) for every seed and every number of labels
asked at a time.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xxhash

from bench.worth import arms, heads, items, metrics
from bench.worth.ready import DICTIONARIES, FURTHER, prepared
from pipeline.instruct.asking import near_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.worth.items import Set
    from bench.worth.ready import Prepared

#: How many labels an instruction asks; the others are tried on `FURTHER` sets, 0 is all labels.
K, OTHER_K = 4, 8
ASKED = (4, 8, 0)
SEEDS = (0, 1, 2, 3, 4)
#: Heads of these seeds choose the hard pairs, and are in no table.
_CHOOSING = (5, 6, 7, 8, 9)
STEPS = 600


class Job(NamedTuple):
    """One cell of the grid, with all its seeds."""

    set: str
    head: str
    arm: str
    dictionary: str = "default"
    k: int = K


def jobs(name: str) -> list[Job]:
    """All cells of a set."""
    further = name in FURTHER
    return [
        job
        for head in heads.HEADS
        for job in (
            *(Job(name, head, arm) for arm in arms.ARMS),
            *(Job(name, head, "confusable", d) for d in DICTIONARIES[1:] if further),
            *(Job(name, head, "confusable", k=OTHER_K) for _ in range(further)),
        )
    ]


def asked_of(
    given: Set, part: items.Part, arm: str, near: Mapping[str, Sequence[str]], k: int, seed: int
) -> arms.Asked:
    """All instructions of an arm for some records of a set."""
    positive = part.positive()
    return arms.instructions(arm, part.ids, positive, given.labels, given.called, near, k, seed)


def asked_in(ready: Prepared, arm: str, dictionary: str, k: int, seed: int) -> arms.Asked:
    """All instructions of an arm for the train records that are not held back."""
    return asked_of(ready.given, ready.fit, arm, ready.near[dictionary], k, seed)


def budget(ready: Prepared, seeds: Sequence[int]) -> tuple[int, int]:
    """(instructions, epochs) of every arm: as many as the arm has that makes the fewest.

    The arm `all` is left out: it repeats its instruction of each record. Epochs are such that the
    arm `random` takes about `STEPS` steps.
    """
    dealt = [arm for arm in arms.ARMS if arm != "all"]
    number = min(
        len(asked_in(ready, arm, "default", K, seed).record) for arm in dealt for seed in seeds
    )
    chosen = _chosen(ready, Job(ready.given.name, "alone", "random"), number, seeds[:1])
    rows = heads.rows_of(chosen[0], ready.fit.owner)
    return number, heads.epochs_for(len(rows.item), STEPS)


def _chosen(ready: Prepared, job: Job, number: int, seeds: Sequence[int]) -> list[arms.Asked]:
    return [
        arms.equal(
            asked_in(ready, job.arm, job.dictionary, job.k, seed), ready.fit.ids, number, seed
        )
        for seed in seeds
    ]


def _trained(ready: Prepared, job: Job, asked, epochs: int, seeds: Sequence[int]) -> heads.Head:
    part = ready.fit
    return heads.train(job.head, ready.fit_features, part.gold, part.owner, asked, epochs, seeds)


def hard_pairs(ready: Prepared, number: int, epochs: int) -> np.ndarray:
    """What heads of the arm `random`, of seeds that are in no table, confuse most."""
    job = Job(ready.given.name, "alone", "random")
    head = _trained(ready, job, _chosen(ready, job, number, _CHOOSING), epochs, _CHOOSING)
    sets = arms.polled(len(ready.given.labels), K)
    return metrics.confused_pairs(heads.scores(head, ready.held_features, sets), ready.held.gold)


def result(
    ready: Prepared, job: Job, hard: np.ndarray, number: int, epochs: int, seeds: Sequence[int]
) -> dict[str, Any]:
    """Train and judge one cell."""
    start = time.perf_counter()
    asked = _chosen(ready, job, number, seeds)
    head = _trained(ready, job, asked, epochs, seeds)
    test, labels = ready.given.test, len(ready.given.labels)
    counts = {}
    for k in ASKED:
        sets = arms.polled(labels, k or labels)
        held = heads.scores(head, ready.held_features, sets)
        found = heads.scores(head, ready.test_features, sets)
        cuts = [metrics.threshold(own, ready.held.gold) for own in held]
        counts[str(k)] = [
            metrics.counted(own, test.gold, test.owner, len(test.ids), cut, hard).tolist()
            for own, cut in zip(found, cuts, strict=True)
        ]
    return {
        **job._asdict(),
        "seeds": [*seeds],
        "instructions": number,
        "epochs": epochs,
        **_shares(ready, asked),
        "counts": counts,
        "seconds": round(time.perf_counter() - start, 1),
    }


def _shares(ready: Prepared, asked: Sequence[arms.Asked]) -> dict[str, float]:
    """How many labels an instruction asks, how many ask no positive, and how often labels hold."""
    positive = ready.fit.positive()
    held = [positive[own.record] & own.member for own in asked]
    return {
        "width": float(np.mean([own.member.sum(axis=1).mean() for own in asked])),
        "pure": float(np.mean([(~own.any(axis=1)).mean() for own in held])),
        "positive": float(
            np.mean([h.sum() / o.member.sum() for h, o in zip(held, asked, strict=True)])
        ),
    }


def results(
    run: Path, cache: Path, names: Sequence[str], seeds: Sequence[int] = SEEDS
) -> Iterator[dict[str, Any]]:
    """The results of all sets, made or read: of every set what it is, then of its cells."""
    for name in names:
        given = items.load(run, name)
        folder = folder_of(cache, given, seeds)
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [(_path(folder, job), job) for job in jobs(name)]
        about = folder / "set.json"
        if not about.is_file() or not all(path.is_file() for path, _ in wanted):
            ready = prepared(run, given, cache)
            number, epochs = budget(ready, seeds)
            hard = _kept(about, partial(_about, ready, number, epochs))["hard"]
            for path, job in wanted:
                make = partial(result, ready, job, np.array(hard), number, epochs, seeds)
                _kept(path, make)
        yield json.loads(about.read_bytes())
        for path, _ in wanted:
            yield json.loads(path.read_bytes())


def folder_of(cache: Path, given: Set, seeds: Sequence[int]) -> Path:
    """Where the results of a set are, named after what they depend on, but for the code."""
    parts = [(p.ids, p.spans, np.packbits(p.gold).tobytes()) for p in (given.train, given.test)]
    content = (given.labels, given.near, parts, [*seeds], STEPS, K, OTHER_K)
    return cache / f"{given.name}-{xxhash.xxh3_64_hexdigest(repr(content).encode())}"


def _about(ready: Prepared, number: int, epochs: int) -> dict[str, Any]:
    """What a set is, and its hard pairs."""
    start = time.perf_counter()
    given = ready.given
    hard = hard_pairs(ready, number, epochs)
    near = near_matrix(given.labels, given.near) >= 0
    return {
        "set": given.name,
        "task": given.task,
        "split": given.split,
        "labels": len(given.labels),
        "fit": [len(ready.fit.ids), len(ready.fit.gold)],
        "held": [len(ready.held.ids), len(ready.held.gold)],
        "test": [len(given.test.ids), len(given.test.gold)],
        "instructions": number,
        "epochs": epochs,
        "hard": hard.tolist(),
        "in_dictionary": float(near[hard].mean()),
        "by_chance": float(near[~np.eye(len(near), dtype=bool)].mean()),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _path(folder: Path, job: Job) -> Path:
    parts = (job.head, job.arm, job.dictionary.replace(" ", "-"), f"k{job.k}")
    return folder / f"{'-'.join(parts)}.json"


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The content of a file, which is made where there is none."""
    if not path.is_file():
        content = make()
        path.with_suffix(".part").write_text(json.dumps(content), encoding="utf-8")
        path.with_suffix(".part").rename(path)
        print(f"{content['seconds']:6.1f} s  {path.parent.name.rsplit('-', 1)[0]}: {path.stem}")
    return json.loads(path.read_bytes())
