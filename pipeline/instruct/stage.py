"""Stage 5: turn the kept records of datasets into instructions with fixed-size label batches.

Train records ask the sets of near labels that hold their positives, and some others (`confusable`;
the train records of a dataset are counted first for this), or the batches of an older grouping
(`batching`). Dev and test records are asked for the whole inventory in a fixed order, so that the
gold is never looked at. EEA asks exactly the events present. Rows are put together by Arrow string
kernels: Python touches every annotation once, never an instruction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing, tasks
from pipeline.dedupe.tags import kept
from pipeline.execution import engines, shards
from pipeline.execution.freshness import Done, Step, building, steps
from pipeline.instruct import batching, budget, confusable, pairs
from pipeline.instruct.asking import (
    WITHOUT_DOUBTFUL,
    Asking,
    implied,
    labels_held,
    sets_to_ask,
    way,
)
from pipeline.instruct.assembly import assembled
from pipeline.instruct.batching import Batches
from pipeline.instruct.templates import templates
from pipeline.negatives import atlas
from pipeline.records import SPLITS
from pipeline.tables import INSTRUCTIONS
from pipeline.tasks._answers import Answers

if TYPE_CHECKING:
    from pipeline.catalog import Dataset
    from pipeline.config import Instruct
    from pipeline.execution.engines import Workers
    from pipeline.negatives.overrides import Pair

#: Bounds of one block: cells of the records x labels matrix, and bytes of instruction text.
_CELLS: Final = 300_000
_BYTES: Final = 200_000_000


#: The columns that instructions are made from.
_READ: Final = ("id", "text", "mentions", "relations", "events", "dropped")
#: Task -> label -> its near labels, best first.
Dictionary = dict[str, dict[str, list[str]]]


class Job(NamedTuple):
    """One shard of records, and what is asked of it."""

    asking: Asking
    shard: Path
    dedupe: Path | None
    target: Path
    #: The `budget.order` of the records to be asked; None for all of them.
    chosen: bytes | None = None

    @property
    def name(self) -> str:
        """Return what an error calls the job."""
        return f"{self.asking.dataset.id}/{self.shard.stem} ({self.asking.task})"


def instruct(
    datasets: Sequence[Dataset],
    clean: Path,
    dedupe: Path | None,
    dictionaries: Mapping[str, Dictionary],
    settings: Instruct,
    out: Path,
    workers: Workers | int = 1,
    corpus: Sequence[Dataset] = (),
    pairs_by_hand: Sequence[Pair] = (),
) -> None:
    """Write `out/<id>/<task>/<split>-NNNNN.parquet` (INSTRUCTIONS) for every task of the datasets.

    `clean` and `dedupe` hold a folder per dataset; `dictionaries` are by dataset. `corpus` are
    all datasets that share a budget, of which `out/<id>/budget.json` says what was chosen, and
    whose labels are compared, where those in conflict are qualified, with `pairs_by_hand`.
    """
    templates(settings.templates)  # report any problem with them at once
    qualified: set[tuple[str, str]] = set()
    if settings.conflicts == "qualify":
        gather = partial(_labels, clean=clean, dedupe=dedupe)
        parts = engines.run(gather, corpus or datasets, workers, attrgetter("id"))
        labels = {d.id: part for d, part in zip(corpus or datasets, parts, strict=True)}
        qualified = atlas.qualified(atlas.compared(labels, pairs_by_hand)["conflicts"])
    asked = [*_budgeted(corpus or datasets, clean, dedupe, settings)] if settings.budget else []
    chosen, summary = budget.chosen(asked, settings, workers) if asked else ({}, {})
    with ExitStack() as stack:
        jobs: list[Job] = []
        folders = [stack.enter_context(building(out / d.id)) for d in datasets]
        for dataset, folder in zip(datasets, folders, strict=True):
            deduped = None if dedupe is None else dedupe / dataset.id
            for asking, path in _asked(dataset, clean / dataset.id, deduped, settings):
                asked_so = asking._replace(
                    near=dictionary_of(dictionaries[dataset.id], asking.task),
                    qualified=(dataset.id, atlas.KINDS[asking.task]) in qualified,
                )
                target = folder / asking.task / path.name
                jobs.append(Job(asked_so, path, deduped, target, chosen.get(path)))
            for task in dataset.tasks:
                (folder / task).mkdir(exist_ok=True)
            if summary:
                shards.write_json(summary, folder / "budget.json")
        # The largest jobs of all datasets come first, so that no long one runs alone at the end.
        jobs.sort(key=lambda job: -job.shard.stat().st_size * len(job.asking.labels))
        if settings.in_sets:
            jobs = _with_sets(jobs, workers)
        for _ in steps(
            _shard, [Step(job.target.parents[1], job.name, job) for job in jobs], workers
        ):
            pass


def _labels(dataset: Dataset, clean: Path, dedupe: Path | None) -> atlas.Labels:
    deduped = None if dedupe is None else dedupe / dataset.id
    return atlas.gathered(dataset, clean / dataset.id, deduped)


def _with_sets(jobs: Sequence[Job], workers: Workers | int) -> list[Job]:
    """Return the jobs with the sets of labels that their train records are asked."""
    counted = [
        job
        for job in jobs
        if job.asking.split == "train"
        and job.asking.labels
        and job.asking.absent is not None
        and job.asking.way != "present"
    ]
    todo = [Step(job.target.parents[1], f"{job.name}, counted", job) for job in counted]
    # To count a shard takes a twentieth of the time that asking it takes.
    workers = engines.enough(workers, sum(job.shard.stat().st_size for job in counted) // 20)
    groups: dict[Path, tuple[Asking, list[Any]]] = {}
    for job, (bits, times) in zip(counted, steps(_held, todo, workers), strict=True):
        group = groups.setdefault(job.target.parent, (job.asking, []))
        group[1].append((bytes.fromhex(bits), times))
    sets = {folder: sets_to_ask(*group) for folder, group in groups.items()}
    return [
        job._replace(asking=job.asking._replace(sets=sets.get(job.target.parent)))
        if job.asking.split == "train"
        else job
        for job in jobs
    ]


def _held(job: Job) -> Done:
    text = ["text"] if job.asking.way == "pair" else []
    columns = ["id", "dropped", *text, "mentions", "relations", "events"]
    bits, times = labels_held(_records(job, columns), job.asking)
    return Done([], [bits.hex(), times])


def _asked(
    dataset: Dataset, clean: Path, dedupe: Path | None, settings: Instruct
) -> Iterator[tuple[Asking, Path]]:
    """Yield what is asked of every shard of a dataset, task by task."""
    for task in dataset.tasks:
        if way(dataset, task, settings) == "never":
            continue
        for split in ("test",) if dataset.use == "held-out" else SPLITS:
            paths = [path for _, path in shards.record_shards(clean, (split,))]
            labels = tasks.asked(dataset, task, (kept(path, dedupe) for path in paths))
            for path in paths:
                yield Asking(dataset, task, split, labels, {}, settings), path


def dictionary_of(dictionary: Dictionary, task: str) -> dict[str, list[str]]:
    """Return label -> its near labels for a task; the event tasks share one dictionary."""
    return dictionary.get("EE" if task in ("EE", "EET", "EEA") else task, {})


def _budgeted(
    datasets: Sequence[Dataset], clean: Path, dedupe: Path | None, settings: Instruct
) -> Iterator[budget.Shard]:
    """Yield the shards of train records that share the budget."""
    for dataset in sorted(datasets, key=lambda d: d.id):
        named = [t for t in dataset.tasks if way(dataset, t, settings) != "never"]
        asked = tuple(
            Asking(dataset, t, "train", tasks.inventory(dataset, t), {}, settings) for t in named
        )
        for _, path in shards.record_shards(clean / dataset.id, ("train",)):
            if asked and dataset.use != "held-out":
                yield budget.Shard(asked, path, None if dedupe is None else dedupe / dataset.id)


def _records(job: Job, columns: Sequence[str]) -> Any:
    """Return the kept records of a shard that the budget has room for."""
    table = kept(job.shard, job.dedupe, columns)
    if job.chosen is None:
        return table
    order = np.frombuffer(job.chosen, np.uint64)
    return table.filter(pa.array(np.isin(budget.order(table["id"]), order)))


def _shard(job: Job) -> Done:
    table = _records(job, _READ)
    with shards.writer(job.target, INSTRUCTIONS) as write:
        for block in blocks(table, len(job.asking.labels), job.asking.k):
            write(instructions(block, job.asking))
    return Done([job.target])


def blocks(table: Any, labels: int, k: int) -> Iterator[Any]:
    """Yield slices of a table that are small enough to process at once."""
    if not table.num_rows or not labels:
        return
    size = pc.add(pc.binary_length(table["text"]), 500).to_numpy().astype(np.int64)
    cost = np.concatenate([[0], np.cumsum(size * -(-labels // min(k, labels)))])
    start = 0
    while start < table.num_rows:
        stop = int(np.searchsorted(cost, cost[start] + _BYTES, side="right")) - 1
        stop = min(max(stop, start + 1), start + max(1, _CELLS // labels), table.num_rows)
        yield table.slice(start, stop - start)
        start = stop


def instructions(table: Any, asking: Asking) -> Any:
    """Return the table of `INSTRUCTIONS` for one task, made from a table of kept records."""
    asking = asking._replace(dataset=_described(asking))
    if asking.way == "pair":
        table = pairs.by_pair(table)
    answers = _recoded(tasks.answers(asking.dataset, asking.task, table), asking)
    ids = pairs.unit_ids(table)
    positive = np.zeros((len(ids), len(asking.labels)), bool)
    positive[answers.row, answers.code] = True
    batches, kind = batched(ids, positive, asking)
    return assembled(table, asking, answers, batches, kind)


def batched(ids: Sequence[str], positive: Any, asking: Asking) -> tuple[Batches, Any]:
    """Return the label batches of records or pairs, and each one's label classes (`batching`).

    `positive` is records x labels, bool.
    """
    settings, k = asking.settings, asking.k
    rows, labels = positive.shape
    kind = np.where(positive, batching.POSITIVE, batching.OTHER).astype(np.int8)
    if asking.absent is None:
        return batching.present(positive), kind
    if asking.way == "present":
        return batching.present(positive, k), kind
    if asking.split != "train":
        k = confusable.width(labels, k) if settings.in_sets else k
        batches = batching.polled(rows, labels, k)
    elif asking.sets is None:
        keys = hashing.priorities(ids, asking.labels, settings.seed)
        batches, kind = batching.dealt(positive, asking.near_matrix(), keys, k, settings)
    else:
        kind = batching.kinds(positive, asking.near_matrix())
        batches = confusable.asked(asking.sets, positive, ids, settings.seed)
    if asking.split == "train" and settings.negative_record_rate < 1:
        stay = batching.to_ask(ids, positive, settings)[batches.row]
        batches = Batches(*(part[stay] for part in batches))
    if asking.way in WITHOUT_DOUBTFUL:
        brought = implied(asking.dataset, asking.task, asking.labels)
        unsure = batching.doubtful(positive, brought)
        keys = hashing.priorities(ids, asking.labels, settings.seed)
        batches = batching.without(batches, unsure, keys)
    return batches, kind


def _described(asking: Asking) -> Dataset:
    """Return the dataset with only the descriptions and aliases that the parameters ask for.

    Only train records use other names and other words: in dev and test every model is asked the
    same.
    """
    dataset, settings, train = asking.dataset, asking.settings, asking.split == "train"
    described = settings.descriptions or asking.qualified
    return msgspec.structs.replace(
        dataset,
        descriptions=dataset.descriptions if described else {},
        paraphrases=dataset.paraphrases if described and train else {},
        aliases=dataset.aliases if settings.aliases and train else {},
    )


def _recoded(answers: Answers, asking: Asking) -> Answers:
    """Return the answers with codes that number the labels asked."""
    code = asking.numbers()[answers.code]
    keep = pa.array(np.flatnonzero(code >= 0))
    schema = None if answers.schema is None else answers.schema.take(keep)
    return Answers(answers.row[code >= 0], code[code >= 0], answers.value.take(keep), schema)
