"""One token a line in columns, sentences apart by empty lines: CoNLL and its many relatives.

    -DOCSTART- -X- -X- O          Rating:   B-Rating<TAB>two          BMES:   厦 B-LOC
                                            I-Rating<TAB>star                 门 M-LOC
    Helsinki NNP I-NP I-LOC                 O<TAB>places                      市 E-LOC
    beat VBD I-VP O

    the<TAB>O<TAB>O               two columns of tags: tag_column = 1, layers = [2]
    human<TAB>B-DNA<TAB>B-protein
    IL<TAB>I-DNA<TAB>O

`scheme` is the tag scheme (see `_tags`). `separator` "" means blanks and tabs; a token with blanks
in it is put together where a line has a token and a tag and nothing else. A row of more cells than
the first row of its file has is broken, as one of fewer cells than needed is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pipeline.readers import _tags
from pipeline.readers._cells import BLANK, cells
from pipeline.readers._source import EXCERPT, join_tokens
from pipeline.readers._tags import Tagged
from pipeline.records import Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Options(Tagged, frozen=True):
    """Where token and tag stand in a line, and how tags are written."""

    separator: str = "\t"
    #: Cells may stand in quotation marks, as spreadsheets write them. With commas they always may.
    quoted: bool = False
    #: The first row names the columns.
    header: bool = False
    token_column: int = 0
    tag_column: int = -1
    #: More columns of tags, whose entities are added: those of nested entities, say.
    layers: tuple[int, ...] = ()
    #: A column that has something in the first row of each sentence alone.
    sentence_column: int | None = None
    #: A row that holds this starts a document, wherever it stands, and is no token. What follows
    #: it, as in "###MEDLINE:90210001", is the id of the document.
    document_marker: str = "-DOCSTART-"
    encoding: str = "utf-8"
    #: Lines that begin so are passed over where they stand above the tokens of a sentence.
    comment: str = ""


class Sentence(NamedTuple):
    """The rows of a sentence, each with its origin, and the document that they are from."""

    rows: list[tuple[str, list[str]]]
    document: str | None


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence."""
    for file in files:
        width = 0
        for sentence in _sentences(file, options):
            width = width or len(sentence.rows[0][1])
            yield record(sentence, options, width)


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:
    """Column that is not read -> in how many rows it holds something."""
    named = (options.token_column, options.tag_column, *options.layers)
    found: Counter[str] = Counter()
    for file in files:
        width = 0
        for sentence in _sentences(file, options):
            width = width or len(sentence.rows[0][1])
            for _, given in sentence.rows:
                row = _whole(given, options, width)
                own = {column % len(row) for column in named} | {options.sentence_column}
                rest = (n for n, cell in enumerate(row) if n not in own and cell not in ("", "_"))
                found.update(f"column {n}" for n in rest)
    return found


def record(sentence: Sentence, options: Options, width: int) -> Record | Reject:
    """The record of a sentence in a file whose first row has so many cells."""
    columns = (options.token_column, options.tag_column, *options.layers)
    needed = max(2, *(column + 1 if column >= 0 else -column for column in columns))
    style = options.style
    origin = sentence.rows[0][0]
    tokens: list[str] = []
    tags: list[list[str]] = [[] for _ in columns[1:]]
    broken: Reject | None = None
    for place, given in sentence.rows:
        row = _whole(given, options, width)
        why, told = "", ""
        if len(row) < needed:
            why, told = "missing_column", f"{len(row)} of {needed} columns"
        elif len(row) > max(width, needed):
            why, told = "extra_column", f"{len(row)} columns, where {width} are due"
        elif not row[options.token_column]:
            if len(sentence.rows) > 1 and all(row[c].strip(BLANK) == "O" for c in columns[1:]):
                continue  # It is nothing, and nothing is said of it.
            why, told = "empty_token", f"tagged {row[options.tag_column]!r}"
        if why:
            excerpt = (options.separator or " ").join(given)[:EXCERPT]
            broken = broken or Reject(place, why, told, excerpt)
            continue
        tokens.append(row[options.token_column])
        for layer, column in zip(tags, columns[1:], strict=True):
            layer.append(row[column].strip(BLANK))
    text, starts = join_tokens(tokens, options.language)
    found = []
    for layer in tags:
        spans = _tags.decode(layer, style)
        if isinstance(spans, str):
            broken = broken or Reject(origin, "unknown_tag", spans, text[:EXCERPT])
        else:
            found += _tags.mentions(spans, text, tokens, starts)
    if broken:
        return broken._replace(entities=sum(_tags.count(layer, style) for layer in tags))
    return Record(text, origin, found, source_id=sentence.document)


def _whole(row: list[str], options: Options, width: int) -> list[str]:
    """A row without empty cells beyond the width; with a token that has blanks put together."""
    extra = len(row) - width
    while extra > 0 and not row[-1].strip(BLANK):
        row, extra = row[:-1], extra - 1
    parts = (options.token_column, options.tag_column)
    if extra > 0 and width == 2 and options.separator in ("", " ") and parts in ((0, -1), (0, 1)):
        return [" ".join(row[:-1]), row[-1]]
    return row


def _sentences(file: Path, options: Options) -> Iterator[Sentence]:
    """The sentences of a file."""
    document, number = None, 0
    rows: list[tuple[str, list[str]]] = []
    marker, comment, first = options.document_marker, options.comment, options.header
    for place, row in cells(
        file, options.separator, quoted=options.quoted, encoding=options.encoding
    ):
        if first and row:
            first = False
            continue
        mark = next((cell for cell in row if cell.startswith(marker)), None) if marker else None
        if mark is None and comment and not rows and row and _begins(row, comment, options):
            continue  # Further down it is a token.
        new = options.sentence_column
        starts = new is not None and len(row) > new and row[new].strip()
        if rows and (mark is not None or not row or starts):
            yield Sentence(rows, document)
            rows = []
        if mark is not None:
            number += 1
            document = mark.removeprefix(marker).strip() or f"{file.name}#{number}"
        elif row:
            rows.append((place, row))
    if rows:
        yield Sentence(rows, document)


def _begins(row: list[str], comment: str, options: Options) -> bool:
    return (options.separator or " ").join(row).startswith(comment)
