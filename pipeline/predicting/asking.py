"""Ask many questions at once, and retry after temporary failures.

The client retries after rate limits (429), server errors, timeouts and broken connections, with a
pause that doubles, or that the server names. If a server refuses JSON Schema, questions are sent
without it. A row that the server refuses permanently is written without an answer; a wrong key or
model ends the run. Every answer is written as one line as soon as it arrives, so that a stopped
run can resume.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import openai
import orjson

from pipeline.errors import RawFileError
from pipeline.predicting.questions import Question

#: What no other try would change, and what has failed after all retries.
_LASTING: Final = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
_PASSING: Final = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)
#: Seconds that a server may take to say that it is there.
_GREETING: Final = 10.0
#: The most characters of what a server says about a failure.
_EXCERPT: Final = 200


class Settings(NamedTuple):
    """How a model is asked."""

    endpoint: str
    model: str
    #: Send the JSON Schema of every answer, as long as the server accepts it.
    schema: bool = True
    concurrency: int = 8
    max_tokens: int = 2048
    temperature: float = 0.0
    #: Seconds that an answer may take.
    timeout: float = 120.0
    #: How often a question is retried.
    retries: int = 8


def answered(path: Path, model: str) -> set[str]:
    """The ids in a file of answers. An incomplete last line, left by a killed run, is removed.

    Raises RawFileError where another model or program wrote the file.
    """
    if not path.exists():
        return set()
    todo, content = "name another file with --out", path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    ids = set()
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            row = orjson.loads(line)
            ids.add(row["id"])
            writer = row["model"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            what = "this is no answer that `iepile predict` wrote"
            raise RawFileError(what, where=f"{path}:{number}", todo=todo) from None
        if writer != model:
            raise RawFileError(f"{writer} answered here", where=f"{path}:{number}", todo=todo)
    if whole != content:
        os.truncate(path, len(whole))
    return ids


async def ask_all(
    questions: Iterator[Question],
    settings: Settings,
    write: Callable[[dict[str, Any]], None],
    counts: Counter[str],
) -> Counter[str]:
    """Ask all questions, several at a time, and write each answer when it arrives.

    `counts` adds up questions answered, refused and asked again, and tokens. Returns why questions
    failed -> how many. Raises RawFileError if there is no server, or no such model or key.
    """
    failures: Counter[str] = Counter()
    first = next(questions, None)
    if first is None:
        return failures
    left = chain([first], questions)
    async with openai.AsyncOpenAI(
        base_url=settings.endpoint,
        # Local servers accept any key.
        api_key=os.environ.get("OPENAI_API_KEY") or "none",
        timeout=settings.timeout,
        max_retries=settings.retries,
    ) as client:

        async def work() -> None:
            for question in left:
                row = await _answer(client, question, settings, counts)
                if isinstance(row, str):
                    failures[row] += 1
                else:
                    write(row)

        await _greet(client, settings)
        async with asyncio.TaskGroup() as group:
            for _ in range(settings.concurrency):
                group.create_task(work())
    return failures


async def _greet(client: openai.AsyncOpenAI, settings: Settings) -> None:
    """Raise RawFileError if nobody listens at the endpoint, before all is asked many times."""
    try:
        await client.with_options(max_retries=0, timeout=_GREETING).models.list()
    except openai.APIConnectionError as problem:
        # By name, since the HTTP library of `openai` is another one in other versions.
        if type(problem.__cause__).__name__ not in {"ConnectError", "UnsupportedProtocol"}:
            return  # A busy server may still answer questions.
        raise RawFileError(
            f"cannot connect to the server: {problem.__cause__}",
            where=settings.endpoint,
            todo="start the server, or correct --endpoint, such as http://localhost:8000/v1",
        ) from None
    except (openai.OpenAIError, ValueError):
        return  # Not every server lists its models.


async def _answer(
    client: openai.AsyncOpenAI, question: Question, settings: Settings, counts: Counter[str]
) -> dict[str, Any] | str:
    """The row of an answer, or why the server gave none after all retries."""
    for _ in range(settings.retries + 1):
        with_schema = settings.schema and not counts["asked without a schema"]
        extra: dict[str, Any] = {"response_format": question.response_format} if with_schema else {}
        try:
            reply = await client.chat.completions.with_raw_response.create(
                model=settings.model,
                messages=question.messages,  # type: ignore[arg-type]
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                **extra,
            )
            counts["asked again"] += reply.retries_taken
            return _row(question.id, settings.model, reply.parse(), counts)
        except _LASTING as e:
            what = f"the server says: {e.message}"
            todo = "check --endpoint and --model; the key is read from OPENAI_API_KEY"
            raise RawFileError(what, where=settings.endpoint, todo=todo) from None
        except _PASSING as problem:
            return problem.message[:_EXCERPT]
        except (AttributeError, IndexError, TypeError, ValueError):
            counts["asked again"] += 1  # this is not JSON, or no chat completion
        except openai.APIStatusError as problem:
            about_schema = any(word in problem.message for word in ("schema", "response_format"))
            if with_schema and about_schema:
                counts["asked without a schema"] += 1
                continue
            counts["refused"] += 1
            return {
                "id": question.id,
                "prediction": None,
                "model": settings.model,
                "error": problem.message[:500],
            }
    return "the replies are no chat completions"


def _row(id_: str, model: str, reply: Any, counts: Counter[str]) -> dict[str, Any]:
    choice = reply.choices[0]
    text, refusal = choice.message.content, getattr(choice.message, "refusal", None)
    row: dict[str, Any] = {"id": id_, "prediction": refusal or text or "", "model": model}
    row["finish_reason"] = choice.finish_reason
    for name in ("prompt_tokens", "completion_tokens") if reply.usage is not None else ():
        row[name] = getattr(reply.usage, name)
        counts[name.replace("_", " ")] += row[name]
    counts["refused" if refusal else "answered"] += 1
    return row
