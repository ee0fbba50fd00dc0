"""The commands of `iepile`: `commands.toml` declares them, `parsing` gives them to argparse.

The functions that `commands.toml` names run them: each takes the arguments and returns the exit
code. `layout.workspace` turns the options that most share into folders and settings.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

#: For modules that need argparse in annotations alone.
Arguments = argparse.Namespace


def edition_of(raw: Path) -> str:
    """Return the name for which `iepile use` uses this raw folder."""
    return "full" if raw == Path("raw/full") else str(raw)


def named(kind: Any, arguments: Arguments, **others: Any) -> Any:
    """Return a tuple of a kind whose fields are the arguments of their names, or `others`."""
    given = {field: getattr(arguments, field, None) for field in kind._fields}
    return kind(**{field: value for field, value in given.items() if value is not None} | others)


def complain(problem: object) -> None:
    """Print an error to stderr, on a terminal in red."""
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    head = "\x1b[1;31merror:\x1b[0m" if red else "error:"
    say(f"{head} {problem}")


def say(line: str) -> None:
    """Print a line to stderr, for progress and remarks."""
    print(line, file=sys.stderr, flush=True)
