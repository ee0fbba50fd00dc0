"""`iepile audit`: what became of every record, from the last report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, common, workspace

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "audit",
        "print what became of every record",
        "Records in, dropped by reason, kept, and instructions, per dataset, of the last report.",
    )
    common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the summary."""
    from pipeline.execution import ownership, shards
    from pipeline.terminal import listing

    ws = workspace(arguments)
    with ownership.reading(ws.out):
        path = ws.folders["report"] / "counts.json"
        counts = shards.read_json(path, "datasets", "skipped", "edition")
    print(listing.summary(counts))
    return 0
