r"""Drugs and their adverse effects, a pair a row between bars: the .rel files of the ADE corpus.

    31415926|Rash after two weeks of calmaril.|rash|612|616|calmaril|635|643

The columns are a PubMed id, the sentence, the effect, its begin and end, the drug, its begin and
end. The offsets count in an abstract that is not in the archive. What the sentence's own offset in
it is follows from the mentions: it is the one for which every mention of every row of the sentence
stands where its row says. The drug is the head, the effect the tail. `relation` names the pairs,
since the rows do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.readers._options import Files, Found, Table
from pipeline.readers._source import EXCERPT, lines
from pipeline.records import Mention, Record, Reject, Relation

_COLUMNS: Final = 8


class _Row(NamedTuple):
    """One row; the offsets count in the document."""

    origin: str
    document: str
    sentence: str
    tail: str
    tail_start: int
    head: str
    head_start: int


class Options(Table, frozen=True):
    """What the pairs are called."""

    relation: str = "adverse effect"


def read(files: Files, options: Options) -> Found:
    """Yield one record per row; rows of the same sentence complete each other."""
    for file in files:
        rows = [_row(origin, line) for origin, line in lines(file) if line.strip()]
        bases: dict[tuple[str, str], set[int]] = {}
        for row in rows:
            if isinstance(row, _Row):
                key, row_bases = row[1:3], _bases(row)
                bases[key] = bases[key] & row_bases if key in bases else row_bases
        for row in rows:
            yield (
                row if isinstance(row, Reject) else _record(row, bases[row[1:3]], options.relation)
            )


def _row(origin: str, line: str) -> _Row | Reject:
    columns = line.split("|")
    places = [columns[i] for i in (3, 4, 6, 7)] if len(columns) == _COLUMNS else []
    if not places or not all(p.isascii() and p.isdigit() and len(p) < 10 for p in places):
        why = f"{len(columns)} columns" if not places else f"offsets {places}"
        return Reject(origin, "malformed_record", why, line[:EXCERPT], relations=1)
    document, sentence, tail, _, _, head, _, _ = columns
    return _Row(origin, document, sentence, tail, int(places[0]), head, int(places[2]))


def _bases(row: _Row) -> set[int]:
    """Where the sentence may begin in the document, by this row's mentions."""
    head = {row.head_start - i for i in _places(row.sentence, row.head)}
    return head & {row.tail_start - i for i in _places(row.sentence, row.tail)}


def _places(sentence: str, mention: str) -> Iterator[int]:
    start = sentence.find(mention) if mention else -1
    while start >= 0:
        yield start
        start = sentence.find(mention, start + 1)


def _record(row: _Row, bases: set[int], relation: str) -> Record | Reject:
    if not bases:
        why = f"no place of the sentence puts {row.head!r} and {row.tail!r} where the offsets say"
        excerpt = row.sentence[:EXCERPT]
        return Reject(row.origin, "offset_mismatch", why[:EXCERPT], excerpt, relations=1)
    base = next(iter(bases)) if len(bases) == 1 else None
    text = row.sentence.strip()
    lead = len(row.sentence) - len(row.sentence.lstrip())
    mentions = [
        _mention(row.head, row.head_start, base, lead),
        _mention(row.tail, row.tail_start, base, lead),
    ]
    relations = [Relation(relation, 0, 1)]
    return Record(text, row.origin, mentions, relations, source_id=row.document)


def _mention(raw: str, start: int, base: int | None, lead: int) -> Mention:
    """The mention without the blanks that a few rows have at its ends."""
    if base is None:
        return Mention(raw.strip())
    start += len(raw) - len(raw.lstrip()) - base - lead
    return Mention(raw.strip(), start, start + len(raw.strip()))
