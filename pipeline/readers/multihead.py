r"""Tokens with entity tags, relations hanging on their last tokens: the files of Bekoulis et al.

    #doc 4711
    0<TAB>Orla<TAB>B-Peop<TAB>['N']<TAB>[0]
    1<TAB>Finn<TAB>I-Peop<TAB>['Live_In', 'Work_For']<TAB>[3, 5]
    2<TAB>of<TAB>O<TAB>['N']<TAB>[2]
    3<TAB>Split<TAB>B-Loc<TAB>['N']<TAB>[3]

The columns are the token's number, the token, a BIO tag, relations, and for each relation the
number of its other end. A relation goes from the entity that ends in its row to the entity that
ends in the other; a row with ['N'] has none. Tags are decoded as those of `columns` are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from pipeline.readers import _tags
from pipeline.readers._options import Joined as Options  # noqa: TC001 - the catalogue asks for it
from pipeline.readers._source import EXCERPT, attempt, items, join_tokens, lines, whole
from pipeline.records import Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DOCUMENT: Final = "#doc"
_NONE: Final = "['N']"


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per sentence, which the files call a document."""
    for file in files:
        for origin, document, rows in _blocks(file):
            found = attempt(origin, partial(_record, origin, document, options.language), rows)
            if isinstance(found, Reject):
                tags = [row[2] for row in rows if len(row) > 2]
                entities = _tags.count(tags, _tags.Style())
                found = found._replace(entities=entities, relations=_count_relations(rows))
            yield found


def _blocks(file: Path) -> Iterator[tuple[str, str | None, list[list[str]]]]:
    """Yield (origin, document, rows) of every sentence."""
    origin, document = f"{file.name}:1", None
    rows: list[list[str]] = []
    for place, line in lines(file):
        if line.startswith(_DOCUMENT):
            if rows:
                yield origin, document, rows
            origin, document, rows = place, line.removeprefix(_DOCUMENT).strip() or None, []
        elif line.strip():
            rows.append(line.split("\t"))
    if rows:
        yield origin, document, rows


def _record(
    origin: str, document: str | None, language: str, rows: list[list[str]]
) -> Record | Reject:
    tokens, tags, links = [], [], []
    for _, token, tag, labels, others in rows:
        tokens.append(token)
        tags.append(tag)
        if labels != _NONE:
            last = len(tokens) - 1
            ends = map(whole, items(orjson.loads(others)))
            links += [(x, last, end) for x, end in zip(_names(labels), ends, strict=True)]
    spans = _tags.decode(tags, _tags.Style())
    text, starts = join_tokens(tokens, language)
    if isinstance(spans, str):
        return Reject(origin, "unknown_tag", spans, text[:EXCERPT])
    index = {last: number for number, (_, last, _) in enumerate(spans)}
    relations = []
    for label, head, tail in links:
        if head not in index or tail not in index:
            why = f"{label} from token {head} to token {tail}"
            return Reject(origin, "relation_without_entity", why, text[:EXCERPT])
        relations.append(Relation(label, index[head], index[tail]))
    mentions = _tags.mentions(spans, text, tokens, starts)
    return Record(text, origin, mentions, relations, source_id=document)


def _names(labels: str) -> list[str]:
    """The labels of a Python list of them."""
    names: list[str] = orjson.loads(labels.replace("'", '"'))
    return names


def _count_relations(rows: list[list[str]]) -> int:
    """How many relations a sentence loses that cannot be read: one per quoted label."""
    return sum(row[3].count("'") // 2 for row in rows if len(row) > 3 and row[3] != _NONE)
