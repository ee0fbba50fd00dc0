"""The mistakes of a model as one page of HTML, to read and share."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

_STYLE: Final = """\
html { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 2rem 1rem }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid #888; padding: .25rem .5rem .25rem 0; text-align: left }
"""
_TITLE: Final = f"<title>Scores and mistakes</title><style>{_STYLE}</style>"
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
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{_TITLE}'
    body = "\n".join(["<body><main>", *parts, "</main></body>"])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n{body}</html>\n'


def _table(rows: Sequence[Mapping[str, Any]], columns: str) -> str:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=columns.split())
    frame = frame.rename(columns=lambda c: c.replace("_", " "))
    for column in {"predicted", "gold"} & {*frame}:
        # A mistake may have no strings of one side; where none has, the column is of numbers.
        frame[column] = frame[column].map(" | ".join, na_action="ignore")
    with pd.option_context("display.max_colwidth", None):
        table: str = frame.to_html(index=False, border=0, na_rep="")
    return table
