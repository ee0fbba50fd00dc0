"""The command `iepile`: one subcommand per stage, and one for all of them without DVC."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.run import Workspace

_EACH = {
    "normalize": "read the raw files of datasets into checked records",
    "clean": "tag the records that a cleaning rule drops",
    "instruct": "turn the records of datasets into instructions",
}
_ALL = {
    "dedupe": "find duplicates, and train texts that occur in a test split",
    "negatives": "build the hard-negative dictionary",
    "publish": "gather the instructions into the corpus",
    "report": "count what became of every record",
}


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(
        prog="iepile",
        description="Turn raw information-extraction datasets into a schema-based instruction corpus.",
        epilog="The stages run in this order: normalize clean dedupe negatives instruct publish "
        "report. `dvc repro` runs those that have changed, `iepile run` runs all.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in {**_EACH, **_ALL}.items():
        sub = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name in _EACH:
            sub.add_argument(
                "ids", nargs="*", metavar="ID", help="datasets (default: all of params.yaml)"
            )
        _common(sub)
    run = commands.add_parser(
        "run",
        help="run all stages without DVC",
        description="Run all stages in order and put everything under one folder. Datasets whose "
        "raw files are absent are skipped, with a line that says so.",
    )
    _common(run)
    run.add_argument("--datasets", metavar="A,B", help="only these (default: the whole catalogue)")
    audit = commands.add_parser(
        "audit",
        help="print what became of every record",
        description="Print the summary of the last report: records in, dropped by reason, kept, "
        "and instructions, per dataset.",
    )
    _common(audit)
    datasets = commands.add_parser(
        "datasets", help="list the catalogue", description="List the datasets of the catalogue."
    )
    _common(datasets)
    form = datasets.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="as the table of the README")
    form.add_argument("--json", action="store_true", help="as JSON")
    return top


def _common(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--params", type=Path, metavar="FILE", help="parameters (default: params.yaml)"
    )
    sub.add_argument("--raw", type=Path, metavar="DIR", help="raw folders, one per dataset")
    sub.add_argument(
        "--manifests", type=Path, metavar="DIR", help="manifests <id>.toml from outside"
    )
    sub.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: output)")
    sub.add_argument(
        "--workers", type=_positive, metavar="N", help="processes (default: one per core)"
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a problem with data or declarations, 2 a wrong call."""
    arguments = parser().parse_args(argv)
    from pipeline.errors import PipelineError

    try:
        return _run(arguments)
    except PipelineError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was begun is not kept, run the same command again", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from pipeline import catalog, run

    ws = _workspace(arguments)
    name = arguments.command
    if name == "datasets":
        from pipeline import listing

        form = "markdown" if arguments.markdown else "json" if arguments.json else "table"
        print(listing.catalogue(ws, form))
        return 0
    if name == "run":
        names = arguments.datasets.split(",") if arguments.datasets else catalog.ids()
        counts = run.everything([n.strip() for n in names if n.strip()], ws, _say)
        _summary(counts)
        return 0
    if name == "audit":
        from pipeline import shards

        _summary(shards.read_json(ws.folders["reports"] / "counts.json"))
        return 0
    names = getattr(arguments, "ids", None) or [*ws.settings.datasets]
    stage = getattr(run, name)
    if name in _EACH:
        for dataset in names:
            stage(dataset, ws)
        return 0
    stage(names, ws)
    return 0


def _workspace(arguments: argparse.Namespace) -> Workspace:
    import os

    from pipeline import config
    from pipeline.run import Workspace

    path = arguments.params or Path("params.yaml")
    settings = config.load(path)
    out = arguments.out or Path("output")
    return Workspace(
        settings=settings,
        raw=arguments.raw or Path(settings.raw),
        out=out,
        dictionaries=out / "dictionaries" if arguments.out else Path("dictionaries"),
        manifests=arguments.manifests,
        workers=arguments.workers or os.cpu_count() or 1,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _summary(counts: object) -> None:
    from pipeline import listing

    print(listing.summary(counts))


if __name__ == "__main__":
    sys.exit(main())
