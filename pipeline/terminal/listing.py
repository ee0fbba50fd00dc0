"""Tables for people: the catalogue, and the summary of a run."""

from __future__ import annotations

import io
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

from pipeline.catalog import editions
from pipeline.errors import DeclarationError
from pipeline.execution import shards
from pipeline.report import figures
from pipeline.text import drawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> str:
    """A text table; numbers stand right, Chinese characters count as two columns wide."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    grid = Table(
        title=title or None, box=None, pad_edge=False, show_edge=False, header_style="bold"
    )
    for i, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int) for row in rows)
        # Ids stand in the first column, and are not broken if anything else can be.
        least = min(max((cell_len(str(row[0])) for row in rows), default=0), 24) if i == 0 else None
        grid.add_column(
            name, justify="right" if numeric else "left", overflow="fold", min_width=least
        )
    for row in rows:
        grid.add_row(*(f"{c:,}" if isinstance(c, int) else drawn(str(c)) for c in row))
    target = io.StringIO()
    Console(file=target, width=width(), highlight=False, markup=False).print(grid)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def width() -> int:
    """The columns that a table may take: those of the terminal, or many in a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 180


def summary(counts: Any) -> str:
    """What a run made of each dataset, in as many columns as the terminal has room for."""
    totals = figures.totals(counts)
    whole = totals.pop("")
    columns = ["dataset", "rows read", "rejected", "records", "dropped", "kept", "instructions"]
    if width() >= 120:
        columns[3:3] = ["merged"]
        columns[6:6] = ["mostly"]
    if width() >= 160:
        columns.append("instructions by task")
    lines = [_line(name, total, counts["datasets"][name]) for name, total in totals.items()]
    if totals:
        lines.append(_line("total", whole, {"instructions": {}}))
    warning = editions.warning(counts["edition"]["invented"], len(totals))
    return "\n".join(
        [
            *([f"{drawn(warning)}\n"] if warning else ()),
            table(columns, [[line[column] for column in columns] for line in lines]),
            *(
                ["dropped: " + _reasons(whole["dropped"], 3)]
                if any(whole["dropped"].values())
                else ()
            ),
            *(drawn(f"skipped {name}: {why}") for name, why in counts["skipped"].items()),
        ]
    )


def _line(name: str, total: Any, dataset: Any) -> dict[str, object]:
    """What became of a dataset, by the names of the columns."""
    by_task = {
        task: sum(split["instructions"] for split in by_split.values())
        for task, by_split in dataset["instructions"].items()
    }
    return {
        "dataset": name,
        "rows read": total["rows"],
        "rejected": total["rejected"],
        "merged": total["merged_rows"],
        "records": total["records"],
        "dropped": total["records"] - total["kept"],
        "mostly": _reasons(total["dropped"], 1),
        "kept": total["kept"],
        "instructions": total["instructions"],
        "instructions by task": ", ".join(f"{task} {n:,}" for task, n in by_task.items()),
    }


def _reasons(dropped: Mapping[str, int], most: int) -> str:
    """The reasons for which most records were dropped, with their counts."""
    by_count = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {n:,}" for reason, n in by_count[:most] if n)


#: The columns of the catalogue, and of its licences.
_FIELDS: Final = ("id", "title", "tasks", "language", "use", "access", "license", "records")
LICENSES: Final = ("id", "access", "license", "restrictions", "license_url", "license_note")


def catalogue(entries: Sequence[dict[str, Any]], form: str, fields: Sequence[str] = _FIELDS) -> str:
    """The catalogue, an entry per dataset, as a text table, a table in Markdown, or JSON."""
    if form == "json":
        return json.dumps(entries, ensure_ascii=False, indent=2)
    if form == "table":
        if fields == _FIELDS:
            fields = [*fields, "raw_present"]
        if width() < 160:
            fields = [field for field in fields if field not in ("title", "license_note")]
        if width() < 100:
            fields = [field for field in fields if field not in ("use", "license_url")]
        names = ["raw" if field == "raw_present" else field for field in fields]
        return table(names, [[_cell(e[f]) for f in fields] for e in entries])
    rule = "".join("---:|" if field == "records" else "---|" for field in fields)
    lines = [f"| {' | '.join(fields)} |", f"|{rule}"]
    lines += ["| " + " | ".join(_cell(e[f]) for f in fields) + " |" for e in entries]
    return "\n".join(lines)


_COVERAGE: Final = """# What the annotation of each dataset covers

An absent label is an answer only where annotators looked for it. "complete": every label,
everywhere in a text. "pair": the labels of a chosen pair. "event": a chosen event. "partial":
most of what there is. What is asked follows from it (`instruct.incomplete`): of a "pair" dataset,
about the pair, which the instruction gives; of an "event" dataset, the arguments of the events;
of a "partial" one, no label that a positive one makes doubtful. Where no reading of records is
told, the papers are the source.
Written by `make docs`.
"""


def coverage(datasets: Sequence[Dataset]) -> str:
    """A page in Markdown: what the annotation of each dataset covers, and how that is known."""
    lines = [_COVERAGE, "| dataset | covers | makes doubtful | source |", "|---|---|---|---|"]
    for dataset in datasets:
        tasks: dict[str, list[str]] = {}
        for task in dataset.tasks:
            tasks.setdefault(dataset.coverage.get(task, "complete"), []).append(task)
        cells = [
            dataset.id,
            "; ".join(f"{', '.join(own)}: {covers}" for covers, own in tasks.items()),
            "; ".join(f"{label}: {', '.join(own)}" for label, own in dataset.implied.items()),
            dataset.coverage_source or "not declared",
        ]
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines)


def renew(path: Path, markdown: str) -> None:
    """Put the table between the markers of a Markdown file."""
    begin, end = "<!-- datasets -->\n", "<!-- /datasets -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise DeclarationError(
            f"no {begin.strip()} ... {end} in this file",
            where=path,
            todo="put these two lines where the table belongs",
        )
    shards.write_text(f"{before}{begin}{markdown}\n{end}{after}", path)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return drawn(" ".join(text.replace("|", "/").split()))
