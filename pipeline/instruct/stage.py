"""Stage 5: turn the kept records of datasets into instructions with fixed-size label batches.

Train records ask the sets of near labels that hold their positives, and others (`confusable`), for
which the train records of a dataset are counted first; or what an older grouping deals
(`batching`). Dev and test records are asked for the whole inventory in a fixed order, so that the
gold is never looked at. EEA asks exactly the events present. Rows are put together by Arrow string
kernels: Python touches every annotation once, never an instruction.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import hashing, tasks
from pipeline.dedupe.tags import kept, record_shards
from pipeline.execution import shards
from pipeline.execution.freshness import Done, Step, building, steps
from pipeline.instruct import batching, confusable, counting, coverage, pairs
from pipeline.instruct.assembly import assembled
from pipeline.instruct.batching import Batches
from pipeline.instruct.templates import templates
from pipeline.records import SPLITS
from pipeline.tables import INSTRUCTIONS
from pipeline.tasks._answers import Answers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Instruct
    from pipeline.execution.engines import Workers
    from pipeline.instruct.confusable import Sets

#: Bounds of one block: cells of the records x labels matrix, and bytes of instruction text.
_CELLS: Final = 300_000
_BYTES: Final = 200_000_000


#: What instructions are made of.
_READ: Final = ("id", "text", "mentions", "relations", "events", "dropped")
#: Task -> label -> its near labels, best first.
Dictionary = dict[str, dict[str, list[str]]]


class Job(NamedTuple):
    """One shard of records, and what is asked of it."""

    dataset: Dataset
    task: str
    split: str
    shard: Path
    dedupe: Path | None
    asked: list[str]
    near: dict[str, list[str]]
    target: Path
    sets: Sets | None = None

    @property
    def size(self) -> int:
        """About how much work it is."""
        return self.shard.stat().st_size * len(self.asked)


def instruct(
    datasets: Sequence[Dataset],
    clean: Path,
    dedupe: Path | None,
    dictionaries: Mapping[str, Dictionary],
    settings: Instruct,
    out: Path,
    workers: Workers | int = 1,
) -> None:
    """Write `out/<id>/<task>/<split>-NNNNN.parquet` (INSTRUCTIONS) for every task of the datasets.

    `clean` and `dedupe` hold a folder per dataset; `dictionaries` are by dataset.
    """
    templates(settings.templates)  # whatever is wrong with them is said at once
    with ExitStack() as stack:
        jobs: list[Job] = []
        folders = [stack.enter_context(building(out / d.id)) for d in datasets]
        for dataset, folder in zip(datasets, folders, strict=True):
            own = None if dedupe is None else dedupe / dataset.id
            dictionary = dictionaries[dataset.id]
            jobs += _jobs(dataset, clean / dataset.id, own, dictionary, folder, settings)
        # The largest first, whosesoever they are, so that none is left to one process at the end.
        jobs.sort(key=lambda job: -job.size)
        if settings.in_sets:
            jobs = _with_sets(jobs, settings, workers)
        todo = [Step(job.target.parents[1], _name(job), job) for job in jobs]
        for _ in steps(partial(_shard, settings=settings), todo, workers):
            pass


def _with_sets(jobs: Sequence[Job], settings: Instruct, workers: Workers | int) -> list[Job]:
    """The jobs with the sets of labels that their train records are asked."""
    counted = [
        job
        for job in jobs
        if job.split == "train"
        and job.asked
        and tasks.module(job.task).ABSENT is not None
        and coverage.way(job.dataset, job.task, settings) != "present"
    ]
    todo = [Step(job.target.parents[1], f"{_name(job)}, counted", job) for job in counted]
    found = steps(partial(_held, settings=settings), todo, workers)
    groups: dict[tuple[str, str], tuple[Job, list[Any]]] = {}
    for job, own in zip(counted, found, strict=True):
        groups.setdefault((job.dataset.id, job.task), (job, []))[1].append(own)
    sets = {key: _sets(job, own, settings) for key, (job, own) in groups.items()}
    return [
        job._replace(sets=sets.get((job.dataset.id, job.task))) if job.split == "train" else job
        for job in jobs
    ]


def _held(job: Job, settings: Instruct) -> Done:
    in_pairs = coverage.way(job.dataset, job.task, settings) == "pair"
    text = ["text"] if in_pairs else []
    columns = ["id", "dropped", *text, "mentions", "relations", "events"]
    table = kept(job.shard, job.dedupe, columns)
    bits, times = counting.held(table, job.dataset, job.task, job.asked, settings)
    return Done([], [bits.hex(), times])


def _sets(job: Job, found: Sequence[tuple[str, list[int]]], settings: Instruct) -> Sets:
    shards_held = [(bytes.fromhex(bits), times) for bits, times in found]
    return counting.sets_of(job.dataset, job.task, job.asked, job.near, shards_held, settings)


def _jobs(
    dataset: Dataset,
    clean: Path,
    dedupe: Path | None,
    dictionary: Dictionary,
    folder: Path,
    settings: Instruct,
) -> Iterator[Job]:
    for task in dataset.tasks:
        (folder / task).mkdir(exist_ok=True)
        if coverage.way(dataset, task, settings) == "never":
            continue
        near = dictionary_of(dictionary, task)
        for split in ("test",) if dataset.use == "held-out" else SPLITS:
            paths = [path for _, path in record_shards(clean, (split,))]
            asked = tasks.asked(dataset, task, (kept(path, dedupe) for path in paths))
            for path in paths:
                target = folder / task / path.name
                yield Job(dataset, task, split, path, dedupe, asked, near, target)


def dictionary_of(dictionary: Dictionary, task: str) -> dict[str, list[str]]:
    """Label -> its near labels for a task; the event tasks share one."""
    return dictionary.get("EE" if task in ("EE", "EET", "EEA") else task, {})


def _shard(job: Job, settings: Instruct) -> Done:
    table = kept(job.shard, job.dedupe, _READ)
    with shards.writer(job.target, INSTRUCTIONS) as write:
        for block in blocks(table, len(job.asked), settings.k(job.task)):
            write(
                instructions(
                    block, job.dataset, job.task, job.split, job.asked, job.near, settings, job.sets
                )
            )
    return Done([job.target])


def _name(job: Job) -> str:
    return f"{job.dataset.id}/{job.shard.stem} ({job.task})"


def blocks(table: Any, labels: int, k: int) -> Iterator[Any]:
    """Slices of a table that are small enough to be worked on at once."""
    if not table.num_rows or not labels:
        return
    size = pc.add(pc.binary_length(table["text"]), 500).to_numpy().astype(np.int64)
    cost = np.cumsum(size * -(-labels // min(k, labels)))
    start = 0
    while start < table.num_rows:
        before = cost[start - 1] if start else 0
        stop = int(np.searchsorted(cost, before + _BYTES, side="right"))
        stop = min(max(stop, start + 1), start + max(1, _CELLS // labels), table.num_rows)
        yield table.slice(start, stop - start)
        start = stop


def instructions(
    table: Any,
    dataset: Dataset,
    task: str,
    split: str,
    asked: Sequence[str],
    near: Mapping[str, Sequence[str]],
    settings: Instruct,
    sets: Sets | None = None,
) -> Any:
    """The table of `INSTRUCTIONS` that a table of kept records gives for one task.

    `asked` are the keys of the labels to ask; `near` gives each key's hard negatives, best first;
    `sets` are the sets that train records are asked, where the grouping has sets.
    """
    dataset = _told(dataset, split, settings)
    module = tasks.module(task)
    if coverage.way(dataset, task, settings) == "pair":
        table = pairs.by_pair(table)
    found = _recoded(module.answers(table, dataset), tasks.inventory(dataset, task), asked)
    ids = pairs.unit_ids(table)
    positive = np.zeros((len(ids), len(asked)), bool)
    positive[found.row, found.code] = True
    batches, kind = batched(dataset, task, split, asked, near, ids, positive, settings, sets)
    return assembled(table, dataset, task, split, asked, found, batches, kind, settings)


def batched(
    dataset: Dataset,
    task: str,
    split: str,
    asked: Sequence[str],
    near: Mapping[str, Sequence[str]],
    ids: Sequence[str],
    positive: Any,
    settings: Instruct,
    sets: Sets | None = None,
) -> tuple[Batches, Any]:
    """The label batches of records or pairs, and the class of every label for each (`batching`).

    `positive` is records x labels, bool; the others are those of `instructions`.
    """
    rows, labels = positive.shape
    kind = np.where(positive, batching.POSITIVE, batching.OTHER).astype(np.int8)
    way, k = coverage.way(dataset, task, settings), settings.k(task)
    if tasks.module(task).ABSENT is None:
        return coverage.present(positive), kind
    if way == "present":
        return coverage.present(positive, k), kind
    if split != "train":
        k = confusable.width(labels, k) if settings.in_sets else k
        batches = batching.polled(rows, labels, k)
    elif sets is None:
        keys = hashing.priorities(ids, asked, settings.seed)
        matrix = counting.near_matrix(asked, near)
        batches, kind = batching.dealt(positive, matrix, keys, k, settings)
    else:
        kind = batching.kinds(positive, counting.near_matrix(asked, near))
        batches = confusable.asked(sets, positive, ids, settings.seed)
    if split == "train" and settings.negative_record_rate < 1:
        stay = counting.asked(ids, positive, settings)[batches.row]
        batches = Batches(*(part[stay] for part in batches))
    if way in coverage.WITHOUT_DOUBTFUL:
        unsure = coverage.doubtful(positive, counting.implied(dataset, task), asked)
        keys = hashing.priorities(ids, asked, settings.seed)
        batches = coverage.without(batches, unsure, keys)
    return batches, kind


def _told(dataset: Dataset, split: str, settings: Instruct) -> Dataset:
    """The dataset with the descriptions and aliases that the parameters want to be used.

    Only train records are asked by other names and in other words: in dev and test every model is
    asked the same.
    """
    return msgspec.structs.replace(
        dataset,
        descriptions=dataset.descriptions if settings.descriptions else {},
        paraphrases=dataset.paraphrases if settings.descriptions and split == "train" else {},
        aliases=dataset.aliases if settings.aliases and split == "train" else {},
    )


def _recoded(found: Answers, inventory: Sequence[str], asked: Sequence[str]) -> Answers:
    """The answers with codes that number the labels asked."""
    if [*inventory] == [*asked]:
        return found
    code = counting.numbers(inventory, asked)[found.code]
    keep = pa.array(np.flatnonzero(code >= 0))
    schema = None if found.schema is None else found.schema.take(keep)
    return Answers(found.row[code >= 0], code[code >= 0], found.value.take(keep), schema)
