"""The subcommands of `iepile`, one module each.

Every module has two functions:

    add(commands)      declares the subcommand, its help and its options; imports nothing heavy
    run(arguments)     runs it, and returns the exit code

`common` adds the options that most commands share, `sources` only those about raw files.
`workspace` turns them into folders and settings; `writing` also locks the output folder.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.commands.layout import Workspace

#: For modules that need argparse in annotations alone.
Arguments = argparse.Namespace


def command(commands: Any, name: str, text: str, more: str = "") -> argparse.ArgumentParser:
    """Declare a subcommand with a one-line help; the description adds `more` to that line."""
    about = f"{text[0].upper()}{text[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{about} {more}".strip()
    )
    return parser


def sources(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where parameters and raw files are."""
    add = parser.add_argument
    add("--params", type=Path, metavar="FILE", help="parameters (default: params.yaml)")
    add("--raw", metavar="DIR|URL", help="folder that has a folder of raw files for each dataset")
    add("--manifests", metavar="DIR|URL", help="folder of manifests, <id>.toml")


def common(parser: argparse.ArgumentParser) -> None:
    """Add the options about raw files, results and workers."""
    sources(parser)
    add = parser.add_argument
    add("--out", metavar="DIR|URL", help="where results go (default: output)")
    add("--workers", type=positive, metavar="N", help="processes (default: one per usable core)")
    engines = "local processes, or a Ray cluster"
    add("--engine", choices=("local", "ray"), default="local", help=engines)
    add("--address", metavar="HOST:PORT", help="a running Ray cluster (default: start one)")


def positive(text: str) -> int:
    """Return a whole number of at least 1, for argparse."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def names(text: str) -> list[str]:
    """Return comma-separated names, each once, for argparse."""
    found = [*dict.fromkeys(name.strip() for name in text.split(",") if name.strip())]
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing")
    return found


def edition_of(raw: Path) -> str:
    """Return the name for which `iepile edition` uses this raw folder."""
    return "full" if raw == Path("raw/full") else str(raw)


def workspace(arguments: argparse.Namespace) -> Workspace:
    """Return the folders, settings and workers that the common options name."""
    from pipeline import config
    from pipeline.commands.layout import Workspace
    from pipeline.errors import DeclarationError
    from pipeline.execution import atomic, machine
    from pipeline.execution.engines import Workers

    settings = config.load(arguments.params)
    engine: Any = getattr(arguments, "engine", "local")
    address = getattr(arguments, "address", None)

    def place(text: object) -> Path:
        # The processes of a cluster have other working directories.
        path = atomic.place(str(text))
        return path.absolute() if engine == "ray" else path

    out = place(getattr(arguments, "out", None) or "output")
    count = getattr(arguments, "workers", None) or machine.cores()
    if address and engine != "ray":
        raise DeclarationError(
            "--address needs a Ray cluster", where=f"--address {address}", todo="add --engine ray"
        )
    return Workspace(
        settings=settings,
        raw=place(arguments.raw or settings.raw),
        out=out,
        manifests=place(arguments.manifests) if arguments.manifests else None,
        workers=Workers(count, engine, address),
        params=arguments.params or config.PARAMS,
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


def say(line: str) -> None:
    """Print a line to stderr, for progress and remarks."""
    print(line, file=sys.stderr, flush=True)
