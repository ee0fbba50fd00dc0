"""`iepile predict`: the answers of a model behind an endpoint."""

import asyncio
import fcntl
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from pipeline.commands import Arguments, named, say
from pipeline.errors import RawFileError, counted
from pipeline.execution import ownership
from pipeline.predicting import asking, questions
from pipeline.terminal import progress


def run(arguments: Arguments) -> int:
    """Ask what is not answered yet; say what became of it."""
    out = arguments.out
    ownership.apart([out], [arguments.corpus])
    part = named(questions.Part, arguments, configs=arguments.config)
    settings = named(asking.Settings, arguments, schema=arguments.schema == "auto")
    with ownership.reading(arguments.corpus):
        total = questions.count(part)
        if not total:
            todo = "choose other rows with --corpus, --config, --split or --datasets"
            raise RawFileError("there are no rows to ask", where=arguments.corpus, todo=todo)
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("ab") as stream, progress.watch("predict") as (tell, end):
            _lock(stream, out)
            done = asking.answered(out, arguments.model)
            counts: Counter[str] = Counter()
            open_questions = (q for q in questions.questions(part) if q.id not in done)
            begun = len(done)

            def write(row: dict[str, Any]) -> None:
                stream.write(_line(row))
                stream.flush()
                number = begun + counts["answered"] + counts["refused"]
                tell(number, total, f"{counts['completion tokens']:,} tokens")

            try:
                failures = asyncio.run(asking.ask_all(open_questions, settings, write, counts))
            except* RawFileError as problems:
                raise problems.exceptions[0] from None
            counts["failed"] = failures.total()
            made = ", ".join(f"{name} {number:,}" for name, number in counts.items() if number)
            end(made or f"answered already {total:,}")
    if failures:
        say(
            f"note: {counted(failures.total(), 'rows')} without an answer: {'; '.join(failures)}\n"
            "      run the same command again to ask them"
        )
        return 1
    print(f"next:    {_scoring(arguments)}")
    return 0


def _scoring(arguments: Arguments) -> str:
    """The command that scores just these answers."""
    options = [f" --datasets {','.join(arguments.datasets)}"] if arguments.datasets else []
    if arguments.config or arguments.limit:
        options.append(" --partial")
    if arguments.corpus != Path("output/corpus"):
        options.append(f" --corpus {shlex.quote(str(arguments.corpus))}")
    return f"iepile score {shlex.quote(str(arguments.out))}{''.join(options)}"


def _line(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row) + b"\n"


def _lock(stream: Any, out: Path) -> None:
    """Hold the file, so that two runs never answer the same rows."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        todo = "wait until it ends, or name another file with --out"
        raise RawFileError("another run writes this file", where=out, todo=todo) from None
