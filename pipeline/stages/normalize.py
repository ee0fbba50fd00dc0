"""Stage 1: read one dataset's raw files into checked records with readable labels.

Writes `<split>-NNNNN.parquet` (RECORDS), `rejects.parquet` (REJECTS) and `summary.json`. Nothing is
lost silently: rows read = records + merged rows + rejects, and where the edition declares counts,
what its source holds = what was kept + what was rejected + what was dropped on purpose. Like every
stage it says in `made_from.json` what it read (`pipeline/lineage.py`).
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from pipeline import atomic, catalog, hashing, invariant, lineage, raw_files, shards
from pipeline.merging import merged
from pipeline.records import Record, record_id
from pipeline.tables import REJECTS, to_table
from pipeline.tally import Tally, unknown_labels, writable
from pipeline.windows import windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pipeline.catalog import Dataset
    from pipeline.config import Normalize
    from pipeline.raw_files import Manifest

_SHARD_CHARACTERS: Final = 32_000_000


def normalize(
    dataset: Dataset, folder: Path, manifest: Manifest, settings: Normalize, out: Path
) -> dict[str, Any]:
    """Normalize every split of one dataset into the folder `out`; return the summary it writes."""
    if problem := raw_files.undeclared(dataset, folder, manifest):
        raise problem
    rejects: list[dict[str, Any]] = []
    summary: dict[str, Any] = {
        "dataset": dataset.id,
        "edition": {"invented": manifest.invented},
        "splits": {},
    }
    unknown: Counter[tuple[str, str]] = Counter()
    with atomic.replacing(out) as partial:
        for number, (name, split) in enumerate(manifest.splits.items()):
            tally = Tally(dataset, unknown)
            read = catalog.reader(dataset)(raw_files.verified(folder, split))
            items = tally.read(raw_files.documents_of(read, split, first=not number))
            if dataset.one_annotation_per_row:
                items = merged(items, partial / ".merging", tally.counts)
            _write(dataset, name, items, settings, partial, tally.counts)
            tally.check(f"{dataset.id}/{name}", split, settings.max_reject_rate)
            rejects += [
                {"dataset": dataset.id, "split": name, **writable(r)._asdict()}
                for r in tally.rejects
            ]
            summary["splits"][name] = tally.summary()
        if unknown:
            raise unknown_labels(dataset, unknown)
        shards.write(pa.Table.from_pylist(rejects, schema=REJECTS), partial / "rejects.parquet")
        shards.write_json(summary, partial / "summary.json")
        lineage.stamp(partial, dataset, obeyed(settings))
    return summary


def obeyed(settings: Normalize) -> dict[str, Any]:
    """The parameters that change what is written."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    del told["max_reject_rate"]
    return told


def _write(
    dataset: Dataset,
    split: str,
    rows: Iterable[tuple[int, Record]],
    settings: Normalize,
    folder: Path,
    counts: Counter[str],
) -> None:
    """Write shards of bounded size; a source without splits is parted by hash."""
    shard: dict[str, int] = {}
    rows = iter(rows)
    while batch := _batch(rows, settings.records_per_shard):
        parts: dict[str, list[tuple[str, Record]]] = {}
        for ordinal, record in batch:
            own = _split_of(dataset, record) if dataset.split_by_hash else split
            found = _windows(dataset, record, settings.max_chars, counts)
            numbers = range(1, len(found) + 1) if len(found) > 1 else [0]
            ids = (record_id(dataset.id, own, ordinal, n) for n in numbers)
            parts.setdefault(own, []).extend(zip(ids, found, strict=True))
        for own, part in sorted(parts.items()):
            table = to_table(
                [record for _, record in part],
                [identifier for identifier, _ in part],
                dataset=dataset.id,
                split=own,
                language=dataset.language,
            )
            number = shard[own] = shard.get(own, -1) + 1
            path = folder / f"{own}-{number:05d}.parquet"
            shards.write(invariant.checked(table, dataset), path)


def _windows(
    dataset: Dataset, record: Record, max_chars: int | None, counts: Counter[str]
) -> list[Record]:
    """The record, or its windows if its text is longer than `max_chars`; keeps account of them."""
    if max_chars is None or len(record.text) <= max_chars:
        return [record]
    names = dataset.names("role")
    enum_roles = {names[role] for role in dataset.enum_roles if role in names}
    found, crossing = windows(record, max_chars, dataset.language, enum_roles)
    counts["windows:texts"] += len(found) > 1
    counts["windows:windows"] += len(found) if len(found) > 1 else 0
    counts["windows:longer"] += sum(len(w.text) > max_chars for w in found)
    counts.update({f"windows:crossing {kind}": n for kind, n in crossing.items()})
    return found


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
