"""The command line `iepile`. Its subcommands are in `pipeline/commands`."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from pipeline.commands import complain
from pipeline.commands.parsing import parser
from pipeline.errors import PipelineError, of_system
from pipeline.execution import machine, tuning


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
    words = [*(sys.argv[1:] if argv is None else argv)]
    if words[:1] in ([], ["help"]):
        words = [*words[1:], "--help"]
    arguments = parser().parse_args(words)
    try:
        code = run(arguments)
        sys.stdout.flush()
    except PipelineError as problem:
        complain(problem)
        return 1
    except ModuleNotFoundError as problem:
        if (problem.name or "pipeline").partition(".")[0] == "pipeline":
            raise
        what = f"the package {problem.name!r} is not installed"
        todo = "`iepile doctor` says what is missing and how to install it"
        complain(PipelineError(what, where=sys.executable, todo=todo))
        return 1
    except BrokenPipeError:
        # The program that reads our output has ended, as `| head` does.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again to resume\n")
        return 130
    except (OSError, MemoryError) as problem:
        complain(of_system(problem, f"iepile {arguments.command}"))
        _silence()
        return 1
    return code


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was parsed and return its exit code. Raises `PipelineError`."""
    module, _, function = arguments.function.partition(".")
    code: int = getattr(import_module(f"pipeline.commands.{module}"), function)(arguments)
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
