"""One token a line in columns, sentences apart by empty lines: CoNLL and its many relatives.

    -DOCSTART- -X- -X- O          Rating:   B-Rating<TAB>two          BMES:   厦 B-LOC
                                            I-Rating<TAB>star                 门 M-LOC
    Helsinki NNP I-NP I-LOC                 O<TAB>places                      市 E-LOC
    beat VBD I-VP O

`scheme` is the tag scheme. IOB1 and IOB2 are decoded alike: B- opens an entity, and so does an I-
that continues none of its label (conlleval's rule). So IOB1, whose B- only parts two entities of
one label that touch, needs no conversion. IO has bare labels and no way to part what touches.
BMES and BIOES are one scheme: E or L ends, S or U stands alone, and what continues nothing opens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from pipeline.readers._options import Joined
from pipeline.readers._source import EXCERPT, join_tokens, lines
from pipeline.records import Mention, Record, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Scheme = Literal["IO", "IOB1", "IOB2", "BMES", "BIOES"]
#: What makes a line empty. No other white space does: Chinese text has tokens of U+3000.
_BLANK: Final = " \t\r"
_BLANKS: Final = re.compile("[ \t]+")
#: Prefix -> (opens an entity, ends it).
_IOB: Final = {"B": (True, False), "I": (False, False)}
_ENDS: Final = {"E": (False, True), "L": (False, True), "S": (True, True), "U": (True, True)}
_BIOES: Final = {**_IOB, "M": (False, False), **_ENDS}
_PREFIXES: Final[dict[str, dict[str, tuple[bool, bool]]]] = {
    "IO": {},
    **dict.fromkeys(("IOB1", "IOB2"), _IOB),
    **dict.fromkeys(("BMES", "BIOES"), _BIOES),
}


class Options(Joined, frozen=True):
    """Where token and tag stand in a line, and how tags are written."""

    scheme: Scheme = "IOB2"
    separator: str = "\t"
    token_column: int = 0
    tag_column: int = -1
    document_marker: str = "-DOCSTART-"
    encoding: str = "utf-8"
    outside: tuple[str, ...] = ()
    comment: str = ""


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence. `separator` "" means blanks and tabs.

    A row that holds `document_marker` starts a document, wherever it stands, and is no token. What
    follows the marker, as in "###MEDLINE:90210001", is its id. Tags in `outside` are read as O.
    Lines that begin with `comment` are passed over where they stand above the tokens of a sentence.
    """
    scheme, outside, separator = options.scheme, options.outside, options.separator
    token_column, tag_column = options.token_column, options.tag_column
    needed = max(2, *(i + 1 if i >= 0 else -i for i in (token_column, tag_column)))
    for file in files:
        for document, rows in _blocks(
            file, separator, options.document_marker, options.encoding, options.comment
        ):
            sound = [c for _, c in rows if len(c) >= needed and c[token_column]]
            tokens = [columns[token_column] for columns in sound]
            tags = [columns[tag_column].strip(_BLANK) for columns in sound]
            broken: Reject | None = None
            if len(sound) < len(rows):
                place, columns = next(
                    (p, c) for p, c in rows if len(c) < needed or not c[token_column]
                )
                if len(columns) < needed:
                    why, told = "missing_column", f"{len(columns)} of {needed} columns"
                else:
                    why, told = "empty_token", f"tagged {columns[tag_column]!r}"
                broken = Reject(place, why, told, (separator or " ").join(columns)[:EXCERPT])
            text, starts = join_tokens(tokens, options.language)
            spans = decode_tags(tags, scheme, outside)
            if isinstance(spans, str):
                unknown = Reject(rows[0][0], "unknown_tag", spans, text[:EXCERPT])
                yield (broken or unknown)._replace(entities=count_entities(tags, scheme, outside))
            elif broken:
                yield broken._replace(entities=len(spans))
            else:
                places = [(starts[i], starts[j] + len(tokens[j]), label) for i, j, label in spans]
                mentions = [Mention(text[i:j], i, j, label) for i, j, label in places]
                yield Record(text, rows[0][0], mentions, source_id=document)


def _blocks(
    file: Path, separator: str, marker: str, encoding: str, comment: str
) -> Iterator[tuple[str | None, list[tuple[str, list[str]]]]]:
    """Yield (document, [(origin, columns), ...]) of every sentence."""
    document, number = None, 0
    rows: list[tuple[str, list[str]]] = []
    for place, line in lines(file, encoding):
        columns = line.split(separator) if separator else _BLANKS.split(line.strip(_BLANK))
        mark = None
        if marker and marker in line:
            mark = next((column for column in columns if column.startswith(marker)), None)
        if mark is None and comment and not rows and line.startswith(comment):
            continue  # Further down it is a token.
        if mark is None and line.strip(_BLANK):
            rows.append((place, columns))
            continue
        if rows:
            yield document, rows
            rows = []
        if mark is not None:
            number += 1
            document = mark.removeprefix(marker).strip() or f"{file.name}#{number}"
    if rows:
        yield document, rows


def decode_tags(
    tags: Sequence[str], scheme: Scheme, outside: Sequence[str] = ()
) -> list[tuple[int, int, str]] | str:
    """(first token, last token, label) of every entity, or what is wrong with the first odd tag.

    The label is what follows the first hyphen or underscore, as in "B-creative-work".
    """
    prefixes = _PREFIXES[scheme]
    spans: list[tuple[int, int, str]] = []
    label, first = "", 0
    for index, tag in enumerate(tags):
        if tag == "O" and not label:
            continue
        if tag == "O" or tag in outside:
            kind, opens, ends = "", False, False
        elif scheme == "IO" and tag:
            kind, opens, ends = tag, False, False
        elif len(tag) > 2 and tag[0] in prefixes and tag[1] in "-_":
            kind, (opens, ends) = tag[2:], prefixes[tag[0]]
        else:
            return f"{tag!r} is no tag of {scheme}"
        if label and (opens or kind != label):
            spans.append((first, index - 1, label))
            label = ""
        if kind and not label:
            label, first = kind, index
        if ends:
            spans.append((first, index, label))
            label = ""
    if label:
        spans.append((first, len(tags) - 1, label))
    return spans


def count_entities(tags: Sequence[str], scheme: Scheme, outside: Sequence[str] = ()) -> int:
    """How many entities a sentence loses that has odd tags: these are read as O."""
    known = [tag if isinstance(decode_tags([tag], scheme, outside), list) else "O" for tag in tags]
    return len(decode_tags(known, scheme, outside))
