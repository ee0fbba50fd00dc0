"""Turn rows of a corpus into chats, with examples before the question.

The examples of a row are train rows of its config and dataset, chosen by hash, never of the same
record. A dataset without train rows, such as a held-out one, has no examples.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from pipeline import hashing
from pipeline.config import check_known
from pipeline.errors import RawFileError
from pipeline.execution import shards
from pipeline.exports import rows_of
from pipeline.tasks import json_schema

#: The most rows of a dataset from which examples are chosen.
_POOL: Final = 256

Messages = list[dict[str, str]]


class Question(NamedTuple):
    """A row to ask: the chat, and the form of the answer."""

    id: str
    messages: Messages
    response_format: dict[str, Any]


class Part(NamedTuple):
    """Which rows of a corpus to ask."""

    corpus: Path
    #: Folders of the corpus; all where empty.
    configs: Sequence[str] = ()
    split: str = "test"
    datasets: Sequence[str] | None = None
    #: The most records of every dataset and config.
    limit: int | None = None
    shots: int = 0


def count(part: Part) -> int:
    """The number of rows to ask. Raises RawFileError if a dataset that is named has none."""
    rows: Counter[str] = Counter()
    for _, table in _tables(part):
        rows.update(map(_dataset, table["record_id"].to_pylist()))
    if not part.corpus.is_dir():
        todo = "make it with `iepile run`, or name its folder with --corpus"
        raise RawFileError("there is no corpus", where=part.corpus, todo=todo)
    if absent := [name for name in part.datasets or () if not rows[name]]:
        what = f"there are no {part.split} rows of {absent[0]!r} to ask"
        todo = "check the name; `iepile audit --table splits` lists datasets and their splits"
        raise RawFileError(what, where=part.corpus, todo=todo)
    return rows.total()


def questions(part: Part) -> Iterator[Question]:
    """The rows to ask, in the order of the corpus."""
    examples: dict[str, list[dict[str, Any]]] = {}
    examples_of = None
    for config, table in _tables(part):
        if part.shots and config != examples_of:
            examples, examples_of = _examples(part, config), config
        for row in table.to_pylist():
            pool = examples.get(_dataset(row["record_id"]), ())
            shown = _chosen(row, pool, part.shots)
            turns = [(example["instruction"], example["output"]) for example in shown]
            messages = [
                {"role": role, "content": text}
                for turn in turns
                for role, text in zip(("user", "assistant"), turn, strict=True)
            ]
            messages.append({"role": "user", "content": row["instruction"]})
            yield Question(row["id"], messages, json_schema.response_format(row))


def _tables(part: Part) -> Iterator[tuple[str, Any]]:
    present = sorted(path.name for path in part.corpus.glob("*") if path.is_dir())
    if present:
        check_known(part.configs, present, "config", part.corpus)
    for config in part.configs or present:
        paths = shards.listed(part.corpus / config, f"{part.split}-*.parquet")
        for table in rows_of(paths, part.datasets, part.limit):
            yield config, table


def _dataset(record_id: str) -> str:
    return record_id.partition("/")[0]


def _examples(part: Part, config: str) -> dict[str, list[dict[str, Any]]]:
    """Dataset -> the rows from which examples are chosen: those with the lowest hashes."""
    pools: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    paths = shards.listed(part.corpus / config, "train-*.parquet")
    for table in rows_of(paths, part.datasets, None):
        rows = table.select(["id", "record_id", "instruction", "output"]).to_pylist()
        keys = hashing.hashes([row["id"] for row in rows]).tolist()
        for key, row in zip(keys, rows, strict=True):
            pools.setdefault(_dataset(row["record_id"]), []).append((key, row))
        for dataset, candidates in pools.items():
            pools[dataset] = nsmallest(_POOL, candidates, lambda pair: (pair[0], pair[1]["id"]))
    return {dataset: [row for _, row in candidates] for dataset, candidates in pools.items()}


def _chosen(
    row: Mapping[str, Any], pool: Sequence[dict[str, Any]], number: int
) -> list[dict[str, Any]]:
    others = [other for other in pool if other["record_id"] != row["record_id"]]
    if not others or not number:
        return []
    keys = hashing.hashes([f"{row['id']} {other['id']}" for other in others])
    return [others[int(index)] for index in np.argsort(keys, kind="stable")[:number]]
