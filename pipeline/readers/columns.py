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
the first row of its file has is broken, as one of fewer cells than needed is, unless rows may be
`ragged`. The formats of columns in `formats.toml` are options of this reader that have a name.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.readers import _tags
from pipeline.readers._cells import BLANK, cells
from pipeline.readers._paths import Files, Found
from pipeline.readers._source import EXCERPT, files_in, join_tokens, ontonotes_word
from pipeline.readers._tags import Tagged
from pipeline.records import Record, Reject


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
    #: A column that names each sentence, in its first row alone or in all of its rows.
    sentence_column: int | None = None
    #: A row that holds this starts a document, wherever it stands, and is no token. What follows
    #: it, as in "###MEDLINE:90210001", is the id of the document.
    document_marker: str = "-DOCSTART-"
    encoding: str = "utf-8"
    #: Lines that begin so are passed over where they stand above the tokens of a sentence.
    comment: str = ""
    #: The token is the first group of this pattern, which must match all of its cell.
    token_pattern: str = ""
    #: Rows whose first cell matches this pattern are passed over.
    passed_over: str = ""
    #: In a cell of several features, as in a=b|c=d, the tag is the value of this one; "_" is O.
    feature: str = ""
    #: Tokens are written as in OntoNotes: -LRB- for a bracket, /. for a full stop.
    treebank: bool = False
    #: Rows may have more cells than the first one.
    ragged: bool = False
    #: The column that holds the id of the document.
    document_column: int | None = None
    #: Documents whose id begins so were never annotated, and are passed over.
    without_names: tuple[str, ...] = ()
    #: Of a folder, the files that end so are read.
    ending: str = ""


class Sentence(NamedTuple):
    """The rows of a sentence, each with its origin, and the document that they are from."""

    rows: list[tuple[str, list[str]]]
    document: str | None


def read(files: Files, options: Options) -> Found:
    """Yield one record per sentence."""
    for sentence, width in _all(files, options):
        yield record(sentence, options, width)


def unread_fields(files: Files, options: Options) -> Counter[str]:
    """Column that is not read -> in how many rows it holds something."""
    named = (options.token_column, options.tag_column, *options.layers)
    others = {options.sentence_column, options.document_column}
    counts: Counter[str] = Counter()
    for sentence, width in _all(files, options):
        for _, given in sentence.rows:
            row = _whole(given, options, width)
            columns_read = {column % len(row) for column in named} | others
            rest = (
                n for n, cell in enumerate(row) if n not in columns_read and cell not in ("", "_")
            )
            counts.update(f"column {n}" for n in rest)
    return counts


def _all(files: Files, options: Options) -> Iterator[tuple[Sentence, int]]:
    """The sentences, each with the number of cells in the first row of its file."""
    for file in files_in(files, options.ending) if options.ending else files:
        width = 0
        for sentence in _sentences(file, options):
            first = sentence.rows[0][1]
            width = width or len(first)
            if options.document_column is not None:
                sentence = sentence._replace(document=first[options.document_column])  # noqa: PLW2901
            if not (sentence.document or "").startswith(options.without_names or "\0"):
                yield sentence, width


def record(sentence: Sentence, options: Options, width: int) -> Record | Reject:
    """The record of a sentence in a file whose first row has so many cells."""
    columns = (options.token_column, options.tag_column, *options.layers)
    needed = max(2, *(column + 1 if column >= 0 else -column for column in columns))
    rows = [r if len(r) == width else _whole(r, options, width) for _, r in sentence.rows]
    most = max(map(len, rows)) if options.ragged else max(width, needed)
    sound, broken = rows, None
    if any(not needed <= len(row) <= most or not row[columns[0]] for row in rows):
        sound = []
        for (place, given), row in zip(sentence.rows, rows, strict=True):
            bare = len(rows) > 1 and len(row) >= needed and not row[columns[0]]
            if bare and all(row[c].strip(BLANK) == "O" for c in columns[1:]):
                continue  # It is nothing, and nothing is said of it.
            if fault := _fault(row, options, needed, most):
                excerpt = (options.separator or " ").join(given)[:EXCERPT]
                broken = broken or Reject(place, *fault, excerpt)
            else:
                sound.append(row)
    tokens = [row[columns[0]] for row in sound]
    tags = [[row[column].strip(BLANK) for row in sound] for column in columns[1:]]
    if options.feature:
        tags = [[_feature(cell, options.feature) for cell in layer] for layer in tags]
    if options.treebank:
        tokens = [*map(ontonotes_word, tokens)]
    if options.token_pattern:
        matches = [re.fullmatch(options.token_pattern, token) for token in tokens]
        if None in matches and not broken:
            place, given = sentence.rows[matches.index(None)]
            broken = Reject(place, "malformed_token", "", options.separator.join(given)[:EXCERPT])
        tokens = [match[1] for match in matches if match]
    text, starts = join_tokens(tokens, options.language)
    layers = [_tags.decode(layer, options) for layer in tags]
    if odd := next((spans for spans in layers if isinstance(spans, str)), None):
        broken = broken or Reject(sentence.rows[0][0], "unknown_tag", odd, text[:EXCERPT])
    if broken:
        return broken._replace(entities=sum(_tags.count(layer, options) for layer in tags))
    spans = [span for layer in layers for span in layer if isinstance(span, tuple)]
    mentions = _tags.mentions(spans, text, tokens, starts)
    return Record(text, sentence.rows[0][0], mentions, source_id=sentence.document)


def _feature(cell: str, name: str) -> str:
    """The tag in a cell of features; a cell without any is the tag."""
    features = dict(part.partition("=")[::2] for part in cell.split("|"))
    tag = features.get(name, "_") if "=" in cell else cell
    return "O" if tag == "_" else tag


def _fault(row: list[str], options: Options, needed: int, most: int) -> tuple[str, str] | None:
    """(reason, detail) of what is wrong with the cells of a row."""
    if len(row) < needed:
        return "missing_column", f"{len(row)} of {needed} columns"
    if len(row) > most:
        return "extra_column", f"{len(row)} columns, where {most} are due"
    if not row[options.token_column]:
        return "empty_token", f"tagged {row[options.tag_column]!r}"
    return None


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
    new, sentence, passed_over = options.sentence_column, "", options.passed_over
    for place, row in cells(
        file, options.separator, quoted=options.quoted, encoding=options.encoding
    ):
        if first and row:
            first = False
            continue
        mark = None
        for cell in row if marker else ():  # A loop of its own: it is done for every token.
            if cell.startswith(marker):
                mark = cell
                break
        if mark is None and comment and not rows and row and _begins(row, comment, options):
            continue  # Further down it is a token.
        named = row[new].strip() if new is not None and len(row) > new else ""
        starts = named not in ("", sentence)
        sentence = named or sentence
        if rows and (mark is not None or not row or starts):
            yield Sentence(rows, document)
            rows = []
        if mark is not None:
            number += 1
            document = mark.removeprefix(marker).strip() or f"{file.name}#{number}"
        elif row and not (passed_over and re.fullmatch(passed_over, row[0])):
            rows.append((place, row))
    if rows:
        yield Sentence(rows, document)


def _begins(row: list[str], comment: str, options: Options) -> bool:
    return (options.separator or " ").join(row).startswith(comment)
