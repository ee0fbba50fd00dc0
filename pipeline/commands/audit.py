"""`iepile audit`: what became of every record, from the last report."""

from __future__ import annotations

from pipeline import report
from pipeline.commands import Arguments, reading
from pipeline.execution import shards
from pipeline.terminal import listing


def run(arguments: Arguments) -> int:
    """Print the summary, or a table of the report."""
    with reading(arguments) as folders:
        run = folders["report"].parent
        if arguments.csv or arguments.json or arguments.table:
            table = report.tables(run)[arguments.table or "datasets"]
            if arguments.csv:
                text = table.to_csv(index=False)
            elif arguments.json:
                text = table.to_json(orient="records", force_ascii=False)
            else:
                names, rows = [*table.columns], table.astype(object).values.tolist()
                text = listing.table(names, rows, names[:2:-1], "see all:   --csv")
        else:
            path = folders["report"] / "counts.json"
            text = listing.summary(shards.read_json(path, "datasets", "skipped", "edition"), run)
    print(text.rstrip("\n"))
    return 0
