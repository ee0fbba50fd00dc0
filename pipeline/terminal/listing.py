"""Tables for people: the catalogue, and the summary of a run."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Final

from pipeline.catalog import editions
from pipeline.errors import DeclarationError
from pipeline.execution import shards
from pipeline.report import figures
from pipeline.text import drawn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> str:
    """A text table; numbers stand right, Chinese characters count as two columns wide."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(
        title=title or None, box=None, pad_edge=False, show_edge=False, header_style="bold"
    )
    for i, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int) for row in rows)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(f"{c:,}" if isinstance(c, int) else drawn(str(c)) for c in row))
    target = io.StringIO()
    Console(file=target, width=180, highlight=False, markup=False).print(grid)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def summary(counts: Any) -> str:
    """What a run made of each dataset: rows read, records, dropped by reason, kept, asked."""
    totals = figures.totals(counts)
    whole = totals.pop("")
    rows = [_line(name, own, counts["datasets"][name]) for name, own in totals.items()]
    columns = ["dataset", "rows read", "rejected", "merged", "records", "dropped by reason"]
    columns += ["kept", "instructions by task", "total"]
    if rows:
        rows.append(_line("total", whole, None))
    warning = editions.warning(counts["edition"]["invented"], len(totals))
    lines = [*([f"{drawn(warning)}\n"] if warning else ()), table(columns, rows)]
    lines += [drawn(f"skipped {name}: {why}") for name, why in counts["skipped"].items()]
    return "\n".join(lines)


def _line(name: str, own: Any, dataset: Any) -> list[object]:
    dropped = (f"{reason} {n:,}" for reason, n in own["dropped"].items() if n)
    asked = {
        task: sum(split["instructions"] for split in by_split.values())
        for task, by_split in (dataset["instructions"] if dataset else {}).items()
    }
    return [
        name,
        *(own[key] for key in ("rows", "rejected", "merged_rows", "records")),
        ", ".join(dropped) or "-",
        own["kept"],
        ", ".join(f"{task} {n:,}" for task, n in asked.items()),
        own["instructions"],
    ]


#: The columns of the catalogue, and of its licences.
_FIELDS: Final = ("id", "title", "tasks", "language", "use", "access", "license", "records")
LICENSES: Final = ("id", "access", "license", "restrictions", "license_url", "license_note")


def catalogue(entries: Sequence[dict[str, Any]], form: str, fields: Sequence[str] = _FIELDS) -> str:
    """The catalogue, an entry per dataset, as a text table, a table in Markdown, or JSON."""
    if form == "json":
        return json.dumps(entries, ensure_ascii=False, indent=2)
    if form == "table":
        fields = [*fields, "raw_present"] if fields == _FIELDS else fields
        return table(fields, [[_cell(e[f]) for f in fields] for e in entries])
    rule = "".join("---:|" if field == "records" else "---|" for field in fields)
    lines = [f"| {' | '.join(fields)} |", f"|{rule}"]
    lines += ["| " + " | ".join(_cell(e[f]) for f in fields) + " |" for e in entries]
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
