r"""WebAnno TSV 3, as WebAnno and INCEpTION export it: tokens with their spans and relations.

    #FORMAT=WebAnno TSV 3.3
    #T_SP=webanno.custom.Name|value
    #T_RL=webanno.custom.Pair|label|BT_webanno.custom.Name

    #Text=Ada Falk left Oslo
    1-1<TAB>0-3<TAB>Ada<TAB>PER[1]<TAB>_<TAB>_<TAB>
    1-2<TAB>4-8<TAB>Falk<TAB>PER[1]<TAB>_<TAB>_<TAB>
    1-3<TAB>9-13<TAB>left<TAB>_<TAB>_<TAB>_<TAB>
    1-4<TAB>14-18<TAB>Oslo<TAB>LOC<TAB>left<TAB>1-1[1_0]<TAB>

Every sentence is a record. Offsets count UTF-16 units of the document. `layer` is the layer of
spans, the first one if it is not named, and `feature` is the feature of it that is the label; the
relations are those of the layer on top of it. A span without a value is rejected with its sentence.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.errors import RawFileError
from pipeline.readers._paths import Files, Item, RowError, Rows, Table
from pipeline.readers._source import lines
from pipeline.readers.json_rows import shaped

_VALUE: Final = re.compile(r"(.*?)(?:\[(\d+)\])?", re.DOTALL)
_SOURCE: Final = re.compile(r"(\d+-\d+(?:\.\d+)?)(?:\[(\d+)_(\d+)\])?")
_ESCAPED: Final = re.compile(r"\\(.)")
_TOKEN_CELLS: Final = 3


class Options(Table, frozen=True):
    """The layer and the feature that are the labels."""

    layer: str = ""
    feature: str = ""


#: Features that hold the label, of layers with several; `identifier` is one of INCEpTION's.
_LABELS: Final = ("value", "label")


class _Layers(NamedTuple):
    """The columns of the label, of relations, and of the sources of relations."""

    spans: int
    relations: int | None
    sources: int | None
    #: (layer, feature) of each column, sources of relations among them.
    columns: list[tuple[str, str]]


def unread_fields(files: Files, options: Options) -> Counter[str]:
    """Layer and feature that are not read -> in how many rows they have a value."""
    counts: Counter[str] = Counter()
    for file in files:
        layers = _layers(file, options)
        columns_read = (layers.spans, layers.relations, layers.sources)
        for _, _, rows in _sentences(file):
            for row in rows:
                cells = zip(layers.columns, row[_TOKEN_CELLS:], strict=False)
                filled = [(n, c) for n, (c, cell) in enumerate(cells) if cell not in ("_", "*", "")]
                counts.update("|".join(column) for n, column in filled if n not in columns_read)
    return counts


def _layers(file: Path, options: Options) -> _Layers:
    columns: list[tuple[str, str]] = []
    kinds: dict[str, str] = {}
    for _, line in lines(file):
        if line[:6] in ("#T_SP=", "#T_RL=", "#T_CH="):
            name, *features = line[6:].split("|")
            kinds[name] = line[3:5]
            # A layer without features has one column of its own.
            columns += [(name, feature) for feature in features or [""]]
        elif not line.startswith("#") and line.strip():
            break
    layer = options.layer or next((n for n, kind in kinds.items() if kind == "SP"), "")
    of_layer = [n for n, column in enumerate(columns) if column[0] == layer]
    wanted = (options.feature,) if options.feature else _LABELS
    named = [n for n in of_layer if columns[n][1] in wanted]
    named = named or ([] if options.feature else of_layer)
    if not named:
        there = ", ".join(f"{name}|{feature}" for name, feature in columns) or "none"
        what = f"no layer of spans {layer!r} with a feature {options.feature!r}; there are {there}"
        todo = "set `layer` and `feature` in [reader], or export the file as WebAnno TSV 3"
        raise RawFileError(what, where=file, todo=todo)
    sources = [n for n, (_, feature) in enumerate(columns) if feature == f"BT_{layer}"]
    relations = [n for n, c in enumerate(columns) if sources and c[0] == columns[sources[0]][0]]
    related = relations[0] if relations and relations[0] not in sources else None
    return _Layers(named[0], related, sources[0] if sources else None, columns)


def _sentences(file: Path) -> Iterator[tuple[str, str, list[list[str]]]]:
    """(origin, text, rows) of every sentence."""
    origin, texts = "", list[str]()
    rows: list[list[str]] = []
    for place, line in chain(lines(file), [("", "#Text=")]):  # The last one ends what is open.
        if line.startswith("#Text="):
            if rows:
                yield origin, "\n".join(texts), rows
                texts, rows = [], []
            origin = origin if texts else place
            texts.append(_ESCAPED.sub(r"\1", line.removeprefix("#Text=")))
        elif line.strip() and not line.startswith("#"):
            rows.append(line.split("\t"))


def _parted(files: Files, options: Options) -> Rows:
    for file in files:
        layers = _layers(file, options)
        for origin, text, rows in _sentences(file):
            yield origin, Item((text, rows, layers))


def _row(origin: str, sentence: Any, _: object) -> Rows:
    """A sentence as a row: the tokens of one span bear one number, a span of one token none."""
    text, rows, layers = sentence
    base = int(rows[0][1].split("-")[0])
    entities: dict[str, dict[str, Any]] = {}
    relations = []
    for row in rows:
        place, (start, end) = row[0], (int(n) - base for n in row[1].split("-"))
        for value, number in _values(row[_TOKEN_CELLS + layers.spans]):
            key = f"#{number}" if number != "0" else place
            if value == "*":
                raise RowError(f"a span without a value: {row[2]!r:.60}")
            entity = entities.setdefault(key, {"id": key, "label": value, "start": start})
            entity["end"] = end
        if layers.relations is None or layers.sources is None:
            continue
        labels = _values(row[_TOKEN_CELLS + layers.relations])
        cell = row[_TOKEN_CELLS + layers.sources]
        sources = [] if cell == "_" else cell.split("|")
        for (label, _), source in zip(labels, sources, strict=True):
            match = _SOURCE.fullmatch(source)
            if not match or label == "*":
                raise RowError(f"a relation without a label or a source: {source!r:.60}")
            head, tail = ((n if n and n != "0" else "") for n in (match[2], match[3]))
            ends = [f"#{n}" if n else token for n, token in ((head, match[1]), (tail, place))]
            relations.append({"label": label, "head": ends[0], "tail": ends[1]})
    yield origin, {"text": text, "entities": [*entities.values()], "relations": relations}


read, _ = shaped("webanno_tsv", _row, _parted)


def _values(cell: str) -> list[tuple[str, str]]:
    """(value, number or "0") of what is stacked in a cell."""
    if cell == "_":
        return []
    matches = [_VALUE.fullmatch(part) for part in re.split(r"(?<!\\)\|", cell)]
    return [(_ESCAPED.sub(r"\1", m[1]), m[2] or "0") for m in matches if m]
