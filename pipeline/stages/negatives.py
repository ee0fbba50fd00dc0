"""Stage 4: the dictionary of hard negatives - for every label its near labels, best first.

Every signal (see `signals`) gives a block of vectors, one row per label. A block is centred (labels
that are near everything are near nothing) and scaled so that its similarities have the deviation 1;
the weighted blocks, laid side by side, make one inner product the fused similarity, which FAISS
searches exactly. Writes `hard_negatives/<id>.json` per dataset, with scores and what each signal
contributed, and `hard_negatives.json`, all datasets in the field's form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline import shards
from pipeline.encoders import CorpusEncoder, Encoder, SentenceEncoder
from pipeline.errors import DeclarationError
from pipeline.evidence import Evidence, gather
from pipeline.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Negatives

#: Fewer labels have no variance to standardize by: their plain similarities are used.
_FEWEST: Final = 4
#: Whole numbers up to 2**24 are exact in float32, in any order of summation.
_EXACT: Final = 4095.0


def negatives(
    datasets: Sequence[Dataset],
    clean: Path,
    dedupe: Path | None,
    settings: Negatives,
    out: Path,
    overrides: Path | None = None,
    imported: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Write the dictionaries of all datasets into `out`; return a summary."""
    del overrides, imported
    if unknown := sorted({*settings.weights} - {*SIGNALS}):
        raise DeclarationError(
            f"there is no signal {unknown[0]!r}",
            where="params.yaml: negatives.weights",
            todo=f"use: {', '.join(SIGNALS)}",
        )
    model = None
    if settings.encoder != "corpus":
        model = SentenceEncoder(settings.encoder, settings.revision)
    merged: dict[str, dict[str, dict[str, list[str]]]] = {}
    summary: dict[str, Any] = {}
    with shards.replacing(out / "hard_negatives") as folder:
        for dataset in datasets:
            progress(dataset.id)
            own_dedupe = None if dedupe is None else dedupe / dataset.id
            content: dict[str, Any] = {
                "dataset": dataset.id,
                "source": dataset.source,
                "encoder": settings.encoder,
                "split": None,
                "tasks": {},
            }
            alone: dict[str, list[str]] = {}
            for task in dictionary_tasks(dataset):
                cap = settings.mentions_per_label
                evidence = gather(dataset, task, clean / dataset.id, own_dedupe, cap)
                content["split"] = content["split"] or evidence.split
                near = neighbours(evidence, model or _trained(evidence), settings)
                content["tasks"][task] = near
                alone[task] = [label for label, found in near.items() if not found]
                lists = {label: [n["label"] for n in found] for label, found in near.items()}
                merged.setdefault(task, {}).setdefault(dataset.source, {}).update(lists)
            shards.write_json(content, folder / f"{dataset.id}.json")
            summary[dataset.id] = {"split": content["split"], "without_neighbours": alone}
    shards.write_json(
        {task: dict(sorted(own.items())) for task, own in sorted(merged.items())},
        out / "hard_negatives.json",
    )
    return summary


def dictionary_tasks(dataset: Dataset) -> list[str]:
    """The tasks that get a dictionary; the three event tasks share that of EE."""
    return [*dict.fromkeys("EE" if t in ("EET", "EEA") else t for t in dataset.tasks)]


def _trained(evidence: Evidence) -> Encoder:
    def texts() -> Iterable[str]:
        for function in SIGNALS.values():
            for slot in function(evidence):
                for bag in slot:
                    yield from bag

    return CorpusEncoder(texts())


def blocks(evidence: Evidence, encoder: Encoder, settings: Negatives) -> dict[str, Any]:
    """Signal -> its weighted block: labels x dimensions, centred and scaled."""
    found = {}
    for signal, weight in settings.weights.items():
        slots = SIGNALS[signal](evidence) if weight > 0 else []
        parts = [encoder.embed(slot) for slot in slots]
        if parts and any(part.any() for part in parts):
            found[signal] = (weight, np.hstack(parts) / np.sqrt(len(parts)))
    total = sum(weight for weight, _ in found.values())
    return {s: _standard(block) * np.sqrt(weight / total) for s, (weight, block) in found.items()}


def _standard(block: Any) -> Any:
    """A block without its mean, scaled to similarities of deviation 1. Empty rows stay neutral."""
    known = block.any(axis=1)
    if len(block) < _FEWEST:
        return block
    block = np.where(known[:, None], block - block[known].mean(axis=0), 0.0)
    similar = block @ block.T
    apart = similar[~np.eye(len(block), dtype=bool)]
    deviation = apart.std()
    return block / np.sqrt(deviation) if deviation > 1e-9 else np.zeros_like(block)


def neighbours(
    evidence: Evidence, encoder: Encoder, settings: Negatives
) -> dict[str, list[dict[str, Any]]]:
    """Label -> its neighbours with score and signals, best first."""
    import faiss

    labels = evidence.labels
    parts = blocks(evidence, encoder, settings)
    if len(labels) < 2 or not parts:
        return {label: [] for label in labels}
    fused = np.hstack([*parts.values()])
    scale = _EXACT / max(float(np.sqrt((fused**2).sum(axis=1).max())), 1e-9)
    exact = np.ascontiguousarray(np.rint(fused * scale), np.float32)
    index = faiss.IndexFlatIP(exact.shape[1])
    index.add(exact)
    scores, order = index.search(exact, len(labels))
    names = {signal: np.round(block @ block.T, 3) for signal, block in parts.items()}
    near: dict[str, list[dict[str, Any]]] = {}
    for i, label in enumerate(labels):
        ranked = sorted(
            (-float(score), labels[j], int(j))
            for score, j in zip(scores[i], order[i], strict=True)
            if j != i
        )
        near[label] = [
            {
                "label": other,
                "score": round(-score / scale**2, 3),
                "signals": {s: float(similar[i, j]) for s, similar in names.items()},
            }
            for score, other, j in ranked[: settings.top_k]
            if -score / scale**2 > settings.min_similarity
        ]
    return near
