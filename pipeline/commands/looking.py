"""What there is to see: the catalog, the report of a run, its records and labels."""

import json
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from pipeline import catalog, report
from pipeline.catalog import Dataset, raw_files
from pipeline.commands import Arguments
from pipeline.commands.layout import Workspace, reading, workspace
from pipeline.errors import DeclarationError
from pipeline.execution import atomic, shards
from pipeline.negatives import interchange
from pipeline.report import figures, page
from pipeline.terminal import listing, showing

_DECLARED = (
    *("id", "title", "source", "tasks", "language", "use", "access"),
    *("license", "license_url", "restrictions", "license_note"),
)


def datasets(arguments: Arguments) -> int:
    """Print the catalog."""
    ws = workspace(arguments)
    entries = [_entry(ws.dataset(name), ws) for name in catalog.ids()]
    if arguments.json:
        print(json.dumps(entries, ensure_ascii=False, indent=2))
    else:
        print(listing.catalog(entries, licenses=arguments.licenses))
    return 0


def _entry(dataset: Dataset, ws: Workspace) -> dict[str, Any]:
    """Return what a declaration says of a dataset, its size, and whether its files are here."""
    counts = [split.counts.get("records") for split in dataset.splits.values()]
    return {key: getattr(dataset, key) for key in _DECLARED} | {
        "quality": dataset.quality.use,
        "quality_why": dataset.quality.why,
        "records": sum(n for n in counts if n) or None,
        "raw_present": raw_files.present(*raw_files.edition(dataset, ws.raw, ws.manifests)),
    }


_CSV: Final = "iepile audit --csv --table"


def audit(arguments: Arguments) -> int:
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


def show(arguments: Arguments) -> int:
    """Print what was asked for."""
    name = arguments.id.partition("/")[0]
    catalog.load(name)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    lines_of = showing.rejects if arguments.rejects else showing.records
    with reading(arguments) as folders:
        for line in lines_of(name, folders, arguments, console.width):
            console.print(line)
    return 0


def labels(arguments: Arguments) -> int:
    """Print what the last report found."""
    with reading(arguments) as folders:
        tables = shards.read_json(folders["report"] / "labels.json", "same", "conflicts")
    text = (arguments.near or "").casefold()
    rows = [
        row
        for row in tables["conflicts" if arguments.conflicts else "same"]
        if text in f"{row['a'][1]}\n{row['b'][1]}".casefold()
    ]
    columns = ["task", "label", "datasets", "alike"]
    columns += ["left by the second", "left by the first"] if arguments.conflicts else []
    cells = [
        [
            f"{row['task']}-{row['language']}",
            *(" / ".join(dict.fromkeys((row["a"][n], row["b"][n]))) for n in (1, 0)),
            f"{row['similarity']:.2f}",
            *(_left(row[side]) for side in ("left_by_b", "left_by_a") if arguments.conflicts),
        ]
        for row in rows
    ]
    if not rows:
        kind = "mean two things" if arguments.conflicts else "mean the same in two datasets"
        print(f"no names {f'that hold {arguments.near!r} ' if text else ''}{kind}")
        return 0
    print(listing.table(columns, cells))
    return 0


def _left(places: list[list[Any]]) -> str:
    """Strings that one dataset marks, and how often the other does not, or by which label."""
    return ", ".join(f"{s} ({'' if how == 'left' else how + ' '}{n})" for s, how, n in places[:3])


def neighbors(arguments: Arguments) -> int:
    """Print the near labels, best first, with what each signal says."""
    catalog.load(arguments.dataset)
    with reading(arguments) as folders:
        path = folders["negatives"] / arguments.dataset / interchange.NAME
        if not path.is_file():  # nothing has been run yet: try the dictionary that is in git
            path = Path("dictionaries", "hard_negatives", f"{arguments.dataset}.json")
        rows = interchange.neighbors(path, arguments.label, arguments.task)
    cells = []
    for row in rows:
        score = "-" if row["score"] is None else f"{row['score']:.2f}"
        signals = sorted(row["signals"].items(), key=lambda signal: -signal[1])
        why = [f"{name.replace('_', ' ')} {value:.2f}" for name, value in signals]
        cells.append([row["task"], row["label"], score, ", ".join(why)])
    print(listing.table(["task", "label", "score", "why: signals, strongest first"], cells))
    return 0
