r"""Drugs and their adverse effects, a pair a row between bars: the .rel files of the ADE corpus.

    31415926|Rash after two weeks of calmaril.|rash|612|616|calmaril|635|643

The columns are a PubMed id, the sentence, the effect, its begin and end, the drug, its begin and
end. The offsets count in an abstract that is not in the archive. What the sentence's own offset in
it is follows from the mentions: it is the one for which every mention of every row of the sentence
stands where its row says. The drug is the head, the effect the tail. `relation` names the pairs,
since the rows do not.
"""

from typing import Final

from pipeline.readers._paths import Files, Found, Table
from pipeline.readers._source import EXCERPT, lines, places_of
from pipeline.records import Mention, Record, Reject, Relation

_COLUMNS: Final = 8


class Options(Table, frozen=True):
    """What the pairs are called."""

    relation: str = "adverse effect"


def read(files: Files, options: Options) -> Found:
    """Yield one record per row; rows of the same sentence complete each other."""
    for file in files:
        rows = [(origin, line, line.split("|")) for origin, line in lines(file) if line.strip()]
        bases: dict[tuple[str, str], set[int]] = {}
        for cells in (cells for *_, cells in rows if not _fault(cells)):
            key = cells[0], cells[1]
            bases[key] = bases.get(key, _bases(cells)) & _bases(cells)
        for origin, line, cells in rows:
            if fault := _fault(cells):
                yield Reject(origin, "malformed_record", fault, line[:EXCERPT], relations=1)
            else:
                yield _record(origin, cells, bases[cells[0], cells[1]], options.relation)


def _fault(cells: list[str]) -> str:
    """What is wrong with the cells of a row."""
    places = [cells[i] for i in (3, 4, 6, 7)] if len(cells) == _COLUMNS else []
    if places and all(p.isascii() and p.isdigit() and len(p) < 10 for p in places):
        return ""
    return f"offsets {places}" if places else f"{len(cells)} columns"


def _bases(cells: list[str]) -> set[int]:
    """Where the sentence may begin in the document, by the mentions of this row."""
    _, sentence, tail, tail_start, _, head, head_start, _ = cells
    by_head = {int(head_start) - place for place in places_of(head, sentence)}
    return by_head & {int(tail_start) - place for place in places_of(tail, sentence)}


def _record(origin: str, cells: list[str], bases: set[int], relation: str) -> Record | Reject:
    document, sentence, tail, tail_start, _, head, head_start, _ = cells
    if not bases:
        why = f"no place of the sentence puts {head!r} and {tail!r} where the offsets say"
        excerpt = sentence[:EXCERPT]
        return Reject(origin, "offset_mismatch", why[:EXCERPT], excerpt, relations=1)
    lead = len(sentence) - len(sentence.lstrip())
    begin = next(iter(bases)) + lead if len(bases) == 1 else None
    mentions = [_mention(head, int(head_start), begin), _mention(tail, int(tail_start), begin)]
    return Record(sentence.strip(), origin, mentions, [Relation(relation, 0, 1)], (), document)


def _mention(raw: str, start: int, begin: int | None) -> Mention:
    """The mention in a text that begins at `begin`, without the blanks that a few rows have."""
    if begin is None:
        return Mention(raw.strip())
    start += len(raw) - len(raw.lstrip()) - begin
    return Mention(raw.strip(), start, start + len(raw.strip()))
