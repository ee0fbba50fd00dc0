"""The readers, with options, that are worth trying on some files.

They come from what the first rows look like, from the layouts that the catalog declares, and from
the named formats.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pipeline import catalog, readers
from pipeline.adding import json_shape, tabular
from pipeline.catalog import reader_options
from pipeline.errors import PipelineError
from pipeline.readers import argilla_responses
from pipeline.readers._cells import unpacked
from pipeline.readers._paths import Item, finder
from pipeline.readers._source import attempt, json_rows
from pipeline.readers.json_rows import rows_of
from pipeline.records import Reject

_ROWS: Final = 200


class Candidate(NamedTuple):
    """A reader with options."""

    reader: dict[str, Any]
    #: Where it comes from, in words.
    why: str


def candidates(files: Sequence[Path], encoding: str = "utf-8") -> Iterator[Candidate]:
    """Yield every reader with options that is worth trying, each once."""
    seen: set[str] = set()
    rows = first_json(files)
    gold = json_shape.gold(rows or ())
    for base in _all(files, rows, encoding):
        if gold and "only" in defaults(base.reader["name"]):
            # Which rows are gold does not depend on where their annotations are.
            reader = {"name": "", **reader_options.merged(gold, base.reader)}
            base = base._replace(reader=reader)  # noqa: PLW2901
        for candidate in (base, *_other_ends(base)):
            if (key := str(sorted(candidate.reader.items(), key=str))) not in seen:
                seen.add(key)
                yield candidate


def _all(files: Sequence[Path], rows: Sequence[Any] | None, encoding: str) -> Iterator[Candidate]:
    text = rows is None and all(file.is_file() for file in files)
    packed, values = _unpacked(rows or ())
    for options in json_shape.shapes(values) if rows else ():
        yield Candidate({"name": "json_rows", **packed, **options}, "its fields")
    if rows and all(isinstance(row, dict) for row in rows):
        for options in json_shape.of_one(values):
            yield Candidate({"name": "json_rows", **packed, **options}, "its fields")
    objects = (row for row in rows or () if isinstance(row, dict))
    asked = (attempt("", argilla_responses.questions, row) for row in objects)
    for question in dict.fromkeys(
        name for names in asked if isinstance(names, dict) for name in names
    ):
        yield Candidate({"name": "argilla_responses", "question": question}, "its questions")
    if text:
        for options in tabular.tagged(files, encoding):
            yield Candidate({"name": "columns", **options}, "its columns")
        for options in tabular.pairs(files):
            yield Candidate({"name": "pair_table", **options}, "its columns")
        yield from _mention_tables(files)
    first_rows = _first_rows(files)
    for known in _known():
        if (known.reader["name"] != "columns" or text) and _finds_texts(known.reader, first_rows):
            yield known


def _first_rows(files: Sequence[Path]) -> list[Item] | None:
    """Return the rows that a layout of JSON rows would read to be judged; None if it cannot."""
    try:
        return [row for _, row in islice(rows_of(files), _ROWS)]
    except PipelineError:
        return None


def _finds_texts(reader: Mapping[str, Any], rows: Sequence[Item] | None) -> bool:
    """Whether a layout finds its text or its tokens in any of the rows; True if it has others."""
    options = {**defaults(reader["name"]), **reader}
    plain = readers.module_of(reader["name"]) == "json_rows" and options["separator"] is None
    if rows is None or not plain or options["rows"] or options["packed"]:
        return True
    paths = options["text"] if options["tokens"] is None else options["tokens"]
    finds = [finder(path) for path in (paths if isinstance(paths, list | tuple) else [paths])]
    return any(isinstance(attempt("", find, row), str | list) for row in rows for find in finds)


def _mention_tables(files: Sequence[Path]) -> Iterator[Candidate]:
    """Yield readings of tables with one mention per row, or with marks in their texts."""
    for table, rows in tabular.tables(files):
        packed, values = _unpacked(rows)
        for options in (json_shape.shapes if packed else json_shape.of_one)(values):
            yield Candidate({"name": "json_rows", **table, **packed, **options}, "its columns")


def _unpacked(rows: Sequence[Any]) -> tuple[dict[str, Any], Sequence[Any]]:
    """Return the option for fields that hold values in strings, and the rows with these values.

    Texts may all begin with a bracket, and are then no values; they never all begin with a brace.
    """
    cells: dict[str, list[Any]] = {}
    for row in rows:
        for key, cell in row.items() if isinstance(row, dict) else ():
            if cell:
                cells.setdefault(key, []).append(cell)
    packed = [
        key
        for key, given in cells.items()
        if all(isinstance(cell, str) and cell[0] in "[{" for cell in given)
        and (
            any(cell[0] == "{" for cell in given)
            or 2 * len(_values([key], [{key: cell} for cell in given])) > len(given)
        )
    ]
    return ({"packed": packed}, _values(packed, rows)) if packed else ({}, rows)


def _values(packed: Sequence[str], rows: Sequence[Any]) -> list[Any]:
    """Return the rows whose packed fields can be read, with the values of these."""
    read = (attempt("", partial(unpacked, packed), row) for row in rows)
    return [row for row in read if not isinstance(row, Reject)]


def _other_ends(candidate: Candidate) -> Iterator[Candidate]:
    """Yield the same candidate with inclusive ends instead of exclusive ones, or the reverse."""
    options = {**defaults(candidate.reader["name"]), **candidate.reader}
    inclusive = options.get("inclusive_end")
    # A layout that names no end has no end to read differently; nor has a guess at columns.
    ends = readers.module_of(candidate.reader["name"]) != "json_rows" or "'end'" in str(options)
    ends = ends and candidate.reader["name"] != "pair_table"
    if inclusive is not None and ends:
        yield candidate._replace(reader={**candidate.reader, "inclusive_end": not inclusive})


@cache
def _known() -> list[Candidate]:
    """Return the readings that the catalog declares, and every reader and format as it is."""
    by_reader: dict[str, Candidate] = {}
    for name in readers.names():
        by_reader[str({"name": name})] = Candidate({"name": name}, f"the format {name}")
    for name in catalog.ids():
        reader = catalog.load(name).reader
        if "tag_names" in reader:
            continue  # These names of numbers hold only for that dataset's files.
        by_reader.setdefault(str(reader), Candidate(reader, f"the layout of {name}"))
    return [*by_reader.values()]


@cache
def defaults(reader: str) -> dict[str, Any]:
    """Return the options of a reader with their defaults, or with the values that a format sets."""
    kind = getattr(reader_options.module(reader), "Options", None)
    known = {f.name: f.default for f in msgspec.structs.fields(kind)} if kind else {}
    return {k: v for k, v in known.items() if k != "language"} | readers.formats().get(reader, {})


def first_json(files: Sequence[Path]) -> list[Any] | None:
    """Return the first rows of JSON files, or of Parquet and similar tables; None for others."""
    rows: list[Any] = []
    for file in files:
        try:
            # Of many files, a few rows of each are enough.
            for _, row in islice(json_rows(file), max(1, _ROWS // len(files))):
                if isinstance(row, dict | list):
                    rows.append(row)
                elif not rows:
                    return None
        except PipelineError:
            return None
    return rows
