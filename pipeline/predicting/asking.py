"""Ask many questions at once, patiently: what fails for a while is asked again.

Rate limits (429), server errors, timeouts and broken connections are tried again after a pause that
doubles, or that the server names; a rate limit holds back all questions. A server that refuses JSON
Schema is asked without. A row that the server refuses for good is written without an answer; a
wrong key or model ends it all. Every answer is a line of the file as soon as it is there, so that a
run which was stopped goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import openai
import orjson

from pipeline import hashing
from pipeline.errors import RawFileError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.predicting.questions import Question

_LONGEST_PAUSE: Final = 60.0


class Settings(NamedTuple):
    """How a model is asked."""

    endpoint: str
    model: str
    #: Send the JSON Schema of every answer, as long as the server takes it.
    schema: bool = True
    concurrency: int = 8
    max_tokens: int = 2048
    temperature: float = 0.0
    #: Seconds that an answer may take.
    timeout: float = 120.0
    #: How often a question is asked again.
    retries: int = 8
    #: Seconds of the first pause.
    pause: float = 1.0


class _State:
    """What the questions under way share."""

    def __init__(self, settings: Settings) -> None:
        self.schema = settings.schema
        self.not_before = 0.0


def answered(path: Path, model: str) -> set[str]:
    """The ids that a file of answers holds. Half a line at its end, of a killed run, is removed.

    RawFileError where another model wrote it, or no run of this command.
    """
    if not path.exists():
        return set()
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    ids = set()
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            row = orjson.loads(line)
            ids.add(row["id"])
            writer = row["model"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            todo = "name a new file with --out"
            raise RawFileError(
                "this is no answer that `iepile predict` wrote", where=f"{path}:{number}", todo=todo
            ) from None
        if writer != model:
            todo = "name another file with --out"
            raise RawFileError(f"{writer} answered here", where=f"{path}:{number}", todo=todo)
    if whole != content:
        os.truncate(path, len(whole))
    return ids


async def ask_all(
    questions: Iterator[Question],
    settings: Settings,
    write: Callable[[dict[str, Any]], None],
    counts: Counter[str],
) -> None:
    """Ask all questions, some at a time, and write each answer when it comes.

    `counts` gets what became of them: answered, refused, failed, asked again, tokens.
    """
    state = _State(settings)
    async with openai.AsyncOpenAI(
        base_url=settings.endpoint,
        # Servers of one's own take any key.
        api_key=os.environ.get("OPENAI_API_KEY") or "none",
        timeout=settings.timeout,
        max_retries=0,
    ) as client:

        async def work() -> None:
            for question in questions:
                row = await _answer(client, question, settings, state, counts)
                if row is None:
                    counts["failed"] += 1
                else:
                    write(row)

        async with asyncio.TaskGroup() as group:
            for _ in range(settings.concurrency):
                group.create_task(work())


async def _answer(
    client: openai.AsyncOpenAI,
    question: Question,
    settings: Settings,
    state: _State,
    counts: Counter[str],
) -> dict[str, Any] | None:
    """The row of an answer; None where the server gave none in time."""
    for attempt in range(settings.retries + 1):
        await asyncio.sleep(max(0.0, state.not_before - time.monotonic()))
        with_schema = state.schema
        more: dict[str, Any] = {"response_format": question.response_format} if with_schema else {}
        retry_after = ""
        try:
            reply = await client.chat.completions.create(
                model=settings.model,
                messages=question.messages,  # type: ignore[arg-type]
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                **more,
            )
            return _row(question.id, settings.model, reply, counts)
        except (
            openai.AuthenticationError,
            openai.PermissionDeniedError,
            openai.NotFoundError,
        ) as e:
            todo = "check --endpoint and --model; the key is read from OPENAI_API_KEY"
            raise RawFileError(
                f"the server says: {e.message}", where=settings.endpoint, todo=todo
            ) from None
        except openai.RateLimitError as problem:
            retry_after = problem.response.headers.get("retry-after", "")
            pause = _pause(question.id, attempt, settings, retry_after)
            state.not_before = max(state.not_before, time.monotonic() + pause)
        except (openai.InternalServerError, openai.APIConnectionError, _NoAnswerError) as problem:
            if isinstance(problem, openai.InternalServerError):
                retry_after = problem.response.headers.get("retry-after", "")
            if attempt < settings.retries:
                await asyncio.sleep(_pause(question.id, attempt, settings, retry_after))
        except openai.APIStatusError as problem:
            about_schema = any(word in problem.message for word in ("schema", "response_format"))
            if with_schema and about_schema:
                state.schema = False
                counts["asked without a schema"] += 1
                continue
            counts["refused"] += 1
            return {
                "id": question.id,
                "prediction": None,
                "model": settings.model,
                "error": problem.message[:500],
            }
        counts["asked again"] += attempt < settings.retries
    return None


class _NoAnswerError(Exception):
    """The server answered with something that is no chat completion."""


def _row(id_: str, model: str, reply: Any, counts: Counter[str]) -> dict[str, Any]:
    try:
        choice = reply.choices[0]
        message = choice.message
        text = message.content
        refusal = getattr(message, "refusal", None)
    except (AttributeError, IndexError, TypeError):
        raise _NoAnswerError from None
    row: dict[str, Any] = {"id": id_, "prediction": refusal or text or "", "model": model}
    row["finish_reason"] = choice.finish_reason
    counts["refused" if refusal else "answered"] += 1
    if reply.usage is not None:
        for name in ("prompt_tokens", "completion_tokens"):
            row[name] = getattr(reply.usage, name)
            counts[name.replace("_", " ")] += row[name]
    return row


def _pause(id_: str, attempt: int, settings: Settings, retry_after: str) -> float:
    """Seconds to wait: what the server says, else twice as long each time, spread by hash."""
    try:
        return min(float(retry_after), _LONGEST_PAUSE)
    except ValueError:
        spread = 0.5 + int(hashing.hashes([f"{id_} {attempt}"])[0]) % 1000 / 1000
        return float(min(settings.pause * 2**attempt * spread, _LONGEST_PAUSE))
