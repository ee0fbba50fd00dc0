"""Argilla 2's records: what each user answered to a question about spans, nested or flat.

    {"id": "7", "status": "completed", "fields": {"text": "Ada left Oslo"}, "metadata": {},
     "suggestions": {"names": {"value": [], "score": null, "agent": "a-model"}},
     "responses": {"names": [{"value": [{"start": 0, "end": 3, "label": "PER"}], "user_id": "u1"}]}}

    {"id": "7", "status": "completed", "text": "Ada left Oslo", "names.suggestion": [],
     "names.responses": [[{"start": 0, "end": 3, "label": "PER"}]],
     "names.responses.users": ["u1"], "names.responses.status": ["submitted"]}

A file holds such records as JSON lines, an array, an object of lists, or an object by ids.
`question` names the question, where answers to several may be spans; `text` names the field.
`annotators` chooses among users: "first", "majority", or the id of one. What is no submitted answer
is reported as not gold; suggestions never are.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from pipeline.readers._paths import RowError, Table, listed
from pipeline.readers._source import EXCERPT, attempt
from pipeline.readers.json_rows import rows_of, shaped
from pipeline.records import Reject

_FLAT: Final = ".responses"


class Options(Table, frozen=True):
    """Which question and which field are read, and whose answers."""

    question: str = ""
    text: str = "text"
    annotators: str = "first"


def _answered(origin: str, row: Any, options: Options) -> Iterator[tuple[str, Any]]:
    """A row for each submitted answer to the question, a reject for any other."""
    for number, record in enumerate(_records(row), start=1):
        place = origin if record is row else f"{origin}#{number}"
        answers = questions(record).get(_question(record, options), [])
        fields = record.get("fields") or record
        submitted = [answer for answer in answers if answer.get("status") in (None, "submitted")]
        for answer in answers:
            if answer not in submitted:
                detail = f"the answer of {answer.get('user_id')} is {answer.get('status')}"
                yield place, Reject(place, "not_gold", detail, records=0)
        if not submitted:
            yield place, Reject(place, "unlabeled", "no answer about spans", str(record)[:EXCERPT])
        for answer in submitted:
            who, text = str(answer.get("user_id")), fields.get(options.text)
            spans = answer.get("value")
            yield place, {"text": text, "spans": spans, "annotator": who, "id": record.get("id")}


def _records(row: Any) -> list[Any]:
    """The records of a document: one, those of an object of lists, or of an object by ids."""
    if isinstance(row.get("id"), list):
        return listed(row)
    inner = [*row.values()]
    by_id = inner and all(
        isinstance(value, dict) and "id" in value and "status" in value for value in inner
    )
    return inner if by_id else [row]


def questions(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Question -> its answers: value, user_id, and status where it is known.

    There are none in a row that is no record of Argilla.
    """
    nested = record.get("responses")
    answers_by_question: dict[str, list[dict[str, Any]]] = {
        name: [answer for answer in answers if isinstance(answer, dict)]
        for name, answers in (nested.items() if isinstance(nested, dict) else ())
        if isinstance(answers, list)
    }
    for key in (key for key in record if key.endswith(_FLAT)):
        values = record[key] or []
        users = record.get(f"{key}.users") or [None] * len(values)
        states = record.get(f"{key}.status") or [None] * len(values)
        answers_by_question[key.removesuffix(_FLAT)] = [
            {"value": value, "user_id": user, "status": status}
            for value, user, status in zip(values, users, states, strict=True)
        ]
    return answers_by_question


def _question(record: dict[str, Any], options: Options) -> str:
    """The question that is asked for, or the one that was answered with spans, if it is certain."""
    every = questions(record).items()
    names = [name for name, answers in every if answers and all(map(_spans, answers))]
    if options.question or len(names) < 2:
        return options.question or "".join(names)
    several = " and ".join(map(repr, names))
    raise RowError(f"questions {several} may be about spans: say which, by `question`")


def _spans(answer: dict[str, Any]) -> bool:
    """Whether an answer is a list of spans, or an empty one."""
    value = answer.get("value")
    given = listed(value) if isinstance(value, list | dict) else [value]
    return all(isinstance(span, dict) and {"start", "end"} <= {*span} for span in given)


read, _ = shaped("argilla_responses", _answered)


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:
    """Field, question or suggestion that is not read -> in how many records it is filled."""
    counts: Counter[str] = Counter()
    for origin, item in rows_of(files):
        unread = attempt(origin, partial(_unread, options), item.value)
        if not isinstance(unread, Reject):  # `read` says what is wrong with the row.
            counts.update(unread)
    return counts


def _unread(options: Options, row: Any) -> list[str]:
    """Return the filled fields that are not read, of all records of a document."""
    unread: list[str] = []
    for record in _records(row):
        question = _question(record, options)
        parts = {
            **{f"fields.{k}": v for k, v in (record.get("fields") or {}).items()},
            **{f"responses.{k}": v for k, v in (record.get("responses") or {}).items()},
            **{k: v for k, v in record.items() if k not in ("fields", "responses")},
        }
        flat = f"{question}{_FLAT}"
        known = {options.text, f"fields.{options.text}", f"responses.{question}", "id", "status"}
        known |= {flat, f"{flat}.users", f"{flat}.status"}
        unread += [k for k, v in parts.items() if v not in (None, "", [], {}) and k not in known]
    return unread
