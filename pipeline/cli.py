"""The command `iepile`: one subcommand per stage and per user's job, see `pipeline/commands`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING

from pipeline.commands import (
    audit,
    check,
    datasets,
    doctor,
    edition,
    export,
    fetch,
    import_,
    labels,
    negatives,
    new,
    predict,
    run,
    score,
    settings,
    show,
    stages,
)
from pipeline.errors import PipelineError, of_system
from pipeline.execution import machine, tuning

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    doctor,
    edition,
    datasets,
    fetch,
    new,
    check,
    show,
    run,
    audit,
    labels,
    negatives,
    predict,
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
    _open_streams()
    tuning.tune()
    machine.ensure_home()
    for stream in (sys.stdout, sys.stderr):
        # Data may hold what the terminal's encoding does not, or what is no Unicode at all.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except PipelineError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    except ModuleNotFoundError as problem:
        if (problem.name or "pipeline").partition(".")[0] == "pipeline":
            raise
        sys.stderr.write(
            f"error: the package {problem.name!r} is not installed\n"
            f"  where: {sys.executable}\n"
            "  to do: `iepile doctor` says what is missing, and how to get it\n"
        )
        return 1
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does; nobody is left to tell.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again, it goes on from what is done\n")
        return 130
    except (OSError, MemoryError) as problem:
        sys.stderr.write(f"error: {of_system(problem, f'iepile {arguments.command}')}\n")
        _silence()
        return 1
    return code


def _open_streams() -> None:
    """Let what is closed (`2>&-`) be the null device.

    Else the next file that is opened would get its number, and whatever is written there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            if null > 2:
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _silence() -> None:
    """What could not be printed would be tried again, and complained of, when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
