"""UIMA CAS JSON, as INCEpTION exports it: a document, and features that refer to one another.

    {"%TYPES": {...}, "%VIEWS": {"_InitialView": {"%SOFA": 1, ...}}, "%FEATURE_STRUCTURES": [
        {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaString": "Ada left Oslo"},
        {"%ID": 7, "%TYPE": "custom.Name", "@sofa": 1, "begin": 0, "end": 3, "value": "PER"},
        {"%ID": 8, "%TYPE": "custom.Name", "@sofa": 1, "begin": 9, "end": 13, "value": "LOC"},
        {"%ID": 9, "%TYPE": "custom.Pair", "@sofa": 1, "begin": 9, "end": 13, "label": "left",
         "@Governor": 7, "@Dependent": 8}]}

A file is one record. `type` says which structures are entities, and `feature` which of their
features is the label. `relation_type` and `relation_feature` say the same for relations, which have
a governor and a dependent. The last word of a type is enough. Offsets count UTF-16 units.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pipeline.readers._paths import Files, RowError, Rows, Table
from pipeline.readers.json_rows import rows_of, shaped


class Options(Table, frozen=True):
    """Which structures are entities and relations."""

    type: str = "NamedEntity"
    feature: str = "value"
    relation_type: str = ""
    relation_feature: str = "label"


def _row(origin: str, document: Any, options: Options) -> Rows:
    """A document with its entities and relations as lists."""
    structures = _structures(document)
    texts = [s["sofaString"] for s in structures if isinstance(s.get("sofaString"), str)]
    if len(texts) != 1:
        raise RowError(f"{len(texts)} texts (sofaString), instead of one")
    fields = {"id": "%ID", "start": "begin", "end": "end", "label": options.feature}
    entities = _of(structures, options.type, fields)
    fields = {"label": options.relation_feature, "head": "@Governor", "tail": "@Dependent"}
    relations = _of(structures, options.relation_type, fields)
    yield origin, {"text": texts[0], "entities": entities, "relations": relations}


read, _ = shaped("cas_json", _row)


def unread_fields(files: Files, options: Options) -> Counter[str]:
    """Type of structure that is not read -> how many there are; UIMA's own are not counted."""
    kinds = (s.get("%TYPE") for _, item in rows_of(files) for s in _structures(item.value))
    counts = Counter(kind for kind in kinds if isinstance(kind, str))
    types_read = (options.type, options.relation_type)
    unread = (k for k in counts if not _is(k, types_read) and not k.startswith("uima."))
    return Counter({kind: counts[kind] for kind in unread})


def _structures(document: Any) -> list[dict[str, Any]]:
    structures = document.get("%FEATURE_STRUCTURES") if isinstance(document, dict) else None
    # Older exports have an object of structures by their id.
    if isinstance(structures, dict):
        held = structures.items()
        structures = [{"%ID": key, **fields} for key, fields in held if isinstance(fields, dict)]
    return [s for s in structures if isinstance(s, dict)] if isinstance(structures, list) else []


def _of(structures: list[Any], kind: str, fields: dict[str, str]) -> list[dict[str, Any]]:
    """The structures of a type as rows: our name of a field -> its value, by its name there."""
    of_kind = [s for s in structures if kind and _is(s.get("%TYPE"), (kind,))]
    return [{ours: s.get(theirs) for ours, theirs in fields.items()} for s in of_kind]


def _is(kind: Any, wanted: Sequence[str]) -> bool:
    return isinstance(kind, str) and (kind in wanted or kind.rpartition(".")[2] in wanted)
