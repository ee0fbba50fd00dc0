"""`iepile settings`: print all parameters, defaults included."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.commands import Arguments


def run(arguments: Arguments) -> int:
    """Print them as YAML."""
    import msgspec

    from pipeline import config
    from pipeline.errors import DeclarationError

    content = msgspec.to_builtins(config.load(arguments.params))
    for name in arguments.sections:
        if name not in content:
            raise DeclarationError(
                f"there is no section {name!r}{config.did_you_mean(name, content)}",
                where=arguments.params or config.PARAMS,
                todo=f"use one of {', '.join(content)}",
            )
    sections = {name: content[name] for name in arguments.sections or content}
    print(msgspec.yaml.encode(sections).decode(), end="")
    return 0
