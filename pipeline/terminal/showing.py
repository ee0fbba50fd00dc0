"""What the stages made of a dataset, to look at: records, dropped records, and rejects."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from rich.text import Text

from pipeline.dedupe import tags
from pipeline.errors import RawFileError
from pipeline.execution import shards
from pipeline.records import SPLITS
from pipeline.report import examples
from pipeline.tables import RECORDS, REJECTS, from_table
from pipeline.terminal import drawing
from pipeline.text import drawn

#: Stage -> its output folder.
Folders = Mapping[str, Path]

_LOSSES: Final = ("records", "entities", "relations", "events", "arguments")


def records(name: str, folders: Folders, wanted: Namespace, width: int) -> Iterator[Text]:
    """The lines of the records wanted, each under its id, origin and drop reason.

    `wanted` are the options of `iepile show`.
    """
    folder, dedupe = _furthest(name, folders)
    if wanted.dropped is not None and folder.parent != folders["clean"]:
        todo = f"clean it first: `dvc repro`, `iepile run`, or `iepile clean {name}`"
        raise RawFileError(f"{name} is not cleaned yet", where=folder, todo=todo)
    reasons: Counter[str] = Counter()
    shown = matching = 0
    for _, shard in tags.record_shards(folder, [wanted.split] if wanted.split else SPLITS):
        table = tags.tagged(shard, dedupe)
        reasons.update(table["dropped"].drop_null().to_pylist())
        table = _filtered(table, wanted)
        matching += table.num_rows
        for row in table.slice(0, max(wanted.n - shown, 0)).to_pylist():
            shown += 1
            yield from _record(row, width)
            for partner in examples.records([*filter(None, [row["drop_partner"]])], folders):
                yield Text("  its partner:", style="dim")
                yield from (Text("  ") + line for line in _record(partner, width - 2))
            yield Text()
    if "/" in wanted.id and not matching:
        raise RawFileError(
            f"there is no record {wanted.id!r}, or the other options leave it out",
            where=folder,
            todo=f"ids are dataset/split/number, `iepile show {name}` shows some; see --split, "
            "--dropped and --grep",
        )
    if wanted.dropped and wanted.dropped not in reasons:
        listed = ", ".join(f"{reason} ({n:,})" for reason, n in sorted(reasons.items()))
        raise RawFileError(
            f"nothing was dropped for the reason {wanted.dropped!r}",
            where=folder,
            todo=f"the reasons here are: {listed or 'none'}",
        )
    yield Text(f"{shown:,} of {matching:,} records shown", style="dim")


def rejects(name: str, folders: Folders, wanted: Namespace, width: int) -> Iterator[Text]:
    """The lines of the rejects: where, why, an excerpt, and what is lost with it."""
    path = folders["normalize"] / name / "rejects.parquet"
    if not path.is_file():
        raise _not_yet(name, path.parent)
    rows = [
        row
        for row in shards.read(path, REJECTS.names).to_pylist()
        if wanted.split in (None, row["split"])
        and (wanted.grep is None or wanted.grep in row["excerpt"])
    ]
    for row in rows[: wanted.n]:
        lost = (f"{kind} {row[kind]:,}" for kind in _LOSSES if row[kind])
        yield Text(drawn(f"{row['dataset']}/{row['split']}/{row['origin']}"), style="bold")
        yield Text(drawn(": ".join(filter(None, (row["reason"], row["detail"])))), style="red")
        yield from drawing.marked(row["excerpt"], [], width)
        yield Text(f"  lost: {', '.join(lost) or 'nothing'}")
        yield Text()
    yield Text(f"{min(len(rows), wanted.n):,} of {len(rows):,} rejects shown", style="dim")


def _furthest(name: str, folders: Folders) -> tuple[Path, Path | None]:
    """The folder of the last stage that has records of this dataset; dedupe's, if it ran."""
    clean, normalized, dedupe = (folders[s] / name for s in ("clean", "normalize", "dedupe"))
    if tags.record_shards(clean):
        return clean, dedupe if tags.record_shards(dedupe) else None
    if tags.record_shards(normalized):
        return normalized, None
    raise _not_yet(name, normalized)


def _not_yet(name: str, folder: Path) -> RawFileError:
    return RawFileError(
        f"there are no records of {name} yet",
        where=folder,
        todo=f"make them first: `dvc repro`, `iepile run`, or `iepile normalize {name}`",
    )


def _filtered(table: Any, wanted: Namespace) -> Any:
    """The rows that are wanted."""
    if "/" in wanted.id:
        table = table.filter(pc.equal(table["id"], wanted.id))
    if wanted.dropped is not None:
        table = table.filter(pc.is_valid(table["dropped"]))
    if wanted.dropped:
        table = table.filter(pc.equal(table["dropped"], wanted.dropped))
    if wanted.grep is not None:
        # A byte of the command line that is not UTF-8 stands in no text.
        sought = wanted.grep.encode("utf-8", "replace").decode()
        table = table.filter(pc.match_substring(table["text"], sought))
    return table


def _record(row: dict[str, Any], width: int) -> Iterator[Text]:
    yield Text.assemble((drawn(row["id"]), "bold"), ("  " + drawn(row["origin"]), "dim"))
    if row["dropped"]:
        why = (f"dropped, {row['dropped']}", row["drop_detail"], row["drop_partner"])
        yield Text(drawn(": ".join(filter(None, why))), style="red")
    (record,) = from_table(pa.Table.from_pylist([row], schema=RECORDS))
    yield from drawing.record(record, width)
