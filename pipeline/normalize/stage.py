"""Stage 1: read one dataset's raw files into checked records with readable labels.

Writes `<split>-NNNNN.parquet` (RECORDS), `rejects.parquet` (REJECTS) and `summary.json`. Nothing is
lost silently: rows read = records + merged rows + rejects, and where the edition declares counts,
what its source holds = what was kept + what was rejected + what was dropped on purpose.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa

from pipeline import catalog, hashing
from pipeline.catalog import Dataset, Manifest, invariant, raw_files
from pipeline.config import Normalize
from pipeline.execution import shards
from pipeline.execution.engines import Workers
from pipeline.execution.freshness import Done, Step, building, scratch, steps
from pipeline.normalize.account import Tally, unknown_labels, without_fragments, writable
from pipeline.normalize.detokenize import detokenized
from pipeline.normalize.merging import merged
from pipeline.normalize.rewriting import repaired
from pipeline.normalize.windows import windows
from pipeline.records import Record, record_id
from pipeline.tables import REJECTS, to_table

_SHARD_CHARACTERS: Final = 32_000_000


class Source(NamedTuple):
    """A dataset, its raw folder, and which files there are which split."""

    dataset: Dataset
    folder: Path
    manifest: Manifest


class _Job(NamedTuple):
    source: Source
    split: str
    first: bool
    target: Path

    @property
    def size(self) -> int:
        """The size of its raw files in bytes: a measure of the work."""
        paths = [self.source.folder / f.path for f in self.source.manifest.splits[self.split].files]
        return sum(raw_files.size(path) for path in paths)


def normalize(
    sources: Sequence[Source], settings: Normalize, out: Path, workers: Workers | int = 1
) -> None:
    """Normalize every split of the datasets into `out/<id>`.

    Raises `PipelineError` where files, labels or counts are not those that are declared.
    """
    for source in sources:
        if problem := raw_files.undeclared(*source):
            raise problem
    with ExitStack() as stack:
        folders = [stack.enter_context(building(out / s.dataset.id)) for s in sources]
        jobs = [
            _Job(source, name, not number, folder)
            for source, folder in zip(sources, folders, strict=True)
            for number, name in enumerate(source.manifest.splits)
        ]
        jobs.sort(key=lambda job: -job.size)  # so that none is left to one process at the end
        todo = [Step(job.target, f"{job.source.dataset.id}/{job.split}", job) for job in jobs]
        done = zip(jobs, steps(partial(_split, settings=settings), todo, workers), strict=True)
        results = {(job.target, job.split): result for job, result in done}
        for source, folder in zip(sources, folders, strict=True):
            by_split = {split: results[folder, split] for split in source.manifest.splits}
            _finish(source, by_split, folder)


def _split(job: _Job, settings: Normalize) -> Done:
    """Write the records of one split; return what became of its rows."""
    dataset, folder, manifest = job.source
    split = manifest.splits[job.split]
    unknown: Counter[tuple[str, str]] = Counter()
    tally = Tally(dataset, unknown)
    read = catalog.reader(dataset)(raw_files.verified(folder, split))
    rows = tally.read(raw_files.documents_of(read, split, first=job.first))
    if settings.joined_fragments == "omit":
        rows = ((ordinal, without_fragments(record, tally.counts)) for ordinal, record in rows)
    if settings.repair and (repairs := dataset.repairs):
        rows = ((ordinal, repaired(record, repairs, tally.counts)) for ordinal, record in rows)
    if settings.detokenize and (style := dataset.tokenized):
        rows = ((ordinal, detokenized(record, style)) for ordinal, record in rows)
    if dataset.one_annotation_per_row:
        rows = merged(rows, scratch(job.target) / job.split, tally.counts)
    files = _write(dataset, job.split, rows, settings, job.target, tally.counts)
    tally.check(f"{dataset.id}/{job.split}", split, settings.max_reject_rate)
    columns = {"dataset": dataset.id, "split": job.split}
    rejects = [{**columns, **writable(reject)._asdict()} for reject in tally.rejects]
    labels = [[kind, label, n] for (kind, label), n in unknown.items()]
    return Done(files, {"summary": tally.summary(), "rejects": rejects, "unknown": labels})


def _finish(source: Source, results: Mapping[str, Any], folder: Path) -> None:
    """Write what became of the rows of all splits of a dataset."""
    dataset = source.dataset
    unknown: Counter[tuple[str, str]] = Counter()
    for result in results.values():
        unknown.update({(kind, label): n for kind, label, n in result["unknown"]})
    if unknown:
        raise unknown_labels(dataset, unknown)
    rejects = [reject for result in results.values() for reject in result["rejects"]]
    shards.write(pa.Table.from_pylist(rejects, schema=REJECTS), folder / "rejects.parquet")
    summary = {split: result["summary"] for split, result in results.items()}
    edition = {"invented": source.manifest.invented, "version": source.manifest.version}
    content = {"dataset": dataset.id, "edition": edition, "splits": summary}
    shards.write_json(content, folder / "summary.json")


def _write(
    dataset: Dataset,
    split: str,
    rows: Iterable[tuple[int, Record]],
    settings: Normalize,
    folder: Path,
    counts: Counter[str],
) -> list[Path]:
    """Write shards of bounded size; a source without splits is parted by hash."""
    shard: dict[str, int] = {}
    written: list[Path] = []
    rows = iter(rows)
    while batch := _batch(rows, settings.records_per_shard):
        parts: dict[str, list[tuple[str, Record]]] = {}
        for ordinal, record in batch:
            target_split = _split_of(dataset, record) if dataset.split_by_hash else split
            pieces = _windows(dataset, record, settings.window_chars, counts)
            numbers = range(1, len(pieces) + 1) if len(pieces) > 1 else [0]
            names = (record_id(dataset.id, target_split, ordinal, n) for n in numbers)
            parts.setdefault(target_split, []).extend(zip(names, pieces, strict=True))
        for target_split, part in sorted(parts.items()):
            ids, records = zip(*part, strict=True)
            same = {"dataset": dataset.id, "split": target_split, "language": dataset.language}
            table = to_table(records, ids, **same)
            number = shard[target_split] = shard.get(target_split, -1) + 1
            written.append(folder / f"{target_split}-{number:05d}.parquet")
            shards.write(invariant.checked(table, dataset), written[-1])
    return written


def _windows(
    dataset: Dataset, record: Record, window_chars: int | None, counts: Counter[str]
) -> list[Record]:
    """The record, or its windows if its text is longer than `window_chars`; counts them."""
    if window_chars is None or len(record.text) <= window_chars:
        return [record]
    names = dataset.names("role")
    enum_roles = {names[role] for role in dataset.enum_roles if role in names}
    pieces, crossing = windows(record, window_chars, dataset.language, enum_roles)
    counts["windows:texts"] += len(pieces) > 1
    counts["windows:windows"] += len(pieces) if len(pieces) > 1 else 0
    counts["windows:longer"] += sum(len(w.text) > window_chars for w in pieces)
    counts.update({f"windows:crossing {kind}": n for kind, n in crossing.items()})
    return pieces


def _batch(rows: Iterator[tuple[int, Record]], most: int) -> list[tuple[int, Record]]:
    batch: list[tuple[int, Record]] = []
    characters = 0
    for row in islice(rows, most):
        batch.append(row)
        characters += len(row[1].text)
        if characters > _SHARD_CHARACTERS:
            break
    return batch


def _split_of(dataset: Dataset, record: Record) -> str:
    """The split of a record whose source has none: by its document, so that none is torn apart."""
    return hashing.share_of(record.source_id or record.text, dataset.split_by_hash)
