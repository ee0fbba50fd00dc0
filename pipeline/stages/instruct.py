"""Stage 5: turn the kept records of datasets into instructions with fixed-size label batches.

Train records ask their positive labels, the hard negatives of these and a few others (`batching`);
dev and test records are asked for the whole inventory in a fixed order, so that the gold is never
looked at. EEA asks exactly the events present. Rows are put together by Arrow string kernels:
Python touches every annotation once, never an instruction.
"""

from __future__ import annotations

import tomllib
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import batching, engines, shards, tasks
from pipeline.batching import Batches
from pipeline.kept import kept, record_shards
from pipeline.records import INSTRUCTIONS, SPLITS
from pipeline.tasks._answers import Answers, dumps, joined, json_strings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.catalog import Dataset
    from pipeline.config import Instruct
    from pipeline.engines import Workers

#: Bounds of one block: cells of the records x labels matrix, and bytes of instruction text.
_CELLS: Final = 300_000
_BYTES: Final = 200_000_000

#: Salt: which alias is asked must not follow from the order of the labels.
_NAME: Final = np.uint64(0x4E41)

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
    with ExitStack() as stack:
        jobs: list[Job] = []
        for dataset in datasets:
            folder = stack.enter_context(shards.replacing(out / dataset.id))
            own = None if dedupe is None else dedupe / dataset.id
            jobs += _jobs(dataset, clean / dataset.id, own, dictionaries[dataset.id], folder)
        # The largest first, whosesoever they are, so that none is left to one process at the end.
        jobs.sort(key=lambda job: -job.size)
        workers = engines.enough(workers, sum(job.shard.stat().st_size for job in jobs))
        for _ in engines.run(partial(_shard, settings=settings), jobs, workers, _name):
            pass


def _jobs(
    dataset: Dataset, clean: Path, dedupe: Path | None, dictionary: Dictionary, folder: Path
) -> Iterator[Job]:
    for task in dataset.tasks:
        (folder / task).mkdir()
        near = dictionary_of(dictionary, task)
        for split in ("test",) if dataset.use == "held-out" else SPLITS:
            paths = [path for _, path in record_shards(clean, (split,))]
            asked = _asked(dataset, task, paths, dedupe)
            for path in paths:
                target = folder / task / path.name
                yield Job(dataset, task, split, path, dedupe, asked, near, target)


def dictionary_of(dictionary: Dictionary, task: str) -> dict[str, list[str]]:
    """Label -> its near labels for a task; the event tasks share one."""
    return dictionary.get("EE" if task in ("EE", "EET", "EEA") else task, {})


def _asked(dataset: Dataset, task: str, paths: Sequence[Path], dedupe: Path | None) -> list[str]:
    """The labels that a split is asked for: the inventory, or what occurs where splits differ."""
    inventory = tasks.inventory(dataset, task)
    if dataset.inventory == "dataset":
        return inventory
    answers = (tasks.module(task).answers(kept(path, dedupe), dataset) for path in paths)
    present = {int(code) for found in answers for code in np.unique(found.code)}
    return [key for code, key in enumerate(inventory) if code in present]


