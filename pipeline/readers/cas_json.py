"""UIMA CAS JSON, as INCEpTION exports it: a document, and features that refer to one another.

    {"%TYPES": {...}, "%VIEWS": {"_InitialView": {"%SOFA": 1, ...}}, "%FEATURE_STRUCTURES": [
        {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaString": "Ada left Oslo"},
        {"%ID": 7, "%TYPE": "custom.Name", "@sofa": 1, "begin": 0, "end": 3, "value": "PER"},
        {"%ID": 8, "%TYPE": "custom.Name", "@sofa": 1, "begin": 9, "end": 13, "value": "LOC"},
        {"%ID": 9, "%TYPE": "custom.Pair", "@sofa": 1, "begin": 9, "end": 13, "label": "left",
         "@Governor": 7, "@Dependent": 8}]}

A file is one record. `type` and `feature` say which structures are entities and which feature is
their label, `relation_type` and `relation_feature` the same of relations: what has a governor and a
dependent. Types may be given by their last word. Offsets count UTF-16 units.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.readers import json_rows
from pipeline.readers._options import Table
from pipeline.readers._paths import Item
from pipeline.readers._source import files_in, json_document
from pipeline.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pipeline.records import Record


class Options(Table, frozen=True):
    """Which structures are entities and relations."""

    type: str = "NamedEntity"
    feature: str = "value"
    relation_type: str = ""
    relation_feature: str = "label"


def read(files: Sequence[Path], options: Options) -> Iterator[Record | Reject]:
    """Yield one record per file."""
    return json_rows.rows_read(_rows(files, options), json_rows.layout("cas_json"))


def _rows(files: Sequence[Path], options: Options) -> Iterator[tuple[str, Item]]:
    for file in files_in(files, ".json"):
        structures = _structures(file)
        texts = [s["sofaString"] for s in structures if isinstance(s.get("sofaString"), str)]
        if len(texts) != 1:
            why = f"{len(texts)} texts (sofaString), where one is due"
            odd = Reject(file.name, "malformed_record", why, source_id=file.stem)
            yield file.name, Item(odd)
            continue
        entities = [
            {"id": s.get("%ID"), "start": s.get("begin"), "end": s.get("end"), "label": label}
            for s, label in _of(structures, options.type, options.feature)
        ]
        relations = [
            {"label": label, "head": s.get("@Governor"), "tail": s.get("@Dependent")}
            for s, label in _of(structures, options.relation_type, options.relation_feature)
        ]
        row = {"text": texts[0], "entities": entities, "relations": relations}
        yield file.name, Item(row, ((file.stem, None),))


def unread_fields(files: Sequence[Path], options: Options) -> Counter[str]:
    """Type of structures that is not read -> how many there are, texts and marks of them apart."""
    kinds = (s.get("%TYPE") for f in files_in(files, ".json") for s in _structures(f))
    found = Counter(kind for kind in kinds if isinstance(kind, str))
    own = (options.type, options.relation_type)
    return Counter(
        {k: n for k, n in found.items() if not _is(k, own) and not k.startswith("uima.")}
    )


def _structures(file: Path) -> list[dict[str, Any]]:
    document = json_document(file)
    found = document.get("%FEATURE_STRUCTURES") if isinstance(document, dict) else None
    # Older exports have an object of structures by their id.
    if isinstance(found, dict):
        found = [{"%ID": key, **own} for key, own in found.items() if isinstance(own, dict)]
    return [s for s in found if isinstance(s, dict)] if isinstance(found, list) else []


def _of(
    structures: list[dict[str, Any]], kind: str, feature: str
) -> Iterator[tuple[dict[str, Any], Any]]:
    """(structure, label) of the structures of a type."""
    for structure in structures:
        if kind and _is(structure.get("%TYPE"), (kind,)):
            yield structure, structure.get(feature)


def _is(found: Any, wanted: Sequence[str]) -> bool:
    return isinstance(found, str) and (found in wanted or found.rpartition(".")[2] in wanted)
