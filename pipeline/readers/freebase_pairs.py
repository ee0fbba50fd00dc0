r"""One pair of Freebase entities a row with a snippet that names them: GIDS, and NYT10 before it.

    /m/01<TAB>/m/02<TAB>Orla_Finn<TAB>Ridge_Bay<TAB>NA<TAB>Orla_Finn sang in Ridge_Bay . ###END###

The columns are the identifiers of head and tail, their names, the relation and the text. The words
of a name are joined by underscores, in the text too. The underscores show which of several places
is meant, so spans are found first; then the text gets its blanks back. A name that stands in the
text twice has no offsets. The closing `###END###` is cut off.
"""

from typing import Any, Final

from pipeline.readers._paths import RowError, Rows
from pipeline.readers._source import trimmed
from pipeline.readers.json_rows import lines_of, shaped

_COLUMNS: Final = 6
_END: Final = "###END###"


def _pair(origin: str, line: str, _: object) -> Rows:
    columns = line.split("\t")
    if len(columns) != _COLUMNS:
        raise RowError(f"{len(columns)} of {_COLUMNS} columns")
    _, _, head, tail, relation, raw = columns
    raw = raw.strip().removesuffix(_END).strip()
    text = raw
    # The longer name first: the shorter one may be a part of it.
    for name in sorted((head, tail), key=len, reverse=True):
        text = text.replace(name, name.replace("_", " ")) if name else text
    ends = {"head": _mention(raw, head), "tail": _mention(raw, tail)}
    yield origin, {"text": text, "relation": relation, **ends}


def _mention(raw: str, name: str) -> dict[str, Any]:
    """The mention of `name`, with its span where the text names it once."""
    spelled = name.replace("_", " ")
    start = _only_word(raw, name)
    if start < 0:
        return {"text": spelled.strip()}
    first, end = trimmed(spelled, 0, len(spelled))
    return {"text": spelled.strip(), "start": start + first, "end": start + end}


def _only_word(raw: str, name: str) -> int:
    """Where `name` stands as a word, if only once, else -1."""
    place, start = -1, raw.find(name) if name else -1
    while start >= 0:
        end = start + len(name)
        if not raw[start - 1 : start].isalnum() and not raw[end : end + 1].isalnum():
            if place >= 0:
                return -1
            place = start
        start = raw.find(name, start + 1)
    return place


read, _ = shaped("pair", _pair, lines_of)
