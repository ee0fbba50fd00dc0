"""The page of the results: tables, and what holds, in words that follow from the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.worth import arms, items, metrics
from bench.worth.grid import OTHER_K, K
from bench.worth.heads import HEADS
from bench.worth.ready import DICTIONARIES, FURTHER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Result = dict[str, Any]
_SIZES = {"4": "4", "8": "8", "0": "all"}


def page(results: Sequence[Result], minutes: float, machine: str) -> str:
    """The whole page, `page.md` filled in; `results` are those of `grid.results`."""
    sets = [r for r in results if "labels" in r]
    cells = [r for r in results if "counts" in r]
    plain = [r for r in cells if r["dictionary"] == "default" and r["k"] == K]
    tables = {
        "words": _words(plain),
        "sets": _sets(sets),
        **{head: _arms([r for r in plain if r["head"] == head]) for head in HEADS},
        "dictionaries": _dictionaries(cells),
        "sizes": _sizes(cells),
    }
    template = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    return template.format(
        names=",".join(items.SETS),
        ratio=arms.RATIO,
        k=K,
        other_k=OTHER_K,
        confused=metrics.CONFUSED,
        seeds=len(cells[0]["seeds"]),
        most_train=f"{items.MOST_TRAIN:,}",
        most_test=f"{items.MOST_TEST:,}",
        most_characters=f"{items.MOST_CHARACTERS:,}",
        most_items=items.MOST_ITEMS,
        further=" and ".join(FURTHER),
        minutes=minutes,
        machine=machine,
        **{name: "\n".join(lines) for name, lines in tables.items()},
    )


def _counts(result: Result, k: str = str(K)) -> np.ndarray:
    return np.array(result["counts"][k], np.int64)


def _per_seed(result: Result, k: str = str(K)) -> np.ndarray:
    """Seeds x measures."""
    return metrics.measured(_counts(result, k).sum(axis=1))


def _apart(result: Result, other: Result) -> np.ndarray:
    return metrics.difference(_counts(result), _counts(other))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * texts + "---:|" * (len(columns) - texts)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _sets(sets: Sequence[Result]) -> Iterator[str]:
    rows = [
        [
            *(r["set"], r["task"], r["split"], str(r["labels"])),
            *(f"{r[part][0]:,} / {r[part][1]:,}" for part in ("fit", "held", "test")),
            f"{r['instructions']:,}",
            str(r["epochs"]),
            f"{r['in_dictionary']:.0%} ({r['by_chance']:.0%})",
        ]
        for r in sets
    ]
    columns = "set, task, trained on, labels, train, held back, test, instructions, epochs"
    yield from _table([*columns.split(", "), "hard pairs in dictionary"], rows, 3)


def _cells(result: Result, base: Result | None) -> Iterator[str]:
    """A cell per measure: mean, seeds, and how far it is from another arm."""
    seeds = _per_seed(result)
    apart = None if base is None else _apart(result, base)
    for measure in range(len(metrics.MEASURES)):
        own = seeds[:, measure]
        cell = f"{own.mean():.1f} ({own.min():.1f} to {own.max():.1f})"
        if apart is not None:
            mean, low, high = apart[:, measure]
            cell += f" {mean:+.1f} [{low:+.1f}, {high:+.1f}]"
        yield cell


def _arms(cells: Sequence[Result]) -> Iterator[str]:
    base = {r["set"]: r for r in cells if r["arm"] == "random"}
    rows = [
        [
            *(r["set"], r["arm"], f"{r['width']:.0f}", f"{r['pure']:.0%}", f"{r['positive']:.1%}"),
            *_cells(r, None if r["arm"] == "random" else base[r["set"]]),
        ]
        for r in cells
    ]
    columns = ["set", "arm", "labels", "none", "positives", *metrics.MEASURES]
    yield from _table(columns, rows, 2)


def _words(cells: Sequence[Result]) -> Iterator[str]:
    """On how many sets an arm is better or worse than `random`, and what follows, in words."""
    base = {(r["set"], r["head"]): r for r in cells if r["arm"] == "random"}
    rows, verdicts = [], []
    for head in HEADS:
        winners = []
        for arm in arms.ARMS[1:]:
            own = [r for r in cells if r["arm"] == arm and r["head"] == head]
            apart = np.array([_apart(r, base[r["set"], head])[1:] for r in own])
            low, high = apart[:, 0], apart[:, 1]
            better, worse = (low > 0).sum(axis=0), (high < 0).sum(axis=0)
            better[-1], worse[-1] = worse[-1], better[-1]  # fewer false positives are better
            rows.append([head, arm, *(f"{a} / {b}" for a, b in zip(better, worse, strict=True))])
            winners += [(arm, name) for name in np.array(metrics.MEASURES)[better > worse]]
        verdicts.append(_verdict(head, winners))
    sets = len({r["set"] for r in cells})
    yield f"On how many of {sets} sets an arm is better / worse than `random`: the interval of the"
    yield "difference leaves out zero.\n"
    yield from _table(["head", "arm", *metrics.MEASURES], rows, 2)
    yield ""
    yield from verdicts


def _verdict(head: str, winners: Sequence[tuple[str, str]]) -> str:
    """What follows from who is better than `random` on more sets than worse, and in what."""
    measures = {arm: ", ".join(n for a, n in winners if a == arm) for arm, _ in winners}
    told = "; ".join(f"`{arm}` in {names}" for arm, names in measures.items()) or "nothing"
    groupings = [w for w in winners if w[0] != "all" and w[1] != "false positives"]
    verdict = f"- Head `{head}`: better than `random` on more sets than worse: {told}."
    if not groupings:
        measured = "F1, tuned F1 or hard pairs"
        verdict += f" No grouping of near labels beats `random` in {measured}"
        verdict += " on more sets than it loses."
    return verdict


def _dictionaries(cells: Sequence[Result]) -> Iterator[str]:
    found = [r for r in cells if r["set"] in FURTHER and r["arm"] == "confusable" and r["k"] == K]
    base = {(r["set"], r["head"]): r for r in found if r["dictionary"] == "default"}
    found.sort(key=lambda r: (r["head"], r["set"], DICTIONARIES.index(r["dictionary"])))
    rows = [
        [
            *(r["head"], r["set"], r["dictionary"]),
            *_cells(r, None if r["dictionary"] == "default" else base[r["set"], r["head"]]),
        ]
        for r in found
    ]
    yield from _table(["head", "set", "dictionary", *metrics.MEASURES], rows, 3)


def _sizes(cells: Sequence[Result]) -> Iterator[str]:
    rows = []
    for head in HEADS:
        for name in FURTHER:
            own = [r for r in cells if (r["head"], r["set"]) == (head, name)]
            for trained, wanted in (
                (str(K), ("confusable", K)),
                (str(OTHER_K), ("confusable", OTHER_K)),
                ("all", ("all", K)),
            ):
                for r in own:
                    if r["dictionary"] == "default" and (r["arm"], r["k"]) == wanted:
                        means = (_per_seed(r, k).mean(axis=0) for k in _SIZES)
                        rows.append(
                            [head, name, trained, *(f"{m[0]:.1f} / {m[1]:.1f}" for m in means)]
                        )
    columns = ["head", "set", "trained with", *(f"asked {n}" for n in _SIZES.values())]
    yield from _table(columns, rows, 3)
