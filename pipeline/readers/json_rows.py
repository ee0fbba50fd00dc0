"""JSON with a text or its tokens in each row, and annotations wherever they stand in it.

    {"text": "Ada met Tom in Oslo", "entities": [{"start": 0, "end": 3, "label": "PER"}, ...]}
    {"sentence": ["Ada", "left"], "spans": [[0, 1, "PER"]]}
    {"tokens": ["Ada", "met", "Tom"], "ner_tags": ["B-PER", "O", "B-PER"]}
    {"text": "...", "spo_list": [{"subject": "Ada", "predicate": "born in", "object": "Oslo"}]}
    {"text": "...", "events": [{"type": "Attack", "trigger": {"start": 4, "end": 9}, "args": []}]}

A file is JSON lines, one array, one object, or a Parquet or Arrow file; a folder holds such files.
With `separator` it is a table whose rows are a mention or a relation each, the row itself being its
annotation: entities = { start = "from", end = "to", label = "kind" }. Texts come again in such
rows: declare `one_annotation_per_row = true`.
The options say where things stand, by paths (see `_paths`); the tables `entities`, `relations`
and `events` say at which path their list is, and what in an item is what. The second row above is

    tokens = "sentence"
    entities = { at = "spans", start = 0, end = 1, label = 2 }

Offsets count characters of `text`, or the tokens of `tokens`, half-open unless `inclusive_end`. The
ends of a relation, a trigger and an argument are spans like entities, or with `ref` the id of an
entity, or its place in the list where entities have no `id`. The formats in `formats.toml` are
options of this reader that have a name.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path as File
from typing import Any, Final

import msgspec

from pipeline.errors import RawFileError
from pipeline.readers import formats, layouts
from pipeline.readers._annotators import chosen
from pipeline.readers._build import built, lost_counts
from pipeline.readers._cells import table_rows, unpacked
from pipeline.readers._paths import EACH, Item, Path, RowError, Steps, finder, lister, steps, unread
from pipeline.readers._rows import Form, Layout, Options
from pipeline.readers._source import attempt, files_in, json_document, json_rows, lines
from pipeline.readers._tags import Tagged
from pipeline.records import Record, Reject

#: (origin, raw row, options of the reader) -> (origin, row as the layout has it, or its reject).
Shape = Callable[[str, Any, Any], Iterable[tuple[str, Any]]]
#: (files, options of the reader) -> (origin, raw row).
Source = Callable[[Sequence[File], Any], Iterator[tuple[str, Item]]]
Read = Callable[..., Iterator[Record | Reject]]
Unread = Callable[..., Counter[str]]
#: What a reader's options say of its rows as a layout does.
_SHARED: Final = ("inclusive_end", "annotators", *Tagged.__struct_fields__)


def read(files: Sequence[File], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per row. One without its lists of annotations is unlabeled: a reject."""
    return _records(_rows(files, options), Form(options))


def unread_fields(files: Sequence[File], options: Options) -> Counter[str]:
    """Field of the rows that is not read -> in how many places it stands and is not empty."""
    paths = Form(options).paths
    if options.rows == "":
        return _unread(_rows(files, options), paths)
    base = (*steps(options.rows), EACH)
    around = [base, *(path for path in paths if path[: len(base)] != base)]
    beside = unread(map(json_document, files_in(files, ".json")), around)
    inside = [path[len(base) :] for path in paths if path[: len(base)] == base]
    counts = _unread(_rows(files, options), inside)
    return counts + Counter({f"^{name}": n for name, n in beside.items()})


def absent_fields(files: Sequence[File], options: Options, paths: Iterable[Path]) -> list[Path]:
    """The paths at which no row has a value."""
    absent = {path: finder(path, required=False) for path in paths}
    for origin, row in _rows(files, options) if absent else ():
        seen = {path: attempt(origin, find, row) for path, find in absent.items()}
        absent = {p: f for p, f in absent.items() if isinstance(seen[p], Reject | None)}
        if not absent:
            break
    return [*absent]


