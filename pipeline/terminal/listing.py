"""Tables for people: the catalog, and the summary of a run."""

import io
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from pipeline.catalog import editions
from pipeline.report import figures
from pipeline.text import drawn


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    spare: Sequence[str] = (),
    more: str = "",
) -> str:
    """A text table; numbers stand right, Chinese characters count as two columns wide.

    Where the terminal has no room, the columns in `spare` are left out, the first of them first.
    The last lines then name them, and say with `more` what shows them.
    """
    cells = [[f"{c:,}" if isinstance(c, int) else drawn(str(c)) for c in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    # A column that is empty in all rows says nothing.
    shown = [i for i in range(len(columns)) if not cells or any(row[i] for row in cells)]
    left_out: list[str] = []
    for name in spare:
        if sum(widths[i] + 2 for i in shown) - 2 <= width():
            break
        if (at := columns.index(name)) in shown:
            left_out.append(name)
            shown.remove(at)
    grid = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for i in shown:
        numeric = bool(rows) and all(isinstance(row[i], int) for row in rows)
        # Ids stand in the first column, and are not broken if anything else can be.
        least = min(widths[i], 24) if i == 0 else None
        justify: Literal["left", "right"] = "right" if numeric else "left"
        grid.add_column(columns[i], justify=justify, overflow="fold", min_width=least)
    for row in cells:
        grid.add_row(*(row[i] for i in shown))
    target = io.StringIO()
    Console(file=target, width=width(), highlight=False, markup=False).print(grid)
    lines = [line.rstrip() for line in target.getvalue().splitlines()]
    if left_out:
        names = f"not shown: {', '.join(left_out)}"
        fits = cell_len(names) <= width()
        lines += ["", names if fits else f"not shown: {len(left_out)} columns", more]
    return "\n".join(lines)


def wrapped(text: str, indent: int = 6) -> str:
    """A text cut into lines of the terminal's width; all but the first are indented."""
    return textwrap.fill(
        text,
        width(),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def width() -> int:
    """The columns that a table may take: those of the terminal, or 100 in a file or a pipe."""
    return shutil.get_terminal_size((100, 24)).columns


def summary(counts: Any, out: Path) -> str:
    """What the run in a folder made of each dataset, and where its results are."""
    totals = figures.totals(counts)
    whole = totals.pop("")
    lines = [_line(name, total, counts["datasets"][name]) for name, total in totals.items()]
    lines.append(_line("total", whole, {"instructions": {}}))
    reasons = _reasons(whole["dropped"], len(whole["dropped"]))
    warning = editions.warning(counts["edition"]["invented"], len(totals))
    corpus = out / "corpus"
    read_from = "" if out == Path("output") else f" --run {out}"
    return "\n".join(
        [
            *([f"{wrapped(drawn(warning), 0)}\n"] if warning else ()),
            table(
                [*lines[0]],
                [[*line.values()] for line in lines if totals],
                ("instructions by task", "merged", "main reason", "rejected"),
                "see all:   iepile audit --csv",
            ),
            "",
            *([wrapped(f"dropped: {reasons}", 9)] if reasons else ()),
            *(drawn(f"skipped {name}: {why}") for name, why in counts["skipped"].items()),
            *([f"corpus:  {corpus}"] if corpus.exists() else ()),
            f"page:    {out / 'reports' / 'index.html'}",
            f"next:    iepile export messages{read_from} --out messages",
        ]
    )


def _line(name: str, total: Any, dataset: Any) -> dict[str, object]:
    """What became of a dataset, by the names of the columns."""
    by_task = figures.by_task([dataset])
    return {
        "dataset": name,
        "rows read": total["rows"],
        "rejected": total["rejected"],
        "merged": total["merged_rows"],
        "records": total["records"],
        "dropped": total["records"] - total["kept"],
        "main reason": _reasons(total["dropped"], 1),
        "kept": total["kept"],
        "instructions": total["instructions"],
        "instructions by task": ", ".join(f"{task} {n:,}" for task, n in by_task.items()),
    }


def _reasons(dropped: Mapping[str, int], most: int) -> str:
    """The reasons for which most records were dropped, with their counts."""
    by_count = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {n:,}" for reason, n in by_count[:most] if n)


#: The columns of the catalog, and of its licenses.
_FIELDS: Final = (
    *("id", "title", "tasks", "language", "use", "access", "license", "records"),
    *("quality", "raw_present"),
)
_SPARE: Final = ("title", "use", "license", "access")
_LICENSES: Final = ("id", "access", "license", "restrictions", "license_url", "license_note")


def catalog(entries: Sequence[dict[str, Any]], *, licenses: bool) -> str:
    """The catalog as a table, a row per dataset: what it is, or what its license asks."""
    fields, spare = (_LICENSES, _LICENSES[-2:]) if licenses else (_FIELDS, _SPARE)
    names = ["raw" if field == "raw_present" else field for field in fields]
    rows = [[_cell(entry[field]) for field in fields] for entry in entries]
    return table(names, rows, spare, "see all:   iepile datasets --json")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
