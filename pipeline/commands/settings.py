"""`iepile settings`: the parameters in force, defaults included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.commands import command, sources

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(commands, "settings", "print the parameters in force, defaults included")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="only these (default: all)")
    sources(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print them as YAML."""
    import msgspec

    from pipeline import config
    from pipeline.errors import DeclarationError

    content = msgspec.to_builtins(config.load(arguments.params))
    for name in arguments.sections:
        if name not in content:
            raise DeclarationError(
                f"there is no section {name!r}",
                where=arguments.params or config.PARAMS,
                todo=f"use one of {', '.join(content)}",
            )
    chosen = {name: content[name] for name in arguments.sections or content}
    print(msgspec.yaml.encode(chosen).decode(), end="")
    return 0
