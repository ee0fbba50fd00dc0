"""CoNLL-U and CoNLL-U Plus, with tags of names in a column or in MISC.

    # newdoc id = a1
    # sent_id = 1
    1-2<TAB>Don't<TAB>_<TAB>_<TAB>_<TAB>_<TAB>_<TAB>_<TAB>_<TAB>_
    1<TAB>Do<TAB>do<TAB>AUX<TAB>_<TAB>_<TAB>3<TAB>aux<TAB>_<TAB>name=O
    3<TAB>Oslo<TAB>Oslo<TAB>PROPN<TAB>_<TAB>_<TAB>0<TAB>root<TAB>_<TAB>name=B-LOC|SpaceAfter=No

The text is the words joined. Rows of several words (1-2) and of none (6.1) are passed over.
`column` is the column of tags: its place, or its name in `# global.columns`. In MISC the tag is the
value of `key`, or all of the cell; "_" is O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.readers import columns
from pipeline.readers._options import Files, Found
from pipeline.readers._source import blocks
from pipeline.readers._tags import Tagged

_COLUMNS: Final = "ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC".split()  # noqa: SIM905
_GLOBAL: Final = "# global.columns ="
_DOCUMENT: Final = "# newdoc id ="


class Options(Tagged, frozen=True):
    """Where the tags stand, and how they are written."""

    column: str | int = "MISC"
    key: str = "name"


def read(files: Files, options: Options) -> Found:
    """Yield one record per sentence."""
    tagged = {name: getattr(options, name) for name in Tagged.__struct_fields__}
    form = columns.Options(**tagged)
    for file in files:
        for sentence in _sentences(file, options):
            yield columns.record(sentence, form, 2)


def _sentences(file: Path, options: Options) -> Iterator[columns.Sentence]:
    names, document = _COLUMNS, None
    for block in blocks(file):
        rows: list[tuple[str, list[str]]] = []
        for place, line in block:
            if not line.startswith("#") or rows:
                if row := _word(line.split("\t"), names, options):
                    rows.append((place, row))
            elif line.startswith(_GLOBAL):
                names = line.removeprefix(_GLOBAL).split()
            elif line.startswith(_DOCUMENT):
                document = line.removeprefix(_DOCUMENT).strip()
        if rows:
            yield columns.Sentence(rows, document)


def _word(cells: list[str], names: Sequence[str], options: Options) -> list[str]:
    """Word and tag of a row; nothing for a row of several words or of none."""
    number = cells[0]
    if "ID" in names and ("-" in number or "." in number):
        return []
    form = names.index("FORM") if "FORM" in names else 1
    name = options.column
    column = name if isinstance(name, int) else names.index(name) if name in names else len(cells)
    if not -len(cells) <= column < len(cells) or form >= len(cells):
        return cells[form : form + 1]  # It is reported as a row without the column.
    cell = cells[column]
    pairs = dict(part.partition("=")[::2] for part in cell.split("|"))
    tag = pairs.get(options.key, "_") if "=" in cell else cell
    return [cells[form], "O" if tag == "_" else tag]
