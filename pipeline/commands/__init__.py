"""The subcommands of `iepile`, a module each, all of the same shape.

    add(commands)      declares the subcommand: its help and its options; imports nothing heavy
    run(arguments)     does it, and returns the exit code

`common` adds the options that most of them share, `sources` those about raw files alone, and
`workspace` turns these into folders and settings; `writing` holds the output folder besides.
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


def command(commands: Any, name: str, text: str, more: str = "") -> argparse.ArgumentParser:
    """Declare a subcommand with a one-line help, and a longer description."""
    about = f"{text[0].upper()}{text[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{about} {more}".strip()
    )
    return parser


def sources(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where raw files lie."""
    add = parser.add_argument
    add("--params", type=Path, metavar="FILE", help="parameters (default: params.yaml)")
    add("--raw", metavar="DIR|URL", help="raw folders, one per dataset")
    add("--manifests", metavar="DIR|URL", help="manifests <id>.toml from outside")


def common(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where things lie, and who does the work."""
    sources(parser)
    add = parser.add_argument
    add("--out", metavar="DIR|URL", help="where results go (default: output)")
    add("--workers", type=positive, metavar="N", help="processes (default: one per usable core)")
    add("--engine", choices=("local", "ray"), default="local", help="processes, or a Ray cluster")
    add("--address", metavar="HOST:PORT", help="of a Ray cluster that runs (default: start one)")


def positive(text: str) -> int:
    """A whole number from 1 on, or a wrong call."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def names(text: str) -> list[str]:
    """Names with commas between them, each once, or a wrong call."""
    found = [*dict.fromkeys(name.strip() for name in text.split(",") if name.strip())]
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing")
    return found


def edition_of(raw: Path) -> str:
    """What `iepile edition` calls a folder of raw folders."""
    return "full" if raw == Path("raw/full") else str(raw)


def workspace(arguments: argparse.Namespace) -> Workspace:
    """The folders and settings that the common options name."""
    from pipeline import config
    from pipeline.commands.layout import Workspace
    from pipeline.errors import DeclarationError
    from pipeline.execution import atomic, machine
    from pipeline.execution.engines import Workers

    settings = config.load(arguments.params)
    engine: Any = getattr(arguments, "engine", "local")
    address = getattr(arguments, "address", None)

    def place(text: object) -> Path:
        # The processes of a cluster have working directories of their own.
        path = atomic.place(str(text))
        return path.absolute() if engine == "ray" else path

    out = place(getattr(arguments, "out", None) or "output")
    count = getattr(arguments, "workers", None) or machine.cores()
    if address and engine != "ray":
        raise DeclarationError(
            "--address is of a Ray cluster", where=f"--address {address}", todo="add --engine ray"
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
    """The workspace, whose output folder is ours alone until the block ends, or of these datasets.

    Refuses folders that hold what is not ours, and those where a write could replace an input.
    """
    from pipeline.execution import ownership

    ws = workspace(arguments)
    tracked = getattr(arguments, "dictionaries", None)
    by_hand = Path("dictionaries", "overrides.toml")
    inputs = (ws.raw, ws.manifests, *ws.catalogs, ws.params, by_hand)
    imported = getattr(arguments, "imported", None)
    merged = [tracked / "hard_negatives", tracked / "hard_negatives.json"] if tracked else []
    ownership.apart((ws.out, *ws.folders.values(), *merged), (*inputs, imported))
    if tracked:
        ownership.claim(tracked, ownership.DICTIONARY)
    with ownership.writing(ws.out, ids):
        yield ws


def say(line: str) -> None:
    """Tell how far the work is, on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
