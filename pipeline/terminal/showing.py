"""What the stages made of a dataset, for the eye: records, dropped records, and rejects."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from rich.text import Text

from pipeline.dedupe import tags as kept
from pipeline.errors import RawFileError
from pipeline.execution import shards
from pipeline.report import examples
from pipeline.tables import RECORDS, REJECTS, from_table
from pipeline.terminal import drawing
from pipeline.text import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    #: Stage -> its output folder.
    Folders = Mapping[str, Path]

_LOSSES: Final = {
    "records": "record",
    "entities": "entity",
    "relations": "relation",
    "events": "event",
    "arguments": "argument",
}


class Wanted(NamedTuple):
    """Which records to show; None means no matter."""

    record: str | None
    split: str | None
    #: A drop reason, or "" for any; None shows all records, dropped or not.
    dropped: str | None
    grep: str | None
    most: int


def records(name: str, folders: Folders, wanted: Wanted, width: int) -> Iterator[Text]:
    """The lines of the records wanted, each under its id, origin and drop reason."""
    folder, dedupe = _stage(name, folders)
    if wanted.dropped is not None and folder.parent != folders["clean"]:
        todo = f"clean it first: `dvc repro`, `iepile run`, or `iepile clean {name}`"
        raise RawFileError(f"{name} is not cleaned yet", where=folder, todo=todo)
    reasons: Counter[str] = Counter()
    shown = matching = 0
    for split, shard in kept.record_shards(folder):
        if wanted.split not in (None, split):
            continue
        table = kept.tagged(shard, dedupe)
        reasons.update(r for r in table["dropped"].to_pylist() if r)
        table = table.filter(_mask(table, wanted))
        matching += table.num_rows
        for row in table.slice(0, max(wanted.most - shown, 0)).to_pylist():
            shown += 1
            yield from _record(row, width)
            for partner in examples.records([*filter(None, [row["drop_partner"]])], folders):
                yield Text("  its partner:", style="dim")
                yield from (Text("  ") + line for line in _record(partner, width - 2))
            yield Text()
    if wanted.record and not matching:
        raise RawFileError(
            f"there is no record {wanted.record!r} that is wanted",
            where=folder,
            todo="ids are dataset/split/number; --split, --dropped and --grep leave records out",
        )
    if wanted.dropped and wanted.dropped not in reasons:
        told = ", ".join(f"{reason} ({n:,})" for reason, n in sorted(reasons.items())) or "none"
        raise RawFileError(
            f"nothing was dropped for the reason {wanted.dropped!r}",
            where=folder,
            todo=f"the reasons here are: {told}",
        )
    yield Text(f"{shown:,} of {matching:,} records shown", style="dim")


def rejects(name: str, folders: Folders, wanted: Wanted, width: int) -> Iterator[Text]:
    """The lines of the rejects: where, why, an excerpt, and what is lost with it."""
    folder = folders["normalize"] / name
    path = folder / "rejects.parquet"
    if not path.is_file():
        raise _not_yet(name, folder)
    rows = shards.read(path, REJECTS.names).to_pylist()
    rows = [
        row
        for row in rows
        if wanted.split in (None, row["split"])
        and (wanted.grep is None or wanted.grep in row["excerpt"])
    ]
    for row in rows[: wanted.most]:
        lost = ", ".join(
            f"{row[kind]:,} {one if row[kind] == 1 else kind}"
            for kind, one in _LOSSES.items()
            if row[kind]
        )
        yield Text(drawn(f"{row['dataset']}/{row['split']}/{row['origin']}"), style="bold")
        told = ": ".join(part for part in (row["reason"], row["detail"]) if part)
        yield Text(drawn(told), style="red")
        yield from drawing.marked(row["excerpt"], [], width)
        yield Text(f"  lost: {lost or 'nothing'}")
        yield Text()
    yield Text(f"{min(len(rows), wanted.most):,} of {len(rows):,} rejects shown", style="dim")


def _stage(name: str, folders: Folders) -> tuple[Path, Path | None]:
    """The folder of the furthest stage that has records of this dataset; dedupe's, if it ran."""
    clean, normalized = (folders[stage] / name for stage in ("clean", "normalize"))
    dedupe = folders["dedupe"] / name
    if kept.record_shards(clean):
        return clean, dedupe if kept.record_shards(dedupe) else None
    if kept.record_shards(normalized):
        return normalized, None
    raise _not_yet(name, normalized)


def _not_yet(name: str, folder: Path) -> RawFileError:
    return RawFileError(
        f"there are no records of {name} yet",
        where=folder,
        todo=f"make them first: `dvc repro`, `iepile run`, or `iepile normalize {name}`",
    )


def _mask(table: Any, wanted: Wanted) -> Any:
    """Which rows are wanted."""
    masks = [pc.equal(table["id"], wanted.record)] if wanted.record else []
    if wanted.dropped == "":
        masks.append(pc.is_valid(table["dropped"]))
    elif wanted.dropped is not None:
        masks.append(pc.fill_null(pc.equal(table["dropped"], wanted.dropped), fill_value=False))
    if wanted.grep is not None:
        # A byte of the command line that is no UTF-8 stands in no text.
        sought = wanted.grep.encode("utf-8", "replace").decode()
        masks.append(pc.match_substring(table["text"], sought))
    result = pa.chunked_array([pa.array([True] * table.num_rows)])
    for mask in masks:
        result = pc.and_(result, mask)
    return result


def _record(row: dict[str, Any], width: int) -> Iterator[Text]:
    head = Text.assemble((drawn(row["id"]), "bold"), ("  " + drawn(row["origin"]), "dim"))
    yield head
    if row["dropped"]:
        told = (f"dropped, {row['dropped']}", row["drop_detail"], row["drop_partner"])
        yield Text(drawn(": ".join(part for part in told if part)), style="red")
    (record,) = from_table(pa.Table.from_pylist([row], schema=RECORDS))
    yield from drawing.record(record, width)
