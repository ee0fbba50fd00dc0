"""The command `iepile`: one subcommand per stage and per user's job, see `pipeline/commands`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pipeline.commands import (
    audit,
    check,
    datasets,
    edition,
    everything,
    export,
    fetch,
    import_,
    negatives,
    new,
    score,
    settings,
    show,
    stages,
)
from pipeline.errors import PipelineError
from pipeline.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    edition,
    datasets,
    fetch,
    new,
    check,
    show,
    everything,
    audit,
    negatives,
    score,
    export,
    import_,
    settings,
    stages,
)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    top = argparse.ArgumentParser(
        prog="iepile",
        description="Turn raw information-extraction datasets into an instruction corpus.",
        epilog="The stages run in this order: normalize clean dedupe negatives instruct publish "
        "report. `dvc repro` runs those that have changed, `iepile run` runs all.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in COMMANDS:
        before = {*commands.choices}
        module.add(commands)
        for name in {*commands.choices} - before:
            commands.choices[name].set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a problem with data or declarations, 2 a wrong call."""
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except PipelineError as problem:
        sys.stderr.write(f"error: {visible(str(problem))}\n")
        return 1
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; nobody is left to tell.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what was begun is not kept, run the same command again\n")
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
