"""`iepile datasets`: the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, sources, workspace

if TYPE_CHECKING:
    import argparse

    from pipeline.catalog import Dataset
    from pipeline.commands.layout import Workspace


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(commands, "datasets", "list the datasets of the catalogue")
    sources(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as the table of the README")
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--coverage", action="store_true", help="what their annotation covers")
    parser.add_argument(
        "--licenses", action="store_true", help="under which licences, and what these ask"
    )
    form.add_argument("--into", type=Path, metavar="FILE", help="renew the table in this file")


def run(arguments: argparse.Namespace) -> int:
    """Print the catalogue, or put it into a file."""
    from pipeline import catalog
    from pipeline.terminal import listing

    ws = workspace(arguments)
    if arguments.coverage:
        print(listing.coverage([ws.dataset(name) for name in catalog.ids()]))
        return 0
    entries = [_entry(ws.dataset(name), ws) for name in catalog.ids()]
    if arguments.into:
        listing.renew(arguments.into, listing.catalogue(entries, "markdown"))
        return 0
    form = "markdown" if arguments.markdown else "json" if arguments.json else "table"
    if arguments.licenses:
        print(listing.catalogue(entries, form, listing.LICENSES))
    else:
        print(listing.catalogue(entries, form))
    return 0


def _entry(dataset: Dataset, ws: Workspace) -> dict[str, Any]:
    from pipeline.catalog import raw_files

    folder, manifest = raw_files.edition(dataset, ws.raw, ws.manifests)
    counts = (split.counts.get("records") for split in dataset.splits.values())
    return {
        "id": dataset.id,
        "title": dataset.title,
        "source": dataset.source,
        "tasks": list(dataset.tasks),
        "language": dataset.language,
        "use": dataset.use,
        "access": dataset.access,
        "license": dataset.license,
        "license_url": dataset.license_url,
        "restrictions": list(dataset.restrictions),
        "license_note": dataset.license_note,
        "records": sum(n for n in counts if n) or None,
        "raw_present": raw_files.present(folder, manifest),
    }
