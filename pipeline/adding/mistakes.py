"""Which change of a reader's options would fit its files clearly better: the likely mistakes.

Options are changed one at a time and the first records are read again. So a file with inclusive
ends that is declared exclusive, a wrong tag scheme, swapped columns or a wrong text field is found
by what it does to the annotations.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from pipeline.adding.fitting import ROWS, Fit, fit
from pipeline.adding.tabular import PAIR
from pipeline.errors import PipelineError
from pipeline.readers._source import json_rows, lines
from pipeline.readers.pair_table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.catalog import Dataset

#: A change must explain this much more of the rows before it is called likely.
MARGIN: Final = 0.1
#: Option -> the values that are tried for it, with the words that name the mistake.
_VALUES: Final[dict[str, dict[Any, str]]] = {
    "inclusive_end": {
        True: "the ends look inclusive",
        False: "the ends look exclusive (half-open)",
    },
    "scheme": {
        name: f"the tag scheme looks like {name}"
        for name in ("IOB2", "IOB1", "BIOES", "BMES", "IO")
    },
    "separator": {
        "\t": "the columns look parted by tabs",
        " ": "the columns look parted by single blanks",
        ",": "the columns look parted by commas",
        "": "the columns look parted by blanks and tabs",
    },
    "comment": {"# ": "lines that begin with '# ' look like comments"},
    "unit": {
        "characters": "the offsets look like counts of characters",
        "tokens": "the offsets look like counts of tokens",
    },
    "layout": {
        "list": "the spans look like a list",
        "by_label": "the spans look grouped by label",
    },
}


class Change(NamedTuple):
    """Reader options that may fit better, and what that says of the files."""

    reader: dict[str, Any]
    words: str


def better(dataset: Dataset, files: Sequence[Path], own: Fit | None = None) -> Change | None:
    """The one change of the reader's options that fits clearly better, if there is one."""
    own = own or fit(dataset, files)
    best, score = None, own.score + MARGIN
    if score >= 1:
        return None
    for change in changes(dataset, files):
        found = fit(msgspec.structs.replace(dataset, reader=change.reader), files)
        if found.score > score:
            best, score = change, found.score
    return best


def explained(dataset: Dataset, change: Change) -> str:
    """A change in words: what the files look like, and which options say so."""
    new = {k: v for k, v in change.reader.items() if dataset.reader.get(k) != v}
    told = ", ".join(f"{k} = {_toml(v)}" for k, v in new.items())
    return f"{change.words}: try {told}"


def changes(dataset: Dataset, files: Sequence[Path]) -> Iterator[Change]:
    """Every reader declaration that differs from the dataset's in one respect."""
    options = dataset.reader
    offered = options_of(options["name"])
    for name, values in _VALUES.items():
        if name in offered:
            for value, words in values.items():
                if options.get(name, offered[name]) != value:
                    yield Change({**options, name: value}, words)
    if {"token_column", "tag_column"} <= {*offered}:
        yield from _columns(options, offered, files)
    if {"start", "end"} <= {*offered}:
        start, end = (options.get(n, offered[n]) for n in ("start", "end"))
        yield Change({**options, "start": end, "end": start}, "starts and ends look swapped")
    if options["name"] == "pair_table":
        yield from _table_columns(options, files)
    yield from _text_fields(options, offered, files)


def options_of(reader: str) -> dict[str, Any]:
    """The options of a reader with their defaults."""
    parameters = inspect.signature(import_module(f"pipeline.readers.{reader}").read).parameters
    return {n: p.default for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


def _first_line(files: Sequence[Path], encoding: str = "utf-8", comment: str = "") -> str:
    rows = (line for f in files if f.is_file() for _, line in lines(f, encoding))
    return next((r for r in rows if r.strip() and not (comment and r.startswith(comment))), "")


def _columns(
    options: dict[str, Any], offered: dict[str, Any], files: Sequence[Path]
) -> Iterator[Change]:
    token, tag = (options.get(n, offered[n]) for n in ("token_column", "tag_column"))
    yield Change(
        {**options, "token_column": tag, "tag_column": token},
        "the columns of tokens and tags look swapped",
    )
    separator = options.get("separator", offered["separator"])
    told = {k: options[k] for k in ("encoding", "comment") if k in options}
    width = len(_first_line(files, **told).split(separator or None))
    for first, second in permutations(range(min(width, 6)), 2):
        if (first % width, second % width) != (token % width, tag % width):
            yield Change(
                {**options, "token_column": first, "tag_column": second},
                f"tokens look to stand in column {first} and tags in column {second}",
            )


def _table_columns(options: dict[str, Any], files: Sequence[Path]) -> Iterator[Change]:
    own = [*options.get("columns", ())]
    separator = options.get("separator") or "\t"
    rows = (row for f in files if f.is_file() for _, row in table(f, separator))
    try:
        first = next(rows, [])
    except PipelineError:
        return
    if own:
        for i, j in permutations(range(len(own)), 2):
            if i < j and {own[i], own[j]} & {*PAIR} and {own[i], own[j]} != {"head", "tail"}:
                swapped = [*own]
                swapped[i], swapped[j] = own[j], own[i]
                words = f"the columns {own[i]!r} and {own[j]!r} look swapped"
                yield Change({**options, "columns": swapped}, words)
    elif not {*PAIR} <= {name.strip() for name in first} and len(PAIR) <= len(first) <= 6:
        # Which of two names is the head cannot be seen: it is taken to come first.
        for places in permutations(range(len(first)), len(PAIR)):
            if places[1] < places[2]:
                columns = [f"column_{i}" for i in range(len(first))]
                for name, place in zip(PAIR, places, strict=True):
                    columns[place] = name
                words = "the first row does not name the columns so, they look like"
                yield Change({**options, "columns": columns}, f"{words} {', '.join(columns)}")


def _text_fields(
    options: dict[str, Any], offered: dict[str, Any], files: Sequence[Path]
) -> Iterator[Change]:
    """Other fields of the first row that may hold the text."""
    nested = "fields" in offered
    if not nested and "text" not in offered:
        return
    row = first_row(files)
    fields = options.get("fields") or {}
    own = fields.get("text", "text") if nested else options.get("text", offered["text"])
    for name, value in row.items():
        if name != own and isinstance(value, str | list) and value:
            words = f"the text looks to be in the field {name!r}, not in {own!r}"
            new: Any = {"fields": {**fields, "text": name}} if nested else {"text": name}
            yield Change({**options, **new}, words)


def first_row(files: Sequence[Path]) -> dict[str, Any]:
    """The first JSON object of a file with nothing empty in it, or with the least; else {}."""
    for file in files:
        try:
            rows = [row for _, row in islice(json_rows(file), ROWS)] if file.is_file() else []
        except PipelineError:
            continue
        if found := [row for row in rows if isinstance(row, dict)]:
            return max(
                found,
                key=lambda row: sum(value not in ("", [], {}, None) for value in row.values()),
            )
    return {}


def _toml(value: Any) -> str:
    import tomlkit

    return str(tomlkit.item(value).as_string())
