"""The commands of `iepile`: `commands.toml` declares them, `parsing` gives them to argparse.

Every other module here runs one of them, or a few: `run(arguments)` returns the exit code.
`workspace` turns the options that most share into folders and settings; `writing` also locks the
output folder.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.commands.layout import Workspace

#: For modules that need argparse in annotations alone.
Arguments = argparse.Namespace


def edition_of(raw: Path) -> str:
    """Return the name for which `iepile use` uses this raw folder."""
    return "full" if raw == Path("raw/full") else str(raw)


def workspace(arguments: argparse.Namespace) -> Workspace:
    """Return the folders, settings and workers that the options of a command name."""
    from pipeline import config
    from pipeline.commands.layout import Workspace
    from pipeline.errors import DeclarationError
    from pipeline.execution import atomic, machine
    from pipeline.execution.engines import Workers

    names = ("params", "raw", "manifests", "run", "out", "workers", "address")
    options: dict[str, Any] = dict.fromkeys(names) | {"engine": "local"} | vars(arguments)
    params, engine, address = (options[key] for key in ("params", "engine", "address"))
    if address and engine != "ray":
        raise DeclarationError(
            "--address needs a Ray cluster", where=f"--address {address}", todo="add --engine ray"
        )

    def place(text: object) -> Path:
        # The processes of a cluster have other working directories.
        path = atomic.place(str(text))
        return path.absolute() if engine == "ray" else path

    settings = config.load(params)
    return Workspace(
        settings=settings,
        raw=place(options["raw"] or settings.raw),
        out=place(options["run"] or options["out"] or "output"),
        manifests=place(options["manifests"]) if options["manifests"] else None,
        workers=Workers(options["workers"] or machine.cores(), engine, address),
        params=params or config.PARAMS,
    )


@contextmanager
def writing(arguments: argparse.Namespace, ids: Sequence[str] = ()) -> Iterator[Workspace]:
    """Yield the workspace, with its output folder, or these datasets of it, locked until the end.

    Raises `DeclarationError` if the folder is not ours, or if a write could replace an input.
    """
    from pipeline.execution import ownership

    ws = workspace(arguments)
    dictionaries = getattr(arguments, "dictionaries", None)
    imported = getattr(arguments, "imported", None)
    overrides = Path("dictionaries", "overrides.toml")
    outputs = [ws.out, *ws.folders.values()]
    if dictionaries:
        outputs += [dictionaries / "hard_negatives", dictionaries / "hard_negatives.json"]
    ownership.apart(outputs, (ws.raw, ws.manifests, *ws.catalogs, ws.params, overrides, imported))
    if dictionaries:
        ownership.claim(dictionaries, ownership.DICTIONARY)
    with ownership.writing(ws.out, ids):
        yield ws


@contextmanager
def reading(arguments: argparse.Namespace) -> Iterator[dict[str, Path]]:
    """Yield the folders of the run that `--run` names; no other process changes it meanwhile."""
    from pipeline.commands import layout
    from pipeline.execution import atomic, ownership

    out = atomic.place(arguments.run)
    with ownership.reading(out):
        yield layout.folders(out)


def say(line: str) -> None:
    """Print a line to stderr, for progress and remarks."""
    print(line, file=sys.stderr, flush=True)
