"""Read a model's answers: JSON lines, a JSON array or Parquet, a file or a folder, in any order.

    iepile predict        {"id": "...", "prediction": "..."}, or the text in `output`
    batches of OpenAI     {"custom_id": "...", "response": {"body": {"choices": [...]}}}; vLLM's too
    lm-eval               {"doc": {"id": "..."}, "filtered_resps": ["..."]}
    LLaMA-Factory         {"prompt": "...", "predict": "...", "label": "..."}
    ms-swift              {"messages": [{"role": "user", "content": "..."}, ...], "response": "..."}
    verl                  {"input": "...", "output": "...", "gts": "..."}

The last three have no id. They are matched by the instruction in their prompt, equal ones in the
order of the corpus; a prompt that the corpus does not hold is an error.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import RawFileError
from pipeline.execution import shards
from pipeline.readers._source import json_rows
from pipeline.records import Reject
from pipeline.tables import INSTRUCTIONS

#: The fields that may hold the model's text; the first that is present counts.
FIELDS: Final = ("prediction", "output")
_STRINGS: Final = (pa.string(), pa.large_string(), pa.string_view())
_JSON: Final = json.JSONDecoder()
#: Rows held as Python objects at once.
AT_ONCE: Final = 50_000


class Answers(NamedTuple):
    """The answers of a model, in the order of their files."""

    ids: Any
    texts: Any


def read(path: Path, field: str | None = None, gold: Path | None = None) -> Answers:
    """The answers of a file, or of all files in a folder; answers without ids need `gold`."""
    ids: list[Any] = []
    texts: list[Any] = []
    prompts: list[Prompt] = []
    for file in files(path):
        for piece_ids, piece_texts, piece_prompts in _pieces(file, field):
            ids.append(piece_ids)
            texts.append(piece_texts)
            prompts += piece_prompts
    if not ids:
        todo = "name a file of answers, or a folder of .jsonl, .json or .parquet files"
        raise RawFileError("no predictions here", where=path, todo=todo)
    if prompts:
        if len(prompts) < sum(map(len, ids)):
            todo = "score each of them by itself"
            raise RawFileError("answers with ids and without", where=path, todo=todo)
        ids = [prompts_to_ids(prompts, gold, path)]
    pooled = Answers(pa.chunked_array(ids, pa.string()), pa.chunked_array(texts, pa.large_string()))
    counted = pc.value_counts(pooled.ids)
    twice = counted.filter(pc.greater(counted.field("counts"), 1))
    if len(twice):
        first = twice[0]["values"].as_py()
        what = f"ids that are answered more than once: {len(twice)}, the first is {first!r}"
        raise RawFileError(what, where=path, todo="keep one answer of each id")
    return pooled


class Prompt(NamedTuple):
    """The prompt and gold of an answer without an id."""

    asked: str
    #: The gold that the trainer wrote beside the answer, where it is a string.
    label: Any


def prompts_to_ids(prompts: Sequence[Prompt], gold: Path | None, where: Path) -> list[str]:
    """The ids of the rows of the corpus with these prompts, equal prompts in its order."""
    import pandas as pd

    todo = "name the corpus that was exported with --corpus"
    rows = pd.DataFrame(columns=["id", "instruction", "output"])
    for path in files(gold) if gold else ():
        if path.suffix == ".parquet":
            with parquet(path) as file:
                rows = pd.concat([rows, file.read([*rows]).to_pandas()])
    asked = pd.DataFrame(
        [(_instruction(prompt.asked), prompt.label) for prompt in prompts],
        columns=["instruction", "label"],
    )
    absent = ~asked["instruction"].isin(rows["instruction"])
    if absent.any():
        number = int(absent.argmax())
        prompt = asked["instruction"][number][:80]
        problem = f"the corpus holds no row with the prompt of answer {number + 1}: {prompt!r}"
        raise RawFileError(problem, where=where, todo=todo)
    # A text may be in two splits: if one split has all the answers, they belong to it.
    splits = rows["id"].str.split("/").str[1]
    holds = {
        s: asked["instruction"].isin(rows["instruction"][splits == s]).all() for s in {*splits}
    }
    if any(holds.values()):
        rows = rows[splits.map(holds)]
    for table in (asked, rows):
        table["turn"] = table.groupby("instruction").cumcount()
    matched = asked.merge(rows, "left", ["instruction", "turn"])
    for row in matched[matched["id"].isna()].itertuples():
        problem = f"{row.turn + 1} answers, but {row.turn} rows of the corpus: "
        raise RawFileError(f"{problem}{row.instruction[:80]!r}", where=where, todo=todo)
    for row in matched.itertuples():
        if isinstance(row.label, str) and row.label.strip() != row.output.strip():
            problem = f"the gold beside the answer to {row.id} is not the corpus's"
            raise RawFileError(problem, where=where, todo=todo)
    ids: list[str] = matched["id"].tolist()
    return ids


def _instruction(prompt: str) -> str:
    """The instruction of the corpus in a prompt, without the chat template around it."""
    start = prompt.rfind('{"instruction": ')
    try:
        _, end = _JSON.raw_decode(prompt, max(start, 0))
    except ValueError:
        return prompt
    return prompt[max(start, 0) : end]


def files(path: Path) -> list[Path]:
    """The file, or all files of rows in the folder, sorted."""
    if path.is_dir():
        kinds = (".parquet", ".jsonl", ".json")
        paths = sorted(p for p in path.rglob("[!.]*") if p.suffix in kinds and p.is_file())
        # lm-eval writes its results into the folder of the samples.
        return [p for p in paths if p.name.startswith("samples_")] or paths
    if not path.is_file():
        todo = "name the model's answers first, and the folder of the corpus with --corpus"
        raise RawFileError("there is no such file or folder", where=path, todo=todo)
    return [path]


def _pieces(path: Path, field: str | None) -> Iterator[tuple[Any, Any, list[Prompt]]]:
    """(ids, texts, prompts of answers without an id) of a file, piece by piece."""
    if path.suffix != ".parquet":
        answers = (_answer(origin, row, field) for origin, row in json_rows(path))
        while piece := [*islice(answers, AT_ONCE)]:
            ids, prompts, texts = zip(*piece, strict=True)
            prompts_without_id = [prompt for prompt in prompts if prompt is not None]
            yield pa.array(ids, pa.string()), pa.array(texts, pa.large_string()), prompts_without_id
        return
    with parquet(path) as file:
        name = _field(file.schema_arrow.names, field, path)
        kind = file.schema_arrow.field(name).type
        values = kind.value_type if pa.types.is_dictionary(kind) else kind
        if values not in _STRINGS:
            todo = "write the model's text as it is"
            raise RawFileError(f"{name} is {kind}, not a string", where=path, todo=todo)
        for batch in file.iter_batches(AT_ONCE, columns=["id", name]):
            batch.validate(full=True)
            yield batch["id"].cast(pa.string()), batch[name].cast(pa.large_string()), []


def _answer(
    origin: object, row: Any, field: str | None
) -> tuple[str | None, Prompt | None, str | None]:
    """(id, prompt, text) of a row of JSON; it has an id or a prompt."""
    if isinstance(row, Reject):
        todo = "write one JSON object a line: an id and the model's text"
        raise RawFileError(f"not JSON: {row.detail}", where=origin, todo=todo)
    id_, prompt, value = _of_trainer(row) if field is None else (None, None, None)
    if id_ is None and prompt is None:
        value = row[_field(row if isinstance(row, dict) else (), field, origin)]
        id_ = str(row["id"])
    return id_, prompt, value if isinstance(value, str | None) else _written(value)


def _of_trainer(row: Any) -> tuple[str | None, Prompt | None, Any]:
    """(id, prompt, text) of a row of a trainer or harness; (None, None, None) for other rows."""
    match row:
        case {"custom_id": str(id_), "response": response}:
            match response:
                case {"body": {"choices": [{"message": {"content": text}}, *_]}}:
                    return id_, None, text
            return id_, None, None  # an error
        case {"doc": {"id": str(id_)}, "filtered_resps": [text, *_]}:
            return id_, None, text[0] if isinstance(text, list) and text else text
        case {"prompt": str(prompt), "predict": text} if "id" not in row:
            return None, Prompt(prompt, row.get("label")), text
        case {"messages": [*turns], "response": text} if "id" not in row:
            users = (t for t in turns if isinstance(t, dict) and t.get("role") == "user")
            asked = [turn.get("content") for turn in users]
            if asked:
                return None, Prompt(str(asked[-1]), row.get("labels")), text
        case {"input": str(prompt), "output": text, "gts": label}:
            return None, Prompt(prompt, label), text
    return None, None, None


def _written(value: Any) -> str:
    """The text of an answer that was written as a value; empty where it is nested too deeply."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return ""  # counted as unreadable


def _field(names: Any, field: str | None, where: object) -> str:
    """The name of the column that holds the model's text."""
    wanted = (field,) if field else FIELDS
    name = next((n for n in wanted if n in names), None)
    if name is None or "id" not in names:
        what = f"a prediction needs the fields id and {' or '.join(wanted)}"
        todo = "keep the column id of the corpus; name the model's text with --field"
        raise RawFileError(what, where=where, todo=todo)
    other = [n for n in names if n not in INSTRUCTIONS.names]
    if not field and name == "output" and "instruction" in names and other:
        what = f"is the model's text in output, which is the gold of the corpus, or in {other[0]}?"
        raise RawFileError(what, where=where, todo="name the field with --field")
    return name


#: Opens a Parquet file that another program may have written.
parquet: Final = partial(
    shards.opened,
    problem_in_words="cannot read this Parquet file",
    todo="write it again: ids and texts are strings in UTF-8, and .parquet means Parquet",
)
