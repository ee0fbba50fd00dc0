"""`iepile datasets`: the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import workspace

if TYPE_CHECKING:
    import argparse

    from pipeline.catalog import Dataset
    from pipeline.commands.layout import Workspace


def run(arguments: argparse.Namespace) -> int:
    """Print the catalogue."""
    import json

    from pipeline import catalog
    from pipeline.terminal import listing

    ws = workspace(arguments)
    entries = [_entry(ws.dataset(name), ws) for name in catalog.ids()]
    if arguments.json:
        print(json.dumps(entries, ensure_ascii=False, indent=2))
    else:
        print(listing.catalogue(entries, licenses=arguments.licenses))
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
        "quality": dataset.quality.use,
        "quality_why": dataset.quality.why,
        "access": dataset.access,
        "license": dataset.license,
        "license_url": dataset.license_url,
        "restrictions": list(dataset.restrictions),
        "license_note": dataset.license_note,
        "records": sum(n for n in counts if n) or None,
        "raw_present": raw_files.present(folder, manifest),
    }
