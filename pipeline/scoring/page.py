"""The mistakes of a model as one page of HTML, to read and share."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

_STYLE: Final = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .5rem; text-align: left }
"""
_SCORES: Final = "task dataset split measure rows missing precision recall f1"
_EXAMPLES: Final = "kind record_id label predicted gold_label gold"


def page(scores: Mapping[str, Any]) -> str:
    """The page for the result of `evaluation.score`, with the examples that were kept."""
    parts = ["<h1>Scores and mistakes</h1>"]
    parts.append(_table([*scores["scores"], *scores["totals"]], _SCORES))
    for entry in scores["scores"]:
        if entry.get("mistakes"):
            counts = ", ".join(f"{kind} {n:,}" for kind, n in entry["mistakes"].items())
            title = " ".join(entry[key] for key in ("task", "dataset", "split"))
            parts += [f"<h2>{escape(title)}</h2>", f"<p>{escape(counts)}</p>"]
            parts.append(_table(sorted(entry["examples"], key=lambda row: row["kind"]), _EXAMPLES))
    head = f'<meta charset="utf-8"><title>Scores and mistakes</title><style>{_STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _table(rows: Sequence[Mapping[str, Any]], columns: str) -> str:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=columns.split()).rename(
        columns=lambda c: c.replace("_", " ")
    )
    for column in {"predicted", "gold"} & {*frame}:
        # A mistake may have no strings of one side; where none has, the column is of numbers.
        frame[column] = frame[column].map(" | ".join, na_action="ignore")
    with pd.option_context("display.max_colwidth", None):
        table: str = frame.to_html(index=False, border=0, na_rep="")
    return table