def _shard(job: Job, settings: Instruct) -> None:
    table = kept(job.shard, job.dedupe)
    with shards.writer(job.target, INSTRUCTIONS) as write:
        for block in blocks(table, len(job.asked), settings.k(job.task)):
            write(
                instructions(block, job.dataset, job.task, job.split, job.asked, job.near, settings)
            )


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
) -> Any:
    """The table of `INSTRUCTIONS` that a table of kept records gives for one task.

    `asked` are the keys of the labels to ask; `near` gives each key's hard negatives, best first.
    """
    dataset = _told(dataset, split, settings)
    module = tasks.module(task)
    found = _recoded(module.answers(table, dataset), tasks.inventory(dataset, task), asked)
    ids = table["id"].to_pylist()
    rows, labels = len(ids), len(asked)
    positive = np.zeros((rows, labels), bool)
    positive[found.row, found.code] = True
    kind = np.where(positive, batching.POSITIVE, batching.OTHER).astype(np.int8)
    if module.ABSENT is None:
        batches = _present(positive)
    elif split == "train":
        matrix = near_matrix(asked, near)
        keys = batching.priorities(ids, asked, settings.seed)
        batches, kind = batching.dealt(positive, matrix, keys, settings.k(task), settings)
        rate = settings.negative_record_rate
        if rate < 1:
            lucky = batching.kept_without_positives(ids, rate, settings.seed)
            stay = (positive.any(axis=1) | lucky)[batches.row]
            batches = Batches(*(part[stay] for part in batches))
    else:
        batches = batching.polled(rows, labels, settings.k(task))
    return _rows(table, dataset, task, split, asked, found, batches, kind, settings.seed)


def _told(dataset: Dataset, split: str, settings: Instruct) -> Dataset:
    """The dataset with the descriptions and aliases that the parameters want to be used.

    Only train records are asked by other names: scores are compared label by label.
    """
    return msgspec.structs.replace(
        dataset,
        descriptions=dataset.descriptions if settings.descriptions else {},
        aliases=dataset.aliases if settings.aliases and split == "train" else {},
    )


def _recoded(found: Answers, inventory: Sequence[str], asked: Sequence[str]) -> Answers:
    """The answers with codes that number the labels asked."""
    if [*inventory] == [*asked]:
        return found
    numbers = {key: i for i, key in enumerate(asked)}
    lookup = np.array([numbers.get(key, -1) for key in inventory], np.int64)
    code = lookup[found.code]
    keep = pa.array(np.flatnonzero(code >= 0))
    schema = None if found.schema is None else found.schema.take(keep)
    return Answers(found.row[code >= 0], code[code >= 0], found.value.take(keep), schema)


def _present(positive: Any) -> Batches:
    """One batch per record with exactly the labels present."""
    row = np.flatnonzero(positive.any(axis=1))
    order = np.argsort(~positive[row], axis=1, kind="stable")
    sizes = positive[row].sum(axis=1)
    order = order[:, : sizes.max(initial=0)]
    labels = np.where(np.arange(order.shape[1])[None, :] < sizes[:, None], order, -1)
    return Batches(row, np.zeros(len(row), np.int64), labels)


def near_matrix(asked: Sequence[str], near: Mapping[str, Sequence[str]]) -> Any:
    """The rank of every label among the near ones of another: labels x labels, -1 for none."""
    numbers = {key: i for i, key in enumerate(asked)}
    matrix = np.full((len(asked), len(asked)), -1, np.int64)
    for key, others in near.items():
        if key in numbers:
            ranked = [numbers[o] for o in others if o in numbers and o != key]
            matrix[numbers[key], ranked] = np.arange(len(ranked))
    return matrix


