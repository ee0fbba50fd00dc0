"""Which change of a reader's options would fit its files clearly better: the likely mistakes.

Options are changed one at a time and the first records are read again. So a file with inclusive
ends that is declared exclusive, a wrong tag scheme, swapped columns or a wrong text field is found
by what it does to the annotations.
"""

from __future__ import annotations

from itertools import islice, permutations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from pipeline import catalog
from pipeline.adding import json_shape, tabular
from pipeline.adding.fitting import ROWS, Fit, fit
from pipeline.catalog import reader_options
from pipeline.errors import PipelineError
from pipeline.readers import formats
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
    "separator": {
        "\t": "the columns look parted by tabs",
        " ": "the columns look parted by single blanks",
        ",": "the columns look parted by commas",
        "": "the columns look parted by blanks and tabs",
    },
    "comment": {"# ": "lines that begin with '# ' look like comments"},
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
        other = msgspec.structs.replace(dataset, reader=change.reader)
        try:
            catalog.reader(other)
        except PipelineError:
            continue
        found = fit(other, files)
        if found.score > score:
            best, score = change, found.score
    return best


def explained(dataset: Dataset, change: Change) -> str:
    """A change in words: what the files look like, and which options say so."""
    new = {k: v for k, v in change.reader.items() if dataset.reader.get(k) != v}
    told = ", ".join(f"{k} = {in_toml(v)}" for k, v in new.items())
    return f"{change.words}: try {told}"


def changes(dataset: Dataset, files: Sequence[Path]) -> Iterator[Change]:
    """Every reader declaration that differs from the dataset's in one respect."""
    options = dataset.reader
    offered = defaults(options["name"])
    for name, values in _VALUES.items():
        if name in offered:
            for value, words in values.items():
                if options.get(name, offered[name]) != value:
                    yield Change({**options, name: value}, words)
    if options["name"] == "columns":
        yield from _columns(options, offered, files)
    if options["name"] == "pair_table":
        yield from table_columns(options, files)
    if "entities" in offered:
        yield from _json_fields(options, offered, files)


def defaults(reader: str) -> dict[str, Any]:
    """The options of a reader with their defaults; of a format, with what it says of them."""
    kind = getattr(reader_options.module(reader), "Options", None)
    known = {f.name: f.default for f in msgspec.structs.fields(kind)} if kind else {}
    return {k: v for k, v in known.items() if k != "language"} | formats().get(reader, {})


def _columns(
    options: dict[str, Any], offered: dict[str, Any], files: Sequence[Path]
) -> Iterator[Change]:
    token, tag = (options.get(n, offered[n]) for n in ("token_column", "tag_column"))
    yield Change(
        {**options, "token_column": tag, "tag_column": token},
        "the columns of tokens and tags look swapped",
    )
    told = {k: v for k, v in options.items() if k in ("separator", "comment", "encoding")}
    for found in tabular.tagged_columns(told, files):
        new = {"name": options["name"], **told, **found.options}
        places = [new.get(n, offered[n]) for n in ("token_column", "tag_column")]
        words = f"tokens look to stand in column {places[0]} and tags in column {places[1]}"
        if places == [token, tag]:
            words = f"the tag scheme looks like {found.options['scheme']}"
        if new != options:
            yield Change(new, words)


def table_columns(options: dict[str, Any], files: Sequence[Path]) -> Iterator[Change]:
    """Other orders of the columns of a table of pairs."""
    own = [*options.get("columns", ())]
    separator = options.get("separator") or "\t"
    rows = (row for f in files if f.is_file() for _, row in table(f, separator))
    try:
        first = next(rows, [])
    except PipelineError:
        return
    pair = tabular.PAIR
    if own:
        for i, j in permutations(range(len(own)), 2):
            if i < j and {own[i], own[j]} & {*pair} and {own[i], own[j]} != {"head", "tail"}:
                swapped = [*own]
                swapped[i], swapped[j] = own[j], own[i]
                words = f"the columns {own[i]!r} and {own[j]!r} look swapped"
                yield Change({**options, "columns": swapped}, words)
    elif not {*pair} <= {name.strip() for name in first} and len(pair) <= len(first) <= 6:
        # Which of two names is the head cannot be seen: it is taken to come first.
        for places in permutations(range(len(first)), len(pair)):
            if places[1] < places[2]:
                columns = [f"column_{i}" for i in range(len(first))]
                for name, place in zip(pair, places, strict=True):
                    columns[place] = name
                words = "the first row does not name the columns so, they look like"
                yield Change({**options, "columns": columns}, f"{words} {', '.join(columns)}")


def _json_fields(
    options: dict[str, Any], offered: dict[str, Any], files: Sequence[Path]
) -> Iterator[Change]:
    """Other fields of the rows that may hold the text, or the annotations."""
    rows = first_json(files)
    own = options.get("text", offered["text"])
    for shape in json_shape.shapes([row for row in rows or () if isinstance(row, dict)]):
        for key in ("text", "tokens"):
            if (other := shape.get(key)) is not None and other != own:
                words = f"the text looks to be in the field {other!r}, not in {own!r}"
                yield Change({**options, key: other}, words)
        for key in ("entities", "relations", "events"):
            if key in shape and shape[key] != options.get(key, offered[key]):
                yield Change({**options, key: shape[key]}, f"the {key} look to stand elsewhere")


def first_json(files: Sequence[Path], most: int = ROWS) -> list[Any] | None:
    """The first rows of JSON files, or of tables in Parquet and the like; None for other files."""
    found: list[Any] = []
    for file in files:
        if file.is_dir():
            return None
        try:
            for _, row in islice(json_rows(file), most):
                if isinstance(row, dict | list):
                    found.append(row)
                elif not found:
                    return None
        except PipelineError:
            return None
    return found


def first_line(files: Sequence[Path]) -> str:
    """The first line of files that is not empty."""
    rows = (line for f in files if f.is_file() for _, line in lines(f))
    return next((row for row in rows if row.strip()), "")


def in_toml(value: Any) -> str:
    """A value of an option as a declaration has it, on one line."""
    import tomlkit

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {in_toml(v)}" for k, v in value.items()) + " }"
    return str(tomlkit.item(value).as_string())
