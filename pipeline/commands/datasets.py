"""`iepile datasets`: the catalog."""

import json
from typing import Any

from pipeline import catalog
from pipeline.catalog import Dataset, raw_files
from pipeline.commands import Arguments, workspace
from pipeline.commands.layout import Workspace
from pipeline.terminal import listing

_DECLARED = (
    *("id", "title", "source", "tasks", "language", "use", "access"),
    *("license", "license_url", "restrictions", "license_note"),
)


def run(arguments: Arguments) -> int:
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
