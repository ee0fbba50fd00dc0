"""The mistakes of a model as one page of HTML, to read and share."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_STYLE: Final = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .5rem; text-align: left }
"""
_SCORES: Final = (
    "task",
    "dataset",
    "split",
    "measure",
    "rows",
    "missing",
    "precision",
    "recall",
    "f1",
)
_EXAMPLES: Final = ("kind", "record_id", "label", "predicted", "gold_label", "gold")


def page(scores: Mapping[str, Any]) -> str:
    """The page for the result of `evaluation.score`, with the examples that were kept."""
    parts = [_table(_SCORES, [*scores["scores"], *scores["totals"]])]
    for entry in scores["scores"]:
        if not entry.get("mistakes"):
            continue
        counts = ", ".join(f"{kind} {n:,}" for kind, n in entry["mistakes"].items())
        title = " ".join(entry[key] for key in ("task", "dataset", "split"))
        parts += [f"<h2>{escape(title)}</h2>", f"<p>{escape(counts)}</p>"]
        parts.append(_table(_EXAMPLES, sorted(entry["examples"], key=lambda row: row["kind"])))
    head = f'<meta charset="utf-8"><title>Scores and mistakes</title><style>{_STYLE}</style>'
    body = "\n".join(["<h1>Scores and mistakes</h1>", *parts])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{escape(column.replace('_', ' '))}</th>" for column in columns)
    lines = [
        "<tr>" + "".join(f"<td>{_cell(row.get(column, ''))}</td>" for column in columns) + "</tr>"
        for row in rows
    ]
    return "\n".join(["<table>", f"<tr>{head}</tr>", *lines, "</table>"])


def _cell(value: Any) -> str:
    return escape(" | ".join(value) if isinstance(value, list) else str(value))
