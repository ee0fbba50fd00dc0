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

from typing import Any, Final

import orjson

from pipeline.readers._paths import Files, Item, RowError, Rows
from pipeline.readers._paths import Joined as Options  # noqa: F401 - the catalog asks for it
from pipeline.readers._source import blocks, items
from pipeline.readers.json_rows import shaped

_DOCUMENT: Final = "#doc"
_NONE: Final = "['N']"
_COLUMNS: Final = 5


def _sentences(files: Files, _: object) -> Rows:
    """The columns of each sentence, which the files call a document, as far as they go."""
    for file in files:
        for block in blocks(file, lambda line: line.startswith(_DOCUMENT)):
            heads = [line for _, line in block if line.startswith(_DOCUMENT)]
            rows = [line.split("\t") for _, line in block if not line.startswith(_DOCUMENT)]
            if rows:
                tags = [row[2] for row in rows if len(row) > 2]
                labels = [_names(row[3]) for row in rows if len(row) > 3]
                document = "".join(heads).removeprefix(_DOCUMENT).strip() or None
                columns = {"document": document, "rows": rows, "tags": tags, "labels": labels}
                yield block[0][0], Item(columns)


def _linked(origin: str, row: dict[str, Any], _: object) -> Rows:
    """A sentence with its relations, each between the last tokens of two entities."""
    links = []
    for last, cells in enumerate(row["rows"]):
        if len(cells) != _COLUMNS:
            raise RowError(f"{len(cells)} of {_COLUMNS} columns")
        names = row["labels"][last]
        others = items(orjson.loads(cells[4])) if names else []
        links += [[name, last, other] for name, other in zip(names, others, strict=True)]
    yield origin, {**row, "tokens": [cells[1] for cells in row["rows"]], "links": links}


def _names(labels: str) -> list[str]:
    """The labels of a Python list of them."""
    return [] if labels == _NONE else labels.split("'")[1::2]


read, _ = shaped("multihead", _linked, _sentences)
