"""Records for the terminal: the text, and under each line the annotations with their labels.

    Ada Lowe met 张三 in Oslo
    ━━━━━━━━     ━━━━    ━━━━
    person       person  location

Columns are terminal cells, of which a Chinese character takes two. Annotations that overlap, or
whose labels would, stand in further rows; one that goes on in the next line is drawn there too.
Records, dropped records and rejects are those that the stages made of a dataset.
"""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from rich.cells import cell_len
from rich.text import Text

from pipeline.dedupe import tags
from pipeline.errors import RawFileError, counted
from pipeline.execution import shards
from pipeline.records import SPLITS, Record
from pipeline.report import examples
from pipeline.report.examples import Span
from pipeline.tables import RECORDS, REJECTS, from_table
from pipeline.text import drawn

_STYLES: Final = ("cyan", "magenta", "green", "yellow", "blue", "red")
_MARK: Final = "━"


class Mark(NamedTuple):
    """A span, or the part of it in one line, in cells from the left edge."""

    column: int
    width: int
    label: str
    #: Where the label starts: left of the mark where it would not fit on the line.
    place: int


def record(record: Record, width: int) -> Iterator[Text]:
    """The lines of one record: its marked text, and under it facts in words."""
    spans = [span._replace(label=drawn(span.label)) for span in examples.spans(record)]
    yield from marked(record.text, spans, width)
    for label, words in examples.facts(record):
        yield Text(drawn(f"  {label}: {words}"))


def marked(text: str, spans: Sequence[Span], width: int) -> Iterator[Text]:
    """The text in lines of at most `width` cells, and under each the spans in it."""
    shown = drawn(text)
    labels = sorted({span.label for span in spans})
    styles = {label: _STYLES[i % len(_STYLES)] for i, label in enumerate(labels)}
    for start, end in lines(shown, width):
        line = Text(shown[start:end].rstrip())
        in_line = []
        for span in spans:
            first, last = max(span.start, start), min(span.end, end)
            if first < last:
                line.stylize(f"bold {styles[span.label]}", first - start, last - start)
                column = cell_len(shown[start:first])
                cells = max(cell_len(shown[start:last]) - column, 1)
                label = span.label if span.start >= start else ""
                place = min(column, max(width - cell_len(label), 0))
                in_line.append(Mark(column, cells, label, place))
        yield line
        for lane in lanes(in_line):
            yield _row([(m.column, _MARK * m.width, styles.get(m.label, "dim")) for m in lane])
            if any(m.label for m in lane):
                yield _row([(m.place, m.label, styles.get(m.label, "dim")) for m in lane])


def lanes(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks in as few rows as there must be, so that neither they nor their labels touch."""
    rows: list[list[Mark]] = []
    ends: list[int] = []
    for mark in sorted(marks):
        free = next((i for i, end in enumerate(ends) if end <= mark.place), len(rows))
        if free == len(rows):
            rows.append([])
            ends.append(0)
        rows[free].append(mark)
        ends[free] = max(mark.column + mark.width, mark.place + cell_len(mark.label)) + 1
    return rows


def lines(text: str, width: int) -> Iterator[tuple[int, int]]:
    """(start, end) of lines of at most `width` cells, cut after a blank where there is one."""
    start = cells = blank = 0
    for i, character in enumerate(text):
        size = cell_len(character)
        if cells + size > width and i > start:
            cut = blank if blank > start else i
            yield start, cut
            start, cells = cut, cell_len(text[cut:i])
        cells += size
        if character == " ":
            blank = i + 1
    yield start, len(text)


def _row(pieces: Sequence[tuple[int, str, str]]) -> Text:
    row = Text()
    for column, string, style in pieces:
        row.append(" " * (column - row.cell_len))
        row.append(string, style=style)
    return row


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
    for _, shard in shards.record_shards(folder, [wanted.split] if wanted.split else SPLITS):
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
        what = f"there is no record {wanted.id!r}, or the other options leave it out"
        todo = f"ids are dataset/split/number, `iepile show {name}` shows some; "
        todo += "see --split, --dropped and --grep"
        raise RawFileError(what, where=folder, todo=todo)
    if wanted.dropped and wanted.dropped not in reasons:
        listed = ", ".join(f"{reason} ({n:,})" for reason, n in sorted(reasons.items()))
        what = f"nothing was dropped for the reason {wanted.dropped!r}"
        raise RawFileError(what, where=folder, todo=f"the reasons here are: {listed or 'none'}")
    yield Text(f"{shown:,} of {counted(matching, 'records')} shown", style="dim")


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
        yield from marked(row["excerpt"], [], width)
        yield Text(f"  lost: {', '.join(lost) or 'nothing'}")
        yield Text()
    shown = f"{min(len(rows), wanted.n):,} of {counted(len(rows), 'rejects')} shown"
    yield Text(shown, style="dim")


def _furthest(name: str, folders: Folders) -> tuple[Path, Path | None]:
    """The folder of the last stage that has records of this dataset; dedupe's, if it ran."""
    clean, normalized, dedupe = (folders[s] / name for s in ("clean", "normalize", "dedupe"))
    if shards.record_shards(clean):
        return clean, dedupe if shards.record_shards(dedupe) else None
    if shards.record_shards(normalized):
        return normalized, None
    raise _not_yet(name, normalized)


def _not_yet(name: str, folder: Path) -> RawFileError:
    todo = f"make them first: `dvc repro`, `iepile run`, or `iepile normalize {name}`"
    return RawFileError(f"there are no records of {name} yet", where=folder, todo=todo)


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
    (of_row,) = from_table(pa.Table.from_pylist([row], schema=RECORDS))
    yield from record(of_row, width)
