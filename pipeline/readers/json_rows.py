"""JSON with a text or its tokens in each row, and annotations wherever they stand in it.

    {"text": "Ada met Tom in Oslo", "entities": [{"start": 0, "end": 3, "label": "PER"}, ...]}
    {"sentence": ["Ada", "left"], "spans": [[0, 1, "PER"]]}
    {"tokens": ["Ada", "met", "Tom"], "ner_tags": ["B-PER", "O", "B-PER"]}
    {"text": "...", "spo_list": [{"subject": "Ada", "predicate": "born in", "object": "Oslo"}]}
    {"text": "...", "events": [{"type": "Attack", "trigger": {"start": 4, "end": 9}, "args": []}]}

A file is JSON lines, one array, one object, or a Parquet or Arrow file; a folder holds such files.
The options say where things stand, by paths (see `_paths`); the tables `entities`, `relations`
and `events` say at which path their list is, and what in an item is what. The second row above is

    tokens = "sentence"
    entities = { at = "spans", start = 0, end = 1, label = 2 }

Offsets count characters of `text`, or the tokens of `tokens`, half-open unless `inclusive_end`. The
ends of a relation, a trigger and an argument are spans like entities, or with `ref` the id of an
entity, or its place in the list where entities have no `id`. The formats in `formats.toml` are
options of this reader that have a name.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.errors import RawFileError
from pipeline.readers import formats, layouts
from pipeline.readers._build import built, lost_counts
from pipeline.readers._form import Form
from pipeline.readers._paths import EACH, VALUES, Item, Path, RowError, lister, steps, tree, unread
from pipeline.readers._rows import Arguments, Options, Span
from pipeline.readers._source import EXCERPT, attempt, files_in, json_document, json_rows
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path as File

    from pipeline.readers._paths import Steps
    from pipeline.records import Record


def read(files: Sequence[File], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per row. One without its lists of annotations is unlabelled: a reject."""
    return rows_read(rows_of(files, options.rows), options)


def rows_read(rows: Iterable[tuple[str, Item]], options: Options) -> Iterator[Record | Reject]:
    """The records of (origin, row). Readers of other formats bring their rows into this shape."""
    form = Form(options)
    for origin, row in rows:
        if isinstance(row.value, Reject):
            yield row.value
        elif odd := form.not_gold(row):
            yield Reject(origin, "not_gold", odd, records=0)
        else:
            lost: list[Reject] = []
            item = attempt(origin, partial(built, origin, form, lost), row)
            if isinstance(item, Reject):
                yield lost_counts(item, form, row)
            else:
                yield from lost
                yield item


def layout(reader: str, language: str = "", **more: Any) -> Options:
    """The options for the rows that another reader brings into shape."""
    declared = {**formats(), **layouts()}[reader]
    return msgspec.convert({**declared, "language": language, **more}, Options)


def refused(origin: str, row: Item, options: Options, words: str) -> Reject:
    """The reject of a row that cannot be brought into shape, with what is lost with it."""
    reject = Reject(origin, "malformed_record", words[:EXCERPT], str(row.value)[:EXCERPT])
    return lost_counts(reject, Form(options), row)


def rows_of(files: Sequence[File], path: Path = "") -> Iterator[tuple[str, Item]]:
    """(origin, row) of all rows; the origin of a row in an object of lists has its keys."""
    for file in files_in(files, ".json"):
        if path == "":
            held = ((file.stem, None),)
            yield from ((origin, Item(value, held)) for origin, value in json_rows(file))
            continue
        try:
            found = lister(path)(Item(json_document(file)))
        except RowError as problem:
            raise _no_rows(file, path, str(problem)) from None
        if found is None:
            raise _no_rows(file, path, "there is nothing")
        numbers: Counter[str] = Counter()
        for item in found:
            keys = "".join(f"{key}#" for key, _ in item.trail)
            numbers[keys] += 1
            yield f"{file.name}:{keys}{numbers[keys]}", item


def _no_rows(file: File, path: Path, why: str) -> RawFileError:
    what = f"the rows do not stand at {path!r}: {why}"
    return RawFileError(what, where=file, todo="correct `rows` in [reader], or the file")


def unread_fields(files: Sequence[File], options: Options) -> Counter[str]:
    """Field of the rows that is not read -> in how many places it stands and is not empty."""
    return unread_of(rows_of(files, options.rows), options)


def unread_of(rows: Iterable[tuple[str, Item]], options: Options) -> Counter[str]:
    """The same for rows that another reader brought into shape."""
    read = tree([*_paths(options)])
    values = (row.value for _, row in rows if not isinstance(row.value, Reject))
    return Counter(name for value in values for name in unread(value, read))


def others(rows: Iterable[Any], *fields: str) -> Counter[str]:
    """The same where these fields are read whole, and no others."""
    read = tree([(field,) for field in fields])
    found = (unread(row, read) for row in rows if not isinstance(row, Reject))
    return Counter(name for names in found for name in names)


def _paths(options: Options) -> Iterator[Steps]:
    """The steps of every path, from the row on."""
    texts = options.text if isinstance(options.text, tuple) else [options.text]
    single = [options.title, options.tags, options.source_id, *options.only]
    single += [options.tokens] if options.tokens is not None else texts
    yield from (steps(path) for path in single if path is not None)
    for table in (options.entities, options.relations, options.events):
        if table is not None:
            yield from _table_paths(table, (*steps(table.at), EACH) if table.at != "" else ())


def _table_paths(table: Any, base: Steps) -> Iterator[Steps]:
    """The steps of every path in a table whose items stand at `base`."""
    for name, value in msgspec.structs.asdict(table).items():
        if name == "at" or value is None or isinstance(value, bool):
            continue
        if isinstance(value, Arguments):
            yield from _table_paths(value, (*base, *steps(value.at), EACH))
        elif isinstance(value, Span):
            yield from _table_paths(value, (*base, *steps(value.at)))
        else:
            yield from _above(base, str(value))


def _above(base: Steps, path: str) -> Iterator[Steps]:
    """The steps of a path that may begin with "^", from the row on; a key is no field."""
    rest = path.lstrip("^")
    for _ in range(len(path) - len(rest)):
        places = [n for n, step in enumerate(base[:-1]) if step in (EACH, VALUES)]
        base = base[: places[-1] + 1] if places else ()
    if rest != "#":
        yield (*base, *steps(rest))
