"""Exports: the corpus in the formats of trainers and harnesses, which formats.toml lists.

This module reads their input: kept records and published rows as a stream of small tables, in the
order of datasets, splits and rows. Memory holds one table at a time. `writing` writes the exports.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.catalog import Dataset
from pipeline.config import Instruct
from pipeline.dedupe.tags import kept, tagged
from pipeline.execution import shards
from pipeline.records import SPLITS
from pipeline.tables import INSTRUCTIONS, of_corpus
from pipeline.text import like

#: The count of records whose datasets have no task that the format holds.
OTHER_TASKS: Final = "lost: records of other tasks"
_ROWS: Final = 5_000

Kind = Literal["records", "instructions"]
#: The rows that a format makes of a record, and counts of what they hold and of what is lost.
Made = tuple[list[dict[str, Any]], dict[str, int]]


class Source(NamedTuple):
    """What to export: a run's output folder, and which part of it."""

    kind: Kind
    #: The folder that the stages wrote: it holds clean/, dedupe/, negatives/ and corpus/.
    folder: Path
    #: In the order in which they are exported.
    datasets: tuple[Dataset, ...]
    splits: tuple[str, ...] = SPLITS
    #: How labels are asked.
    asking: Instruct = Instruct()
    #: The most records of every dataset, split and config.
    limit: int | None = None
    #: The model that batches ask.
    model: str = ""
    #: The final folder of the export, once it is complete.
    place: Path | None = None
    #: Only records that were dropped, or that have `comments`.
    suspicious: bool = False


def records(
    source: Source, tasks: Collection[str] = (), counts: Counter[str] | None = None
) -> Iterator[tuple[Dataset, str, Any]]:
    """(dataset, split, table of RECORDS) of all kept records; of held-out sets, only test.

    With `tasks`, records of datasets that declare none of these are only counted.
    """
    for dataset in source.datasets:
        splits = ("test",) if dataset.use == "held-out" else SPLITS
        wanted = not tasks or {*tasks} & {*dataset.tasks}
        left = dict.fromkeys(splits, source.limit)
        for split, table in tables(source, dataset, [s for s in splits if s in source.splits]):
            chosen = table.slice(0, left[split])
            if source.limit is not None:
                left[split] -= chosen.num_rows
            if not wanted and counts is not None:
                counts[OTHER_TASKS] += chosen.num_rows
            for start in range(0, chosen.num_rows if wanted else 0, _ROWS):
                yield dataset, split, chosen.slice(start, _ROWS)


def tables(source: Source, dataset: Dataset, splits: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """(split, table of RECORDS) of the records of a dataset to export, shard by shard."""
    folder = source.folder / "dedupe" / dataset.id
    dedupe = folder if folder.is_dir() else None
    for split, path in shards.record_shards(source.folder / "clean" / dataset.id, splits):
        if source.suspicious:
            table = tagged(path, dedupe)
            odd = [bool(comments(record, dataset.language)) for record in table.to_pylist()]
            yield split, table.filter(pa.array(odd, pa.bool_()))
        else:
            yield split, kept(path, dedupe)


def comments(record: Mapping[str, Any], language: str) -> list[str]:
    """The problems of a record: why it was dropped, and mentions that do not fit its text."""
    oddities = []
    if record["dropped"]:
        why = (record["dropped"], record["drop_detail"], record["drop_partner"])
        oddities.append(": ".join(filter(None, why)))
    text = record["text"]
    for mention in record["mentions"]:
        start, end = mention["start"], mention["end"]
        if start is None:
            oddities.append(f"no place in the text: {mention['text']}")
        elif like(language) == "en" and any(
            text[max(cut - 1, 0) : cut + 1].isalnum() for cut in (start, end) if 0 < cut < len(text)
        ):
            oddities.append(f"cuts a word: {mention['text']}")
    return oddities


def instructions(source: Source) -> Iterator[tuple[str, str, Any]]:
    """(config, split, table of INSTRUCTIONS) of the published corpus, in its order."""
    # By the id, not by the published name: two editions of one source share that.
    wanted = [dataset.id for dataset in source.datasets]
    corpus = source.folder / "corpus"
    for config in sorted(path for path in corpus.glob("*") if path.is_dir()):
        for split in source.splits:
            paths = shards.listed(config, f"{split}-*.parquet")
            for rows in rows_of(paths, wanted, source.limit):
                yield config.name, split, rows


def rows_of(
    paths: Iterable[Path], datasets: Collection[str] | None, limit: int | None
) -> Iterator[Any]:
    """Tables of INSTRUCTIONS of these shards: all rows of at most `limit` records per dataset.

    None stands for all datasets, or all records.
    """
    wanted = pa.array(datasets, pa.string()) if datasets is not None else None
    chosen: dict[str, set[str]] = {}
    for path in paths:
        for table in _batches(path):
            rows = table
            dataset_of_row = pc.replace_substring_regex(table["record_id"], "/.*$", "")
            if wanted is not None:
                rows = rows.filter(pc.is_in(dataset_of_row, value_set=wanted))
            if limit is not None:
                ids = rows["record_id"].to_pylist()
                for record_id in ids:
                    record_ids = chosen.setdefault(record_id.partition("/")[0], set())
                    if len(record_ids) < limit:
                        record_ids.add(record_id)
                of_any = set[str]().union(*chosen.values())
                rows = rows.filter(pa.array([record_id in of_any for record_id in ids], pa.bool_()))
            if rows.num_rows:
                yield rows


def _batches(path: Path) -> Iterator[Any]:
    with shards.opened(path, INSTRUCTIONS.names) as file:
        for batch in file.iter_batches(_ROWS, columns=INSTRUCTIONS.names):
            yield of_corpus(batch)