def _rows(
    table: Any,
    dataset: Dataset,
    task: str,
    split: str,
    asked: Sequence[str],
    found: Answers,
    batches: Batches,
    kind: Any,
    seed: int,
) -> Any:
    """Put the columns together: every string is joined from fragments that exist once."""
    module = tasks.module(task)
    count = len(batches.row)
    filled = batches.labels >= 0
    sizes = filled.sum(axis=1)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    code = batches.labels[filled]
    owner = np.repeat(batches.row, sizes)
    row = pa.array(batches.row)

    at = np.full(kind.shape, -1, np.int64)
    at[found.row, found.code] = np.arange(len(found.row))
    answer = at[owner, code]
    ids = table["id"].combine_chunks()
    names = _names(dataset, module, asked, ids, (owner, code), seed)
    output = _outputs(table, dataset, module, asked, found, (offsets, owner, code, answer), names)
    items, brackets = _items(dataset, module, asked, found, (code, answer), names)
    schema = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ", ")
    instruction = pc.binary_join_element_wise(
        _openings(task, dataset.language, ids).take(row),
        brackets[0],
        schema,
        f'{brackets[1]}, "input": ',
        json_strings(table["text"].combine_chunks()).take(row),
        "}",
        "",
    )
    record_id = ids.take(row)
    number = pa.array(batches.number).cast(pa.string())
    kinds = [
        np.where(filled, kind[batches.row[:, None], batches.labels] == k, False).sum(axis=1)
        for k in (batching.POSITIVE, batching.HARD, batching.OTHER)
    ]
    columns = [
        pa.repeat(task, count),
        pa.repeat(dataset.source, count),
        instruction,
        output,
        pc.binary_join_element_wise(record_id, task, number, "/"),
        record_id,
        pa.repeat(dataset.language, count),
        pa.repeat(split, count),
        pa.ListArray.from_arrays(
            offsets,
            pa.array(asked, pa.string()).take(pa.array(code)),
            type=INSTRUCTIONS.field("labels").type,
        ),
        *(pa.array(k, pa.int32()) for k in kinds),
    ]
    return pa.Table.from_arrays(columns, schema=INSTRUCTIONS)


def _names(
    dataset: Dataset,
    module: Any,
    asked: Sequence[str],
    ids: Any,
    slots: tuple[Any, Any],
    seed: int,
) -> Any:
    """What every label asked is called in its instruction, as JSON strings.

    Where a schema item is a label by itself, one of its aliases may stand for it, by hash.
    """
    owner, code = slots
    shown, schemas = _shown(dataset, module, asked), module.schemas(dataset)
    alone = all(schemas[key] == key for key in asked)
    names = [[own, *dataset.aliases.get(own, ())] if alone else [own] for own in shown]
    sizes = np.array([len(own) for own in names])
    at = (np.cumsum(sizes) - sizes)[code]
    if (sizes > 1).any():
        keys = batching.priorities(ids.to_pylist(), asked, seed)[owner, code]
        turn = batching.mix64(keys ^ _NAME) % sizes[code].astype(np.uint64)
        at = at + turn.astype(np.int64)
    flat = [name for own in names for name in own]
    return json_strings(pa.array(flat, pa.string())).take(pa.array(at))


def _items(
    dataset: Dataset,
    module: Any,
    asked: Sequence[str],
    found: Answers,
    slots: tuple[Any, Any],
    names: Any,
) -> tuple[Any, str]:
    """The schema item of every label asked, and the brackets around those of an instruction.

    Labels are a list, or, where the dataset describes any of them, an object {label: description}.
    """
    code, answer = slots
    if found.schema is not None:
        return found.schema.take(pa.array(answer)), "[]"
    every = module.schemas(dataset)
    schemas = [every[key] for key in asked]
    if schemas != [*asked]:
        return pa.array(map(dumps, schemas), pa.string()).take(pa.array(code)), "[]"
    if dataset.descriptions.keys().isdisjoint(asked):
        return names, "[]"
    told = [dumps(dataset.descriptions.get(key, "")) for key in asked]
    about = pa.array(told, pa.string()).take(pa.array(code))
    return pc.binary_join_element_wise(names, about, ": "), "{}"


def _outputs(
    table: Any,
    dataset: Dataset,
    module: Any,
    asked: Sequence[str],
    found: Answers,
    slots: tuple[Any, Any, Any, Any],
    key: Any,
) -> Any:
    """The answers of every instruction as a JSON object, its keys in the order of the labels."""
    offsets, owner, code, answer = slots
    shown = _shown(dataset, module, asked)
    absent = pa.array([module.ABSENT or ""] * len(asked), pa.string())
    values = pa.concat_arrays([absent, found.value])
    index = np.where(answer >= 0, len(asked) + answer, code)
    value = values.take(pa.array(index))
    if len({*shown}) < len(asked):
        order = {name: n for n, name in enumerate(dict.fromkeys(shown))}
        number = np.array([order[k] for k in shown])
        offsets, key, value = _pooled(
            table, dataset, module, asked, number, (offsets, owner, code, key, value)
        )
    pairs = pc.binary_join_element_wise(key, value, ": ")
    joined_pairs = pc.binary_join(pa.ListArray.from_arrays(offsets, pairs), ", ")
    return pc.binary_join_element_wise("{", joined_pairs, "}", "")


