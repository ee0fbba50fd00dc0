"""The command line `iepile`. Its subcommands are in `pipeline/commands`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from pipeline.errors import PipelineError, of_system
from pipeline.execution import machine, tuning

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The modules of `pipeline/commands`, in the order of `iepile --help`.
_COMMANDS: Final = (
    *("doctor", "edition", "datasets", "fetch", "new", "check", "show", "run", "audit"),
    "labels",
    *("negatives", "predict", "score", "export", "import_", "settings", "stages"),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="iepile",
        description="Turn raw information-extraction datasets into an instruction corpus.",
        epilog="The stages, in their order: normalize clean dedupe negatives instruct publish "
        "report. `dvc repro` and `iepile run` run those that are stale.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (import_module(f"pipeline.commands.{name}") for name in _COMMANDS):
        before = {*commands.choices}
        module.add(commands)
        for name in {*commands.choices} - before:
            commands.choices[name].set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 is success, 1 a problem with data or declarations, 2 wrong usage, 130 a stop by Ctrl-C.
    """
    _open_streams()
    tuning.tune()
    machine.ensure_home()
    for stream in (sys.stdout, sys.stderr):
        # Data may hold characters that the terminal's encoding lacks, or invalid Unicode.
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
            "  to do: `iepile doctor` says what is missing and how to install it\n"
        )
        return 1
    except BrokenPipeError:
        # The program that reads our output has ended, as `| head` does.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again to resume\n")
        return 130
    except (OSError, MemoryError) as problem:
        sys.stderr.write(f"error: {of_system(problem, f'iepile {arguments.command}')}\n")
        _silence()
        return 1
    return code


def _open_streams() -> None:
    """Open standard streams that are closed (`2>&-`) on the null device.

    Otherwise the next file opened would get their number, and receive what is written to them.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            if null > 2:
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _silence() -> None:
    """Drop output that could not be printed, or Python would try and fail again as it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
