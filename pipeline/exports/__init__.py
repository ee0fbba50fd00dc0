"""Exports: one module per trainer's format (`iepile-jsonl` is `iepile_jsonl.py`), of one shape.

    FROM = ("records", "instructions")     what it can be made from, the default first
    export(source, out) -> counts          writes files under the folder `out`

`counts` says how many rows were written, and how many annotations the format could not hold. What
modules share is here: kept records and published rows as a stream of small tables, in the order of
datasets, splits and rows, and a writer of JSON lines in shards. Nothing is held but one table.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.config import Instruct
from pipeline.dedupe.tags import tables
from pipeline.execution import shards
from pipeline.records import SPLITS
from pipeline.tables import INSTRUCTIONS, of_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

#: What is counted where a format holds no task of a dataset.
OTHER_TASKS: Final = "left out: records of other tasks"
#: Lines of one shard of an export.
LINES_PER_SHARD: Final = 200_000
_ROWS: Final = 5_000

Kind = Literal["records", "instructions"]


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


def module(name: str) -> Any:
    """The module of a format, e.g. `pipeline.exports.iepile_jsonl` for "iepile-jsonl"."""
    return import_module(f"pipeline.exports.{name.replace('-', '_')}")


def records(source: Source) -> Iterator[tuple[Dataset, str, Any]]:
    """(dataset, split, table of RECORDS) of all kept records; held-out sets are test alone."""
    for dataset in source.datasets:
        own = ("test",) if dataset.use == "held-out" else SPLITS
        for split, table in kept_tables(source, dataset, [s for s in own if s in source.splits]):
            for start in range(0, table.num_rows, _ROWS):
                yield dataset, split, table.slice(start, _ROWS)


def kept_tables(
    source: Source, dataset: Dataset, splits: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """(split, table of RECORDS) of the kept records of a dataset, shard by shard."""
    dedupe = source.folder / "dedupe" / dataset.id
    clean = source.folder / "clean" / dataset.id
    return tables(clean, dedupe if dedupe.is_dir() else None, splits)


def instructions(source: Source) -> Iterator[tuple[str, str, Any]]:
    """(config, split, table of INSTRUCTIONS) of the published corpus, in its order."""
    # By the id, not by the published name: two editions of one source share that.
    wanted = pa.array([dataset.id for dataset in source.datasets], pa.string())
    corpus = source.folder / "corpus"
    for config in sorted(path for path in corpus.glob("*") if path.is_dir()):
        for split in source.splits:
            for path in shards.listed(config, f"{split}-*.parquet"):
                for table in _batches(path):
                    owner = pc.replace_substring_regex(table["record_id"], "/.*$", "")
                    mine = table.filter(pc.is_in(owner, value_set=wanted))
                    if mine.num_rows:
                        yield config.name, split, mine


def _batches(path: Path) -> Iterator[Any]:
    with shards.opened(path, INSTRUCTIONS.names) as file:
        for batch in file.iter_batches(_ROWS, columns=INSTRUCTIONS.names):
            yield of_corpus(batch)


@contextmanager
def json_lines(
    out: Path, per_shard: int = LINES_PER_SHARD
) -> Iterator[Callable[[str, Iterable[bytes]], None]]:
    """Yield a function that appends lines to the shards `<name>-NNNNN.jsonl`, name "duie2/train".

    The lines of one name may come in pieces; only the shard written last is open.
    """
    written: dict[str, int] = {}
    stream: Any = None
    open_path: Path | None = None

    def write(name: str, lines: Iterable[bytes]) -> None:
        nonlocal stream, open_path
        lines = iter(lines)
        while True:
            number, used = divmod(written.get(name, 0), per_shard)
            piece = [line + b"\n" for line in islice(lines, per_shard - used)]
            if not piece:
                return
            path = out / f"{name}-{number:05d}.jsonl"
            if path != open_path:
                if stream is not None:
                    stream.close()
                path.parent.mkdir(parents=True, exist_ok=True)
                stream, open_path = path.open("ab"), path
            stream.writelines(piece)
            written[name] = written.get(name, 0) + len(piece)

    try:
        yield write
    finally:
        if stream is not None:
            stream.close()