def _rows(files: Sequence[File], options: Options) -> Iterator[tuple[str, Item]]:
    table = options.separator is not None
    rows = table_rows(files, options) if table else rows_of(files, options.rows)
    if not options.packed:
        return rows
    values = partial(unpacked, options.packed)
    return ((at, row._replace(value=attempt(at, values, row.value))) for at, row in rows)


def shaped(name: str, shape: Shape, source: Source | None = None) -> tuple[Read, Unread]:
    """`read` and `unread_fields` of a format of rows that `shape` brings into the layout `name`.

    `source` yields the raw rows, each with its origin: without it, those of JSON files. A row that
    `shape` fails on is a reject, and counts what the layout, or `lost` in it, finds in the raw row.
    What `whole` in the layout names is read by `shape`.
    """
    raw_rows = source or (lambda files, _: rows_of(files))

    def read(files: Sequence[File], options: Any = None) -> Iterator[Record | Reject]:
        layout = _layout(name, options)
        form = Form(layout)

        def rows() -> Iterator[tuple[str, Item]]:
            for origin, item in raw_rows(files, options):
                result = attempt(origin, partial(_all, shape, origin, options), item.value)
                if isinstance(result, Reject):
                    if result is not item.value:
                        result = lost_counts(result, form, item, layout.lost)
                    yield origin, Item(result)
                else:
                    yield from ((place, Item(row, item.trail)) for place, row in result)

        return _records(rows(), form)

    def unread_fields(files: Sequence[File], options: Any = None) -> Counter[str]:
        layout = _layout(name, options)
        return _unread(raw_rows(files, options), [*Form(layout).paths, *map(steps, layout.whole)])

    return read, unread_fields


def _all(shape: Shape, origin: str, options: Any, row: Any) -> list[tuple[str, Any]]:
    return [*shape(origin, row, options)]


def _layout(reader: str, given: Any) -> Layout:
    """The options for the rows of a format that has a shape; some are those of its reader."""
    declared = {"language": "", **{**formats(), **layouts()}[reader]}
    shared = {name: getattr(given, name) for name in _SHARED if hasattr(given, name)}
    return msgspec.convert({**declared, **shared}, Layout)


def _records(rows: Iterable[tuple[str, Item]], form: Form) -> Iterator[Record | Reject]:
    pairs = ((row, item) for origin, row in rows for item in _read(origin, row, form))
    if not (who := form.annotator):
        return (item for _, item in pairs)
    named = (("" if isinstance(row.value, Reject) else str(who(row)), i) for row, i in pairs)
    return chosen(named, form.options.annotators)


def _read(origin: str, row: Item, form: Form) -> Iterator[Record | Reject]:
    """The record of a row or its reject, after the rejects of what is lost from it."""
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


def rows_of(files: Sequence[File], path: Path = "") -> Iterator[tuple[str, Item]]:
    """(origin, row) of all rows; the origin of a row in an object of lists has its keys."""
    for file in files_in(files, ".json"):
        if path == "":
            held = ((file.stem, None),)
            yield from ((origin, Item(value, held)) for origin, value in json_rows(file))
            continue
        try:
            rows, why = lister(path)(Item(json_document(file))), "there is nothing"
        except RowError as problem:
            rows, why = None, str(problem)
        if rows is None:
            what = f"the rows do not stand at {path!r}: {why}"
            todo = "correct `rows` in [reader], or the file"
            raise RawFileError(what, where=file, todo=todo)
        numbers: Counter[str] = Counter()
        for item in rows:
            keys = "".join(f"{key}#" for key, _ in item.trail)
            numbers[keys] += 1
            yield f"{file.name}:{keys}{numbers[keys]}", item


def unchanged(origin: str, row: Any, _: object) -> Iterator[tuple[str, Any]]:
    """The shape of a row that has it already."""
    yield origin, row


def lines_of(files: Sequence[File], _: object) -> Iterator[tuple[str, Item]]:
    """(origin, line) of all lines that are not empty."""
    return ((at, Item(line)) for file in files for at, line in lines(file) if line.strip())


def _unread(rows: Iterable[tuple[str, Item]], paths: Iterable[Steps]) -> Counter[str]:
    return unread((r.value for _, r in rows if not isinstance(r.value, Reject)), paths)
