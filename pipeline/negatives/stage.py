"""Stage 4: the dictionary of hard negatives - for every label its near labels, best first.

A label is compared with the others of its inventory by what it means in this dataset: its name, the
annotations that carry it, its structure, and what a light classifier confuses it with (`signals`,
`fusion`). Writes a dictionary per dataset, with scores and what each signal gave; it depends on no
other dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from threadpoolctl import ThreadpoolController

from pipeline.catalog import Dataset, raw_files
from pipeline.config import check_known
from pipeline.dedupe.tags import record_shards
from pipeline.errors import DeclarationError
from pipeline.execution import shards
from pipeline.execution.freshness import Done, Step, building, steps
from pipeline.negatives import interchange
from pipeline.negatives.encoders import CorpusEncoder, Encoder, SentenceEncoder
from pipeline.negatives.evidence import Evidence, gather
from pipeline.negatives.fusion import Fused, fused
from pipeline.negatives.interchange import NAME, Merged, Near, laid_out
from pipeline.negatives.overrides import Overrides
from pipeline.negatives.signals import SIGNALS
from pipeline.tasks import inventory

if TYPE_CHECKING:
    from pipeline.config import Negatives
    from pipeline.execution.engines import Workers


#: Scores are rounded before labels are ranked, so that ties are ties on every machine.
DIGITS: Final = 2


def negatives(
    datasets: Sequence[Dataset],
    clean: Path,
    dedupe: Path | None,
    settings: Negatives,
    out: Path,
    overrides: Path | None = None,
    imported: Path | None = None,
    workers: Workers | int = 1,
) -> None:
    """Write `out/<id>/dictionary.json` of every dataset, and `account.json`: what is worth a look.

    The datasets share the workers, except where a neural model is loaded, once.
    """
    check(datasets, settings, overrides)
    model, about = None, {}
    if settings.encoder != "corpus":
        about = encoder_identity(settings)
        revision = about.get("encoder_revision")
        model = SentenceEncoder(settings.encoder, revision, settings.device)
    size = {d.id: sum(p.stat().st_size for _, p in record_shards(clean / d.id)) for d in datasets}
    crew = workers if model is None else 1
    work = partial(
        _dictionary,
        clean=clean,
        dedupe=dedupe,
        settings=settings,
        by_hand=Overrides.read(overrides),
        model=model,
        about=about,
        reference=None if imported is None else interchange.read(imported),
    )
    with ExitStack() as stack:
        folders = {d.id: stack.enter_context(building(out / d.id)) for d in datasets}
        largest = sorted(datasets, key=lambda d: (-size[d.id], d.id))
        for _ in steps(
            work, [Step(folders[d.id], d.id, (d, folders[d.id])) for d in largest], crew
        ):
            pass


def _dictionary(
    item: tuple[Dataset, Path],
    clean: Path,
    dedupe: Path | None,
    settings: Negatives,
    by_hand: Overrides,
    model: SentenceEncoder | None,
    about: dict[str, str | None],
    reference: Merged | None,
) -> Done:
    """Write the dictionary of one dataset, and the account of it."""
    dataset, folder = item
    evidence_by_task = gather(
        dataset,
        dictionary_tasks(dataset),
        clean / dataset.id,
        None if dedupe is None else dedupe / dataset.id,
        settings.mentions_per_label,
    )
    tasks, accounts = {}, {}
    for evidence in evidence_by_task:
        used: dict[str, Any] = {}
        if reference is None:
            # Products of small matrices: threads that wait for each other take twice the time.
            with _libraries().limit(limits=1, user_api="blas"):
                near = neighbors(evidence, model or CorpusEncoder(evidence.texts()), settings)
        else:
            near, counts = interchange.imported(reference, dataset, evidence.task, evidence.labels)
            used = {"imported": counts}
        tasks[evidence.task] = by_hand.applied(dataset, evidence.task, near)
        accounts[evidence.task] = account(evidence, tasks[evidence.task]) | used
    content = {
        "dataset": dataset.id,
        "source": dataset.source,
        "encoder": settings.encoder if reference is None else "imported",
        **about,
        "split": next((e.split for e in evidence_by_task if e.split), None),
        "tasks": tasks,
    }
    summary = {"split": content["split"], "tasks": accounts}
    # A line for each neighbor, so that a diff shows what moved.
    shards.write_text(f"{laid_out(content, 4)}\n", folder / NAME)
    shards.write_json(summary, folder / "account.json")
    return Done([folder / NAME, folder / "account.json"])


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that start threads: looking for them takes some milliseconds."""
    return ThreadpoolController()


