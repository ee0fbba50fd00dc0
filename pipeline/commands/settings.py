"""`iepile settings`: print all parameters, defaults included."""

from __future__ import annotations

from typing import Any

from pipeline.commands import Arguments, command, sources


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(commands, "settings", "print all parameters, defaults included")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="only these (default: all)")
    sources(parser)


def run(arguments: Arguments) -> int:
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
    sections = {name: content[name] for name in arguments.sections or content}
    print(msgspec.yaml.encode(sections).decode(), end="")
    return 0
