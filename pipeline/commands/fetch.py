"""`iepile fetch`: the raw files of datasets, from their authors or from a mirror."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, edition_of, positive, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pipeline.catalog import Dataset


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "fetch",
        "get the raw files of datasets",
        "Downloads to raw/full/<id>, verifies hashes, goes on where it was stopped, and says under "
        "which licence the files stand and how to get what cannot be downloaded. Exit code 1 if a "
        "file is missing in the end.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", metavar="ID", default=[], help="datasets")
    which.add_argument("--all-open", action="store_true", help="every dataset with open access")
    parser.add_argument("--raw", type=Path, metavar="DIR", help="where to (default: raw/full)")
    parser.add_argument(
        "--mirror",
        metavar="URL_OR_DIR",
        help="take the files from <mirror>/<id>/<path>, laid out as a raw folder is",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only ask whether every address answers, and download nothing; exit code 1 if not",
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        default=60,
        metavar="SECONDS",
        help="give up a connection that is silent for so long (default: 60)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetch one dataset after the other; say what an interrupted call has left."""
    from pipeline import catalog

    names = arguments.ids
    if arguments.all_open:
        names = [name for name in catalog.ids() if catalog.load(name).access == "open"]
    datasets = [catalog.load(name) for name in names]
    if arguments.check:
        return _checked(datasets, arguments.timeout)
    raw = arguments.raw or Path("raw/full")
    try:
        return _fetched(datasets, arguments, raw)
    except KeyboardInterrupt:
        say(
            f"stopped; what has arrived is kept in {raw / '.fetch'}, and the same command goes on "
            "from there; only files that nothing verifies begin anew"
        )
        return 130


def _checked(datasets: Sequence[Dataset], timeout: int) -> int:
    from pipeline.fetching import checking
    from pipeline.fetching.http import Network
    from pipeline.text import visible

    code = 0
    for dataset in datasets:
        for answer in checking.check(dataset, Network(timeout=timeout)):
            code = 1 if answer.problem else code
            print(visible(f"{dataset.id}: {answer.problem or answer}"), flush=True)
    return code


def _fetched(datasets: Sequence[Dataset], arguments: argparse.Namespace, raw: Path) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from pipeline import fetching
    from pipeline.fetching.http import Network
    from pipeline.text import drawn, visible

    network = Network(timeout=arguments.timeout)
    lacking = 0
    silent: set[str] = set()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        for dataset in datasets:
            told = visible(f"{dataset.id}: licence {dataset.terms}")
            bar.print(told, soft_wrap=True, markup=False, highlight=False)
            task = bar.add_task(dataset.id, total=None)

            def tell(path: str, done: int, total: int | None, task: Any = task) -> None:
                bar.update(task, description=drawn(path), completed=done, total=total)

            folder = raw / dataset.id
            outcome = fetching.fetch(dataset, folder, network, arguments.mirror, tell, silent)
            bar.remove_task(task)
            bar.print(f"{dataset.id}: {len(outcome.ready)} files ready", soft_wrap=True)
            for problem in outcome.problems:
                bar.print(visible(f"{dataset.id}: {problem}"), soft_wrap=True, markup=False)
            lacking += len(outcome.problems)
    if not lacking:
        say(f"next: `iepile edition {edition_of(raw)}`, then `dvc repro`")
    return 1 if lacking else 0
