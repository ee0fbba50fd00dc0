"""The subcommands of `iepile`, a module each, all of the same shape.

    add(commands)      declares the subcommand: its help and its options; imports nothing heavy
    run(arguments)     does it, and returns the exit code

`common` adds the options that most of them share, `sources` those about raw files alone, and
`workspace` turns these into folders and settings.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.run import Workspace


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
    add("--raw", type=Path, metavar="DIR", help="raw folders, one per dataset")
    add("--manifests", type=Path, metavar="DIR", help="manifests <id>.toml from outside")


def common(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where things lie."""
    sources(parser)
    add = parser.add_argument
    add("--out", type=Path, metavar="DIR", help="where results go (default: output)")
    add("--workers", type=positive, metavar="N", help="processes (default: one per core)")


def positive(text: str) -> int:
    """A whole number from 1 on, or a wrong call."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def workspace(arguments: argparse.Namespace) -> Workspace:
    """The folders and settings that the common options name."""
    from pipeline import config
    from pipeline.run import Workspace

    settings = config.load(arguments.params or Path("params.yaml"))
    given = getattr(arguments, "out", None)
    out = given or Path("output")
    return Workspace(
        settings=settings,
        raw=arguments.raw or Path(settings.raw),
        out=out,
        dictionaries=out / "dictionaries" if given else Path("dictionaries"),
        manifests=arguments.manifests,
        workers=getattr(arguments, "workers", None) or os.cpu_count() or 1,
    )


def say(line: str) -> None:
    """Tell how far the work is, on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