def _shown(dataset: Dataset, module: Any, asked: Sequence[str]) -> list[str]:
    """The keys of the answers; two labels may share one."""
    if not hasattr(module, "output_keys"):
        return [*asked]
    keys = module.output_keys(dataset)
    return [keys[key] for key in asked]


def _pooled(
    table: Any,
    dataset: Dataset,
    module: Any,
    asked: Sequence[str],
    number: Any,
    slots: tuple[Any, Any, Any, Any, Any],
) -> tuple[Any, Any, Any]:
    """Make one key of labels that share it in a batch, with the answers of all in text order."""
    offsets, owner, code, key, value = slots
    batch = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets.to_numpy()))
    pair = batch * (number.max() + 1) + number[code]
    _, first, group = np.unique(pair, return_index=True, return_inverse=True)
    sizes = np.bincount(group)
    if (sizes > 1).any():
        several = np.flatnonzero(sizes[group] > 1)
        items = module.items(table, dataset)
        items = items._replace(code=_code_of(items.code, [*tasks.inventory(dataset, "SPO")], asked))
        items = items.only(items.code >= 0)
        wanted = owner[several] * len(asked) + code[several]
        have = items.row * len(asked) + items.code
        order = np.argsort(have, kind="stable")
        low, high = (np.searchsorted(have[order], wanted, side=s) for s in ("left", "right"))
        slot = np.repeat(several, high - low)
        place, turn = batching.elements(high - low)
        taken = order[low[place] + turn]
        part = items.only(np.ones(len(items.row), bool))
        merged = joined(
            part._replace(
                row=group[slot],
                code=np.zeros(len(slot), np.int64),
                place=part.place[taken],
                then=part.then[taken],
                json=part.json.take(pa.array(taken)),
            )
        )
        replacement = np.full(len(code), -1, np.int64)
        answers_of = np.full(len(sizes), -1, np.int64)
        answers_of[merged.row] = np.arange(len(merged.row))
        replacement[several] = answers_of[group[several]]
        combined = pa.concat_arrays([value, merged.value])
        value = combined.take(
            pa.array(np.where(replacement >= 0, len(value) + replacement, np.arange(len(value))))
        )
    keep = np.sort(first)
    kept_sizes = np.bincount(batch[keep], minlength=len(offsets) - 1)
    at = pa.array(keep)
    return (
        pa.array(np.concatenate([[0], np.cumsum(kept_sizes)]), pa.int32()),
        key.take(at),
        value.take(at),
    )


def _code_of(code: Any, inventory: Sequence[str], asked: Sequence[str]) -> Any:
    numbers = {key: i for i, key in enumerate(asked)}
    lookup = np.array([*(numbers.get(key, -1) for key in inventory), -1], np.int64)
    return lookup[code]


@cache
def templates() -> dict[str, dict[str, list[str]]]:
    """Task -> language -> texts of the instruction."""
    path = Path(__file__).parent.parent / "templates.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _openings(task: str, language: str, ids: Any) -> Any:
    """The beginning of every record's instruction, up to its schema."""
    texts = templates()[task][language]
    choices = pa.array([f'{{"instruction": {dumps(t)}, "schema": ' for t in texts])
    if len(texts) == 1:
        return pa.repeat(choices[0], len(ids))
    chosen = batching.mix64(batching.hashes(ids.to_pylist())) % np.uint64(len(texts))
    return choices.take(pa.array(chosen))
