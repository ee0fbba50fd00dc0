"""`iepile settings`: print all parameters, defaults included."""

import msgspec

from pipeline import config
from pipeline.commands import Arguments


def run(arguments: Arguments) -> int:
    """Print them as YAML."""
    content = msgspec.to_builtins(config.load(arguments.params))
    config.check_known(arguments.sections, content, "section", arguments.params or config.PARAMS)
    sections = {name: content[name] for name in arguments.sections or content}
    print(msgspec.yaml.encode(sections).decode(), end="")
    return 0
