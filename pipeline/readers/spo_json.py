"""Subject-predicate-object triples in JSON, one text a line or one array, without offsets.

    {"text": "《雾港来信》由沈知夏执导，顾临川饰演灯塔守望者老秦", "spo_list": [
        {"predicate": "导演", "subject_type": "影视作品", "subject": "雾港来信",
         "object_type": "人物", "object": "沈知夏"},
        {"predicate": "饰演", "subject_type": "娱乐人物", "subject": "顾临川",
         "object_type": {"@value": "人物", "inWork": "影视作品"},
         "object": {"@value": "老秦", "inWork": "雾港来信"}}]}

An object and its type are strings (as in DuIE1.0), or objects whose `@value` is the tail and whose
other slots are qualifiers (as in DuIE2.0). Types may be missing; other keys (`postag`, `Combined`)
are not read. A row without the list is unlabelled, which is not negative: it is rejected.

`fields` renames fields, e.g. { text = "sentence", spo_list = "triples", subject = "head" }.
`label = "signature"` reads "疾病|同义词|疾病" as the relation, for predicates whose meaning depends
on their types. `restore_case` takes the text's spelling of a name that is annotated in other letter
case: some annotators' tools wrote 男人ktv for the 男人KTV of the text.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pipeline.errors import DeclarationError
from pipeline.readers._source import EXCERPT, attempt, items, json_rows
from pipeline.records import Argument, Mention, Record, Reject, Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_VALUE: Final = "@value"


class _Names(NamedTuple):
    """What the fields are called in the file."""

    text: str = "text"
    id: str = "id"
    spo_list: str = "spo_list"
    predicate: str = "predicate"
    subject: str = "subject"
    subject_type: str = "subject_type"
    object: str = "object"
    object_type: str = "object_type"


class _Format(NamedTuple):
    names: _Names
    signature: bool
    restore_case: bool


def read(
    files: Sequence[Path],
    *,
    language: str,  # noqa: ARG001 - the text is given whole, nothing is joined
    fields: Mapping[str, str] | None = None,
    label: Literal["predicate", "signature"] = "predicate",
    restore_case: bool = False,
) -> Iterator[Record | Reject]:
    """Yield one record per row; a mention's label is its type, where the source gives types."""
    if label not in ("predicate", "signature"):
        todo = 'use "predicate" or "signature"'
        raise DeclarationError(f"no label {label!r}", where="[reader] label", todo=todo)
    if unknown := sorted({*(fields or {})} - {*_Names._fields}):
        raise DeclarationError(
            f"spo_json has no field {unknown[0]!r}",
            where="[reader] fields",
            todo=f"rename one of {', '.join(_Names._fields)}",
        )
    form = _Format(_Names(**(fields or {})), label == "signature", restore_case)
    for file in files:
        for origin, row in json_rows(file):
            item = attempt(origin, partial(_record, origin, form), row)
            if isinstance(item, Reject) and isinstance(row, dict):
                spos = row.get(form.names.spo_list)
                item = item._replace(relations=len(spos) if isinstance(spos, list) else 0)
            yield item


def _record(origin: str, form: _Format, row: Any) -> Record | Reject:
    names = form.names
    text: str = row[names.text]
    if row.get(names.spo_list) is None:
        return Reject(origin, "unlabelled", f"no {names.spo_list}", str(text)[:EXCERPT])
    folded = text.lower() if form.restore_case else ""
    mentions: dict[tuple[str, str | None], int] = {}

    def mention(name: str, kind: str | None) -> int:
        if form.restore_case and name not in text:
            name = _as_written(text, folded, name)
        return mentions.setdefault((name, kind), len(mentions))

    relations = []
    for spo in items(row[names.spo_list]):
        kinds, values = spo.get(names.object_type), spo[names.object]
        slots = values if isinstance(values, dict) else {_VALUE: values}
        types = kinds if isinstance(kinds, dict) else {_VALUE: kinds}
        label, head_type = spo[names.predicate], spo.get(names.subject_type)
        if form.signature:
            label = f"{head_type}|{label}|{types.get(_VALUE)}"
        head = mention(spo[names.subject], head_type)
        tail = mention(slots[_VALUE], types.get(_VALUE))
        qualifiers = tuple(
            Argument(slot, mention(value, types.get(slot)))
            for slot, value in slots.items()
            if slot != _VALUE and value
        )
        relations.append(Relation(label, head, tail, qualifiers))
    own_id = row.get(names.id)
    return Record(
        text,
        origin,
        [Mention(name, label=kind) for name, kind in mentions],
        relations,
        source_id=str(own_id) if isinstance(own_id, int) else own_id,
    )


def _as_written(text: str, folded: str, name: str) -> str:
    """The text's spelling of a name in other letter case; lower case may change a text's length."""
    start = folded.find(name.lower()) if len(folded) == len(text) else -1
    return name if start < 0 else text[start : start + len(name)]
