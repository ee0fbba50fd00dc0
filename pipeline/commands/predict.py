"""`iepile predict`: the answers of a model behind an endpoint."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import command, names, positive, say

if TYPE_CHECKING:
    import argparse


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser = command(
        commands,
        "predict",
        "ask a model behind an OpenAI-compatible endpoint",
        "Asks rows of the corpus and writes the answers for `iepile score`. The same command goes "
        "on where it was stopped. The key is read from OPENAI_API_KEY. Needs the extra `predict`.",
    )
    add_ = parser.add_argument
    add_("--endpoint", metavar="URL", required=True, help="such as http://localhost:8000/v1")
    add_("--model", metavar="NAME", required=True, help="the model's name at the endpoint")
    add_("--out", type=Path, metavar="FILE", required=True, help="JSON lines to write, or go on")
    add_("--corpus", type=Path, metavar="DIR", default=Path("output/corpus"), help="what to ask")
    add_("--config", type=names, metavar="A,B", default=(), help="such as NER-en (default: all)")
    add_("--split", choices=("train", "dev", "test"), default="test", help="(default: test)")
    add_("--datasets", type=names, metavar="A,B", help="only these")
    add_("--limit", type=positive, metavar="N", help="only N records of each dataset and config")
    add_("--shots", type=int, metavar="N", default=0, help="examples from train before every row")
    add_("--schema", choices=("auto", "off"), default="auto", help="send the answer's JSON Schema")
    add_("--concurrency", type=positive, metavar="N", default=8, help="questions at once")
    add_("--max-tokens", type=positive, metavar="N", default=2048, help="of one answer")
    add_("--timeout", type=positive, metavar="S", default=120, help="seconds for one answer")
    add_("--retries", type=int, metavar="N", default=8, help="how often to ask a row again")


def run(arguments: argparse.Namespace) -> int:
    """Ask what is not answered yet; say what became of it."""
    import asyncio

    from pipeline.errors import RawFileError
    from pipeline.execution import ownership
    from pipeline.predicting import questions
    from pipeline.terminal import progress

    try:
        from pipeline.predicting import asking
    except ImportError:
        todo = "run `pip install 'iepile-pipeline[predict]'`"
        where = "iepile predict"
        raise RawFileError("the client `openai` is not installed", where=where, todo=todo) from None
    out = arguments.out
    ownership.apart([out], [arguments.corpus])
    part = questions.Part(
        arguments.corpus,
        arguments.config,
        arguments.split,
        arguments.datasets,
        arguments.limit,
        arguments.shots,
    )
    settings = asking.Settings(
        arguments.endpoint,
        arguments.model,
        schema=arguments.schema == "auto",
        concurrency=arguments.concurrency,
        max_tokens=arguments.max_tokens,
        timeout=arguments.timeout,
        retries=arguments.retries,
    )
    with ownership.reading(arguments.corpus):
        total = questions.count(part)
        if not total:
            todo = "name others with --corpus, --config, --split or --datasets"
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
                asyncio.run(asking.ask_all(open_questions, settings, write, counts))
            except* RawFileError as problems:
                raise problems.exceptions[0] from None
            end(", ".join(f"{name} {number:,}" for name, number in counts.items() if number))
    if counts["failed"]:
        say(f"note: {counts['failed']} rows have no answer; run the same command again to ask them")
    return 1 if counts["failed"] else 0


def _line(row: dict[str, Any]) -> bytes:
    import orjson

    return orjson.dumps(row) + b"\n"


def _lock(stream: Any, out: Path) -> None:
    """Hold the file, so that two runs never answer the same rows."""
    import fcntl

    from pipeline.errors import RawFileError

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        todo = "wait until it ends, or name another file with --out"
        raise RawFileError("another run writes this file", where=out, todo=todo) from None
