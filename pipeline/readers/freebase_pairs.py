r"""One pair of Freebase entities a row with a snippet that names them: GIDS, and NYT10 before it.

    /m/01<TAB>/m/02<TAB>Orla_Finn<TAB>Ridge_Bay<TAB>NA<TAB>Orla_Finn sang in Ridge_Bay . ###END###

The columns are the identifiers of head and tail, their names, the relation and the text. The words
of a name are joined by underscores, in the text too. The underscores show which of several places
is meant, so spans are found first; then the text gets its blanks back. A name that stands in the
text twice has no offsets. The closing `###END###` is cut off.
"""

from typing import Any, Final

from pipeline.readers._paths import RowError, Rows
from pipeline.readers._source import places_of, trimmed
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
    edges = [(at, raw[at - 1 : at], raw[at + len(name) :][:1]) for at in places_of(name, raw)]
    words = [at for at, before, after in edges if not before.isalnum() and not after.isalnum()]
    return words[0] if len(words) == 1 else -1


read, _ = shaped("pair", _pair, lines_of)
