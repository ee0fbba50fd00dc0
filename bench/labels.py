"""Does the map of labels find planted conflicts and synonyms? Recall and precision on real labels.

    iepile run --raw DIR --manifests DIR --out RUN
    python -m bench.labels RUN [--planted 40] [--draw WORD] [--show]

A conflict is planted by giving a label of one dataset the name of a label of another of the same
language and kind: two datasets and labels are drawn by hash, neither dataset has the other's name,
and the names share no word. An agreement is planted by cutting a dataset in two by the hash of each
string and text: a conflict between the halves of a label is wrong.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

from pipeline import catalog, hashing
from pipeline.negatives import atlas

#: Fewer strings say too little of a label.
_STRINGS = 10


def gathered(run: Path) -> dict[str, atlas.Labels]:
    """The labels of every dataset of a run."""
    folders = sorted(path for path in (run / "clean").iterdir() if path.is_dir())
    return {
        path.name: atlas.gathered(catalog.load(path.name), path, run / "dedupe" / path.name)
        for path in folders
    }


def _hash(*words: str) -> int:
    return int(hashing.mix64(hashing.hashes(["/".join(words)]))[0])


def renamed(own: atlas.Labels, task: str, old: str, new: str, dataset: str = "") -> atlas.Labels:
    """The labels of a dataset with one of them called by another name."""
    labels = [
        x._replace(
            name=new if (x.task, x.name) == (task, old) else x.name, dataset=dataset or x.dataset
        )
        for x in own.labels
    ]
    texts = {
        kind: [
            (
                text,
                {
                    s: [new if (kind, b) == (task, old) else b for b in by]
                    for s, by in marked.items()
                },
            )
            for text, marked in rows
        ]
        for kind, rows in own.texts.items()
    }
    return own._replace(labels=labels, texts=texts)


def half(own: atlas.Labels, side: int, dataset: str) -> atlas.Labels:
    """Half of the strings and of the texts of a dataset, under another id."""
    labels = [
        x._replace(dataset=dataset, strings=[s for s in x.strings if _hash(s) % 2 == side])
        for x in own.labels
    ]
    texts = {
        kind: [row for row in rows if _hash(row[0]) % 2 == side] for kind, rows in own.texts.items()
    }
    return own._replace(labels=labels, texts=texts)


def conflicts(
    found: dict[str, atlas.Labels], wanted: int, draw: str = ""
) -> list[tuple[str, str, str, str, str]]:
    """(task, dataset, label, other dataset, its label) of pairs to be given one name, by hash."""
    pairs = []
    for (one, own), (other, theirs) in combinations(sorted(found.items()), 2):
        if own.language != theirs.language:
            continue
        for a in own.labels:
            for b in theirs.labels:
                words = {*a.name.casefold().split()} & {*b.name.casefold().split()}
                enough = min(len(a.strings), len(b.strings)) >= _STRINGS
                taken = {x.name for x in theirs.labels if x.task == a.task}
                if a.task == b.task and enough and not words and a.name not in taken:
                    pairs.append((a.task, one, a.name, other, b.name))
    pairs.sort(key=lambda pair: _hash(draw, *pair))
    # Not one dataset or kind has all of them.
    chosen, times = [], {}
    for pair in pairs:
        if max(times.get(n, 0) for n in (pair[1], pair[3])) < 4 and len(chosen) < wanted:
            chosen.append(pair)
            for n in (pair[1], pair[3]):
                times[n] = times.get(n, 0) + 1
    return chosen


def listed(found: dict[str, atlas.Labels], key: str) -> set[tuple[str, ...]]:
    """(task, dataset, label, other dataset, its label) of what the map lists."""
    return {(p["task"], *p["a"], *p["b"]) for p in atlas.compared(found)[key]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--planted", type=int, default=40)
    parser.add_argument("--draw", default="", help="another word draws other pairs")
    parser.add_argument("--show", action="store_true", help="name what was found and missed")
    given = parser.parse_args()
    found = gathered(given.run)

    planted = conflicts(found, given.planted, given.draw)
    hits = 0
    for task, one, label, other, old in planted:
        pair = {one: found[one], other: renamed(found[other], task, old, label)}
        hit = (task, one, label, other, label) in listed(pair, "conflicts")
        hits += hit
        if given.show:
            print("found " if hit else "missed", task, one, label, "|", other, old)
    print(f"conflicts planted: {len(planted)}, found: {hits}")

    agreements, wrong = 0, 0
    for name, own in found.items():
        halves = {f"{name}-0": half(own, 0, f"{name}-0"), f"{name}-1": half(own, 1, f"{name}-1")}
        same = {(x.task, x.name) for x in own.labels if len(x.strings) >= 2 * _STRINGS}
        agreements += len(same)
        wrongly = {p[:3:2] for p in listed(halves, "conflicts")} & same
        wrong += len(wrongly)
        if given.show and wrongly:
            print("wrong ", name, sorted(wrongly))
    print(f"agreements planted: {agreements}, listed as conflicts: {wrong}")
    real = sorted(listed(found, "conflicts"))
    if given.show:
        for pair in real:
            print("real  ", *pair[:3], "|", pair[3])
    print(f"real conflicts listed: {len(real)}")


if __name__ == "__main__":
    main()
