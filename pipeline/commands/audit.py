"""`iepile audit`: what became of every record, from the last report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, workspace

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    from pipeline import report

    parser = command(
        commands,
        "audit",
        "print what became of every record",
        "Records in, dropped, kept, and instructions, per dataset, of the last report.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="as CSV, with a column for every reason")
    form.add_argument("--json", action="store_true", help="as JSON, an object for every row")
    parser.add_argument(
        "--table",
        choices=(*report.COUNTED, *report.PLOTTED),
        metavar="NAME",
        help="one table of the report: %(choices)s (with --csv or --json: datasets)",
    )
    common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the summary, or a table of the report."""
    from pipeline import report
    from pipeline.execution import ownership, shards
    from pipeline.terminal import listing

    ws = workspace(arguments)
    with ownership.reading(ws.out):
        if arguments.csv or arguments.json or arguments.table:
            table = report.tables(ws.out)[arguments.table or "datasets"]
            if arguments.csv:
                text = table.to_csv(index=False)
            elif arguments.json:
                text = table.to_json(orient="records", force_ascii=False)
            else:
                text = listing.table([*table.columns], table.astype(object).values.tolist())
        else:
            path = ws.folders["report"] / "counts.json"
            text = listing.summary(shards.read_json(path, "datasets", "skipped", "edition"))
    print(text.rstrip("\n"))
    return 0