def check(datasets: Sequence[Dataset], settings: Negatives, overrides: Path | None) -> None:
    """Refuse parameters and overrides that nothing can be made of, before anything is."""
    by_hand = Overrides.read(overrides)
    for dataset in datasets:
        inventories = {t: inventory(dataset, t) for t in dictionary_tasks(dataset)}
        by_hand.check(dataset, inventories, overrides)
    check_known(sorted(settings.weights), SIGNALS, "signal", "params.yaml: negatives.weights")


def encoder_identity(settings: Negatives) -> dict[str, str | None]:
    """Which model the encoder is: the sha256 of its folder, or its revision on the Hub.

    Raises DeclarationError where the folder is not the one that the parameters ask for.
    """
    folder = Path(settings.encoder)
    if not folder.is_dir():
        return {"encoder_revision": settings.encoder_revision}
    digest = raw_files.digest(folder)
    if settings.encoder_sha256 not in (None, digest):
        raise DeclarationError(
            f"sha256 is {digest}, negatives.encoder_sha256 is {settings.encoder_sha256}",
            where=folder,
            todo="get the model again, or correct params.yaml",
        )
    return {"encoder_sha256": digest}


def dictionary_tasks(dataset: Dataset) -> list[str]:
    """The tasks that get a dictionary; the three event tasks share that of EE."""
    return [*dict.fromkeys("EE" if t in ("EET", "EEA") else t for t in dataset.tasks)]


def neighbors(evidence: Evidence, encoder: Encoder, settings: Negatives) -> dict[str, Near]:
    """Label -> its neighbors with scores and the share of each signal, best first."""
    labels = evidence.labels
    links = fused(evidence, encoder, settings)
    near: dict[str, Near] = {label: [] for label in labels}
    for n in _chosen(labels, links, settings).tolist():
        entry = {
            "label": labels[links.second[n]],
            "score": _short(links.score[n]),
            "signals": {signal: _short(part[n]) for signal, part in links.parts.items()},
        }
        near[labels[links.first[n]]].append(entry)
    return near


def _short(value: float) -> float:
    return round(float(value), DIGITS) + 0.0  # no negative zero


def _chosen(labels: list[str], links: Fused, settings: Negatives) -> Any:
    """The numbers of the pairs that make neighbors, by label, best first; equal ones by name."""
    name = np.empty(len(labels), np.int64)
    name[sorted(range(len(labels)), key=labels.__getitem__)] = np.arange(len(labels))
    rounded = np.round(links.score, DIGITS)
    order = np.lexsort((name[links.second], -rounded, links.first))
    place = np.arange(len(order)) - np.searchsorted(links.first, links.first)
    chosen = (place < settings.top_k) & (rounded[order] > settings.min_similarity)
    if settings.symmetric:
        code = links.first * len(labels) + links.second
        back = links.second * len(labels) + links.first
        chosen |= np.isin(back[order], code[order][chosen])
    return order[chosen]


def account(evidence: Evidence, near: dict[str, Near]) -> dict[str, Any]:
    """What is worth a look in one dictionary: its size, and which labels have no neighbors."""
    examples = zip(evidence.labels, evidence.examples, strict=True)
    return {
        "labels": len(evidence.labels),
        "neighbors": sum(map(len, near.values())),
        "without_neighbors": [label for label in evidence.labels if not near[label]],
        "without_examples": [label for label, of_label in examples if not of_label],
    }
