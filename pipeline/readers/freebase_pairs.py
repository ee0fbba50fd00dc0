r"""One pair of Freebase entities a row with a snippet that names them: GIDS, and NYT10 before it.

    /m/01<TAB>/m/02<TAB>Orla_Finn<TAB>Ridge_Bay<TAB>NA<TAB>Orla_Finn sang in Ridge_Bay . ###END###

The columns are the identifiers of head and tail, their names, the relation and the text. The names
are joined by underscores, in the text too. There the blanks are put back, but spans are taken
before: the underscores show which of several places is meant. A name that stands there as a word
twice has no offsets. The closing `###END###` is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.readers._source import EXCERPT, lines
from pipeline.records import Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_COLUMNS: Final = 6
_END: Final = "###END###"


def read(files: Sequence[Path]) -> Iterator[Record | Reject]:
    """Yield one record per row; rows of the same text complete each other."""
    for file in files:
        for origin, line in lines(file):
            if line.strip():
                yield _record(origin, line)


def _record(origin: str, line: str) -> Record | Reject:
    columns = line.split("\t")
    if len(columns) != _COLUMNS:
        why = f"{len(columns)} of {_COLUMNS} columns"
        return Reject(origin, "malformed_record", why, line[:EXCERPT], relations=1)
    _, _, head, tail, relation, raw = columns
    raw = raw.strip().removesuffix(_END).strip()
    text = raw
    # The longer name first: the shorter one may be a part of it.
    for name in sorted((head, tail), key=len, reverse=True):
        text = text.replace(name, name.replace("_", " ")) if name else text
    mentions = [_mention(raw, head), _mention(raw, tail)]
    if mentions[0] == mentions[1]:
        return Record(text, origin, mentions[:1], [Relation(relation, 0, 0)])
    return Record(text, origin, mentions, [Relation(relation, 0, 1)])


def _mention(raw: str, name: str) -> Mention:
    """The mention of `name`, with its span where the text names it once."""
    spelled = name.replace("_", " ")
    start = _only_word(raw, name)
    if start < 0:
        return Mention(spelled.strip())
    start += len(spelled) - len(spelled.lstrip())
    return Mention(spelled.strip(), start, start + len(spelled.strip()))


def _only_word(raw: str, name: str) -> int:
    """Where `name` stands as a word, if only once, else -1."""
    found, start = -1, raw.find(name) if name else -1
    while start >= 0:
        end = start + len(name)
        if not raw[start - 1 : start].isalnum() and not raw[end : end + 1].isalnum():
            if found >= 0:
                return -1
            found = start
        start = raw.find(name, start + 1)
    return found
