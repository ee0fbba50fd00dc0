"""`iepile fetch`: the raw files of datasets, from their authors or from a mirror."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from pipeline import catalog, fetching
from pipeline.adding import importing
from pipeline.catalog import Dataset
from pipeline.commands import Arguments, edition_of, say
from pipeline.errors import PipelineError, counted
from pipeline.fetching import checking, unified
from pipeline.fetching.http import Network
from pipeline.fetching.obtaining import Errand
from pipeline.text import drawn, visible


def run(arguments: Arguments) -> int:
    """Fetch one dataset after the other, or ask their addresses alone."""
    if arguments.edition:
        datasets = unified.sets(arguments.only)
    else:
        names = arguments.ids
        if arguments.all_open:
            names = [name for name in catalog.ids() if catalog.load(name).access == "open"]
        datasets = [catalog.load(name) for name in names]
    if arguments.check:
        return _checked(datasets, arguments.timeout)
    raw = arguments.raw or Path("raw", arguments.edition or "full")
    code = (_edition if arguments.edition else _fetched)(datasets, arguments, raw)
    if arguments.edition or not code:
        say(f"next: `iepile use {edition_of(raw)}`, then `dvc repro`")
    return code


def _edition(sets: Sequence[Dataset], arguments: Arguments, raw: Path) -> int:
    """Fetch every set of the edition, and import it as a dataset of its own."""
    network, code = Network(timeout=arguments.timeout), 0
    for declared in sets:
        if (raw / declared.id).exists() and catalog.file_of(declared.id).exists():
            say(f"{declared.id}: is there already")
            continue
        dataset = declared
        if arguments.mirror is None:
            dataset, lacking = unified.there(declared, network)
            if lacking:
                say(f"{dataset.id}: nothing is published for {', '.join(lacking)}")
        unpacked = raw / ".unified"
        if _fetched([dataset], arguments, unpacked):
            code = 1
            continue
        try:
            counts = importing.run(unpacked / dataset.id, dataset, raw)
        except PipelineError as problem:
            say(visible(f"{dataset.id}: {problem}"))
            code = 1
            continue
        shutil.rmtree(unpacked / dataset.id)
        say(f"{dataset.id}: {counted(counts['records'], 'records')} imported")
    return code


def _checked(datasets: Sequence[Dataset], timeout: int) -> int:
    code = 0
    for dataset in datasets:
        for answer in checking.check(dataset, Network(timeout=timeout)):
            code = 1 if answer.problem else code
            print(visible(f"{dataset.id}: {answer.problem or answer}"), flush=True)
    return code


def _fetched(datasets: Sequence[Dataset], arguments: Arguments, raw: Path) -> int:
    """Fetch one dataset after the other; return 1 if a file is missing in the end."""
    network = Network(timeout=arguments.timeout)
    lacking = 0
    silent: set[str] = set()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True, highlight=False, markup=False)
    with Progress(*columns, TransferSpeedColumn(), console=console, transient=True) as bar:
        for dataset in datasets:
            bar.print(visible(f"{dataset.id}: license {dataset.terms}"), soft_wrap=True)
            task = bar.add_task(dataset.id, total=None)

            def tell(path: str, done: int, total: int | None, task: Any = task) -> None:
                bar.update(task, description=drawn(path), completed=done, total=total)

            folder, mirror = raw / dataset.id, arguments.mirror
            errand = Errand(dataset, folder, network, mirror, tell, silent, set())
            outcome = fetching.fetch(errand)
            bar.remove_task(task)
            bar.print(f"{dataset.id}: {counted(len(outcome.ready), 'files')} ready", soft_wrap=True)
            for problem in outcome.problems:
                bar.print(visible(f"{dataset.id}: {problem}"), soft_wrap=True)
            lacking += len(outcome.problems)
    return 1 if lacking else 0
