"""`iepile audit`: what became of every record, from the last report."""

from pathlib import Path
from typing import Final

from pipeline import report
from pipeline.commands import Arguments, reading
from pipeline.errors import DeclarationError
from pipeline.execution import atomic, shards
from pipeline.report import figures, page
from pipeline.terminal import listing

_CSV: Final = "iepile audit --csv --table"


def run(arguments: Arguments) -> int:
    """Print the summary, or a table of the report."""
    if arguments.page and not arguments.against:
        what = "--page writes the page that tells what differs from another run"
        raise DeclarationError(what, where="iepile audit", todo="name that run: --against DIR")
    with reading(arguments) as folders:
        run = folders["report"].parent
        if arguments.against:
            _compare(arguments, folders["report"])
            return 0
        if arguments.csv or arguments.json or arguments.table:
            table = report.tables(run)[arguments.table or "datasets"]
            if arguments.csv:
                text = table.to_csv(index=False)
            elif arguments.json:
                text = table.to_json(orient="records", force_ascii=False)
            else:
                names, rows = [*table.columns], table.astype(object).values.tolist()
                text = listing.table(
                    names, rows, names[:2:-1], f"see all:   {_CSV} {arguments.table}"
                )
        else:
            path = folders["report"] / "counts.json"
            text = listing.summary(shards.read_json(path, "datasets", "skipped", "edition"), run)
    print(text.rstrip("\n"))
    return 0


def _compare(arguments: Arguments, here: Path) -> None:
    """Print what differs from another run; with --page, write the page that tells so."""
    there = atomic.place(str(arguments.against)) / "reports"
    counts = [shards.read_json(f / "counts.json", "datasets") for f in (there, here)]
    rows = figures.changes(*counts)
    before, after = ({*run["datasets"]} for run in counts)
    lines = [[*row, row[-1] - row[-2]] for row in rows if row[0] in before & after]
    columns = ["dataset", "split", "figure", "there", "here", "difference"]
    print(listing.table(columns, lines) if lines else "No count differs.")
    for place, names in (("there", before - after), ("here", after - before)):
        if names:
            print(listing.wrapped(f"only {place}: {', '.join(sorted(names))}"))
    if arguments.page:
        text = (here / "index.html").read_text(encoding="utf-8")
        changes = {"against": str(arguments.against), "rows": rows}
        shards.write_text(page.with_changes(text, changes), arguments.page)
        print(f"page:    {arguments.page}")
